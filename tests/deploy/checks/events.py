"""Events: requests in, what happened out, and the sweeper's minute."""

import json
import re

import jsonata

import source
from templates import ROOT, of_type, render

from . import check, differ
from .functions import allowed


@check("events")
def requests(templates):
    events = templates["events"]
    rule = events["Resources"]["EmailRequested"]["Properties"]
    text = source.crate("submit")
    asked_for = re.search(r'EMAIL_REQUESTED: &str = "([^"]+)"', text)[1]
    yield from differ("the events that are taken", rule["EventPattern"], {"detail-type": [asked_for]})
    yield from differ("their bus", rule["EventBusName"], {"Ref": "Bus"})
    yield from differ("the rule's name", render(rule["Name"]), "${Name}-email-requested")
    # The queue's policy lets the rules of the bus of this name in.
    yield from differ("the bus's name", events["Resources"]["Bus"]["Properties"]["Name"], {"Ref": "Name"})
    (target,) = rule["Targets"]
    yield from differ("who takes them", target["Arn"], {"Ref": "SubmitFunctionArn"})
    yield from differ("where those go that can't be handed over", target["DeadLetterConfig"], {"Arn": {"Ref": "EventsDlqArn"}})
    failures = events["Resources"]["SubmitFailures"]["Properties"]
    yield from differ("whose failures are kept", failures["FunctionName"], {"Ref": "SubmitFunctionArn"})
    yield from differ(
        "where those go that are refused", failures["DestinationConfig"], {"OnFailure": {"Destination": {"Ref": "EventsDlqArn"}}}
    )
    yield from differ("what waits how long", (failures["MaximumRetryAttempts"], failures["MaximumEventAgeInSeconds"]), (2, 21600))
    yield from differ(
        "how long they are tried to be handed over",
        target["RetryPolicy"],
        {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
    )
    condition, policy, otherwise = events["Resources"]["Bus"]["Properties"]["Policy"]["Fn::If"]
    yield from differ("the bus without publishers", (condition, otherwise), ("HasPublishers", {"Ref": "AWS::NoValue"}))
    (statement,) = policy["Statement"]
    yield from differ(
        "which bus",
        render(statement["Resource"]),
        "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${Name}",
    )
    may = (statement["Effect"], statement["Principal"], statement["Action"], statement["Condition"])
    wanted = (
        "Allow",
        {"AWS": {"Ref": "PublisherPrincipals"}},
        "events:PutEvents",
        {"StringEquals": {"events:detail-type": asked_for}},
    )
    yield from differ("what publishers may do", may, wanted)
    yield from differ("the publishers that nobody named", events["Parameters"]["PublisherPrincipals"]["Default"], "")


@check("events")
def every_minute(templates):
    events = templates["events"]
    rule = events["Resources"]["EveryMinute"]["Properties"]
    yield from differ("how often is swept", rule["ScheduleExpression"], "rate(1 minute)")
    yield from differ("who sweeps", [it["Arn"] for it in rule["Targets"]], [{"Ref": "SweepFunctionArn"}])
    yield from differ(
        "sweeps that come late",
        [it["RetryPolicy"] for it in rule["Targets"]],
        [{"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}],
    )
    failures = events["Resources"]["SweepFailures"]["Properties"]
    yield from differ(
        "sweeps that are repeated",
        (failures["FunctionName"], failures["MaximumRetryAttempts"], failures["MaximumEventAgeInSeconds"]),
        ({"Ref": "SweepFunctionArn"}, 0, 60),
    )
    permitted = {
        (it["Properties"]["FunctionName"]["Ref"], render(it["Properties"]["SourceArn"]), it["Properties"]["Principal"])
        for it in of_type(events, "AWS::Lambda::Permission").values()
    }
    wanted = {
        ("SubmitFunctionArn", "${EmailRequested.Arn}", "events.amazonaws.com"),
        ("SweepFunctionArn", "${EveryMinute.Arn}", "events.amazonaws.com"),
    }
    yield from differ("what rules may invoke", permitted, wanted)


@check("events")
def forwarded(templates):
    events = templates["events"]
    text = (ROOT / "shared/src/aws/event.rs").read_text(encoding="utf-8")
    attribute = re.search(r'ATTRIBUTE: &str = "(\w+)"', text)[1]
    pipes = of_type(events, "AWS::Pipes::Pipe")
    yield from differ(
        "the streams that are read",
        {it["Properties"]["Source"]["Ref"] for it in pipes.values()},
        {"ConnectionsStreamArn", "MessagesStreamArn"},
    )
    for name, it in pipes.items():
        pipe = it["Properties"]
        yield from differ(f"the name of {name}", render(pipe["Name"]), f"${{Name}}-{name.removesuffix('Events').lower()}s")
        stream = pipe["SourceParameters"]["DynamoDBStreamParameters"]
        (only,) = pipe["SourceParameters"]["FilterCriteria"]["Filters"]
        has_event = {"dynamodb": {"NewImage": {attribute: {"M": {"detail_type": {"S": [{"exists": True}]}}}}}}
        yield from differ(f"what {name} forwards", json.loads(only["Pattern"]), has_event)
        dlq = pipe["Source"]["Ref"].replace("StreamArn", "StreamDlqArn")
        yield from differ(f"where {name} gives up", stream["DeadLetterConfig"], {"Arn": {"Ref": dlq}})
        # After that, there must still be time to read the stream by hand: it forgets after a day.
        if not 60 <= stream["MaximumRecordAgeInSeconds"] <= 43200:
            yield f"{name} gives up too late"
        yield from differ(f"how often {name} tries", stream["MaximumRetryAttempts"], -1)
        yield from differ(f"a batch of {name} that fails", stream["OnPartialBatchItemFailure"], "AUTOMATIC_BISECT")
        # What PutEvents takes at once.
        if stream["BatchSize"] > 10:
            yield f"a batch of {name} is too large"
        yield from differ(f"where {name} begins", stream["StartingPosition"], "TRIM_HORIZON")
        yield from differ(f"what makes events of {name} plain", pipe["Enrichment"], {"Ref": "PlainEvents"})
        yield from differ(
            f"what {name} gives to it",
            pipe["EnrichmentParameters"]["InputTemplate"],
            f'{{"event": <$.dynamodb.NewImage.{attribute}>}}',
        )
        yield from differ(f"the target of {name}", render(pipe["Target"]), "${Bus.Arn}")
        target = pipe["TargetParameters"]
        yield from differ(
            f"the type of events of {name}",
            target["EventBridgeEventBusParameters"],
            {"Source": {"Ref": "EventSource"}, "DetailType": "$.detail_type"},
        )
        yield from differ(f"the detail of events of {name}", target["InputTemplate"], "<$.detail>")
        log = pipe["LogConfiguration"]
        yield from differ(
            f"the log of {name}",
            (log["Level"], render(log["CloudwatchLogsLogDestination"]["LogGroupArn"])),
            ("ERROR", "${PipeLogGroup.Arn}"),
        )
        if "IncludeExecutionData" in log:
            yield f"the log of {name} has addresses of people in it"
        yield from differ(f"who {name} is", render(pipe["RoleArn"]), "${PipeRole.Arn}")
    at_once = pipes["MessageEvents"]["Properties"]["SourceParameters"]["DynamoDBStreamParameters"]
    yield from differ("how many go through messages at once", at_once["ParallelizationFactor"], 10)


# A record's event as the stream has it, and as a consumer is to see it. Its values are of all kinds that an event has: see
# local/src/embedded/streams.rs.
TYPED = {
    "M": {
        "detail_type": {"S": "Message Deferred"},
        "detail": {
            "M": {
                "tenant": {"S": "acme#1"},
                "attempts": {"N": "2"},
                "partial": {"BOOL": False},
                "parked": {"NULL": True},
                "recipients": {
                    "L": [
                        {
                            "M": {
                                "email": {"S": "a@example.com"},
                                "reply": {"M": {"code": {"N": "451"}, "enhanced": {"NULL": True}}},
                            }
                        }
                    ]
                },
                "changed": {"L": []},
                "names": {"L": [{"S": ""}, {"S": "host"}]},
                "metadata": {"M": {"S": {"S": "a key like a type"}, "a.b #1": {"S": "\u00e8"}}},
                "empty": {"M": {}},
            }
        },
    }
}
PLAIN = {
    "detail_type": "Message Deferred",
    "detail": {
        "tenant": "acme#1",
        "attempts": 2,
        "partial": False,
        "parked": None,
        "recipients": [{"email": "a@example.com", "reply": {"code": 451, "enhanced": None}}],
        "changed": [],
        "names": ["", "host"],
        "metadata": {"S": "a key like a type", "a.b #1": "\u00e8"},
        "empty": {},
    },
}


@check("events")
def plain(templates):
    """The workflow's expression makes of a stream's typed values what a consumer is to see, one event or several at a time."""
    machine = templates["events"]["Resources"]["PlainEvents"]["Properties"]
    definition = machine["Definition"]
    yield from differ("the kind of workflow", (machine["StateMachineType"], definition["QueryLanguage"]), ("EXPRESS", "JSONata"))
    yield from differ("who it is", render(machine["RoleArn"]), "${PlainEventsRole.Arn}")
    state = definition["States"][definition["StartAt"]]
    yield from differ("its states", (len(definition["States"]), state["Type"], state["End"]), (1, "Pass", True))
    expression = re.fullmatch(r"\{%(.*)%\}", state["Output"], re.S)[1]
    for count in (1, 3):
        evaluated = jsonata.Jsonata(expression)
        evaluated.assign("states", {"input": [{"event": TYPED}] * count})
        yield from differ(f"what comes of {count}", json.dumps(evaluated.evaluate(None)), json.dumps([PLAIN] * count))


@check("events")
def pipes_permissions(templates):
    events = templates["events"]
    streams = ("${ConnectionsStreamArn}", "${MessagesStreamArn}")
    wanted = {
        ("Allow", f"dynamodb:{it}", arn, None, None)
        for it in ("DescribeStream", "GetRecords", "GetShardIterator")
        for arn in streams
    }
    wanted |= {("Allow", "sqs:SendMessage", arn, None, None) for arn in ("${ConnectionsStreamDlqArn}", "${MessagesStreamDlqArn}")}
    wanted |= {
        ("Allow", "dynamodb:ListStreams", "*", None, None),
        ("Allow", "states:StartSyncExecution", "${PlainEvents}", None, None),
        ("Allow", "events:PutEvents", "${Bus.Arn}", None, None),
    }
    sqs = "sqs.${AWS::Region}.amazonaws.com"
    for action, through in (("Decrypt", f"dynamodb.${{AWS::Region}}.amazonaws.com {sqs}"), ("GenerateDataKey", sqs)):
        wanted.add(("Allow", f"kms:{action}", "${KeyArn}", f"StringEquals kms:ViaService {through}", None))
    yield from differ(
        "what the pipes may do", sorted(map(str, allowed(events["Resources"]["PipeRole"]))), sorted(map(str, wanted))
    )
    yield from differ("what the workflow may do", allowed(events["Resources"]["PlainEventsRole"]), set())
    for name, service in (("PipeRole", "pipes"), ("PlainEventsRole", "states")):
        (trust,) = events["Resources"][name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        yield from differ(f"who is {name}", trust["Principal"], {"Service": f"{service}.amazonaws.com"})
        yield from differ(
            f"for whom it is {name}", trust["Condition"], {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        )
