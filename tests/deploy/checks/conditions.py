"""Each condition holds when it should, and only then."""

from templates import Evaluation

from . import check, differ
from .form import ALL

TOPIC = "arn:aws:sns:eu-west-3:123456789012:alarms"
ROLE = "arn:aws:iam::123456789012:role/producer"
# Of each condition a case in which it holds, and one in which it doesn't.
CASES = {
    "root": {
        "HasNetwork": ({"Network": "nat"}, {"Network": "none"}),
        "AllocatesAddresses": ({}, {"EgressAllocationIds": "eipalloc-00000001"}),
        "HasOrigins": ({"AllowedOrigins": "https://app.example.com"}, {}),
        "ReservesVerify": ({"VerifyConcurrency": 5}, {}),
        "Traces": ({"Tracing": "Active"}, {}),
        "HasEndpoint": ({"AwsEndpointUrl": "http://127.0.0.1:4566"}, {}),
    },
    "data": {
        "MakesKey": ({}, {"KeyArn": "arn:aws:kms:eu-west-3:123456789012:key/1"}),
        "HasProducers": ({"ProducerPrincipals": ROLE}, {}),
    },
    "queue": {"HasProducers": ({"ProducerPrincipals": ROLE}, {})},
    "events": {"HasPublishers": ({"PublisherPrincipals": ROLE}, {})},
    "alarms": {
        "GivenTopic": ({"AlarmTopicArn": TOPIC}, {"AlarmEmail": "a@example.com"}),
        "MakesTopic": ({"AlarmEmail": "a@example.com"}, {"AlarmEmail": "a@example.com", "AlarmTopicArn": TOPIC}),
        "Tells": ({"AlarmEmail": "a@example.com"}, {}),
    },
}


@check(*ALL)
def cases(templates):
    for file, conditions in CASES.items():
        template = templates[file]
        yield from differ(f"the conditions of {file}", sorted(template["Conditions"]), sorted(conditions))
        for name, (holds, does_not) in conditions.items():
            yield from differ(f"{name} of {file} with {holds}", Evaluation(template, **holds).holds(name), True)
            yield from differ(f"{name} of {file} with {does_not}", Evaluation(template, **does_not).holds(name), False)
    # Both ways to be told.
    yield from differ("Tells with a topic", Evaluation(templates["alarms"], AlarmTopicArn=TOPIC).holds("Tells"), True)
    yield from differ(
        "AllocatesAddresses without a network", Evaluation(templates["root"], Network="none").holds("AllocatesAddresses"), False
    )
