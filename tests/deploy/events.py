"""Events as Lambda gets them, in the shape of AWS's public documentation; the files in `events/` are ours.

HTTP API, payload format 2.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
SQS: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
EventBridge: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
CloudFormation: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
"""

import base64
import json
import pathlib

HERE = pathlib.Path(__file__).parent / "events"


def _read(name):
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def http(method, path, body=None, *, tenant="acme", in_base64=False, headers=None):
    """A request from API Gateway. `tenant` is the token's claim; None leaves the claim out."""
    event = _read("http_api")
    event["rawPath"], _, event["rawQueryString"] = path.partition("?")
    if event["rawQueryString"]:
        event["queryStringParameters"] = dict(pair.split("=", 1) for pair in event["rawQueryString"].split("&"))
    context = event["requestContext"]
    context["http"] |= {"method": method, "path": event["rawPath"]}
    event["routeKey"] = context["routeKey"] = f"{method} {event['rawPath']}"
    claims = context["authorizer"]["jwt"]["claims"]
    if tenant is None:
        del claims["tenant_id"]
    else:
        claims["tenant_id"] = tenant
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body)
        event["headers"] |= {"content-type": "application/json", "content-length": str(len(text.encode()))}
        event["body"] = base64.b64encode(text.encode()).decode() if in_base64 else text
        event["isBase64Encoded"] = in_base64
    event["headers"] |= headers or {}
    return event


def batch(*bodies):
    """A batch of queue entries with these bodies, and their `messageId`s in the same order."""
    entry = _read("sqs")["Records"][0]
    entries = []
    for number, body in enumerate(bodies):
        one = json.loads(json.dumps(entry))
        one["messageId"] = f"{number:08x}-87a3-44ab-83d2-661975830a7d"
        one["receiptHandle"] += str(number)
        one["body"] = body if isinstance(body, str) else json.dumps(body)
        entries.append(one)
    return {"Records": entries}, [one["messageId"] for one in entries]


def batch_of_groups(entries):
    """As `batch`, of bodies with the names of their groups."""
    event, ids = batch(*(body for body, _ in entries))
    for entry, (_, group) in zip(event["Records"], entries, strict=True):
        entry["attributes"]["MessageGroupId"] = group
    return event, ids


def email_requested(detail, detail_type="Email Requested"):
    """An event of EventBridge."""
    return _read("event_bridge") | {"detail": detail, "detail-type": detail_type}


def schedule():
    """What a schedule hands over."""
    return _read("schedule")


def custom_resource(answer_at, properties):
    """What CloudFormation asks for when a stack is made, and where it waits for the answer."""
    event = _read("custom_resource")
    return event | {"ResponseURL": answer_at, "ResourceProperties": event["ResourceProperties"] | properties}
