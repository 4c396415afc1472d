"""Events: requests in, what happened out, and the sweeper's minute."""

import json
import re

import source
from templates import ROOT, of_type, render

from . import check, differ


@check("events")
def requests(templates):
    events = templates["events"]
    rule = events["Resources"]["EmailRequested"]["Properties"]
    text = source.crate("submit")
    asked_for = re.search(r'EMAIL_REQUESTED: &str = "([^"]+)"', text)[1]
    yield from differ("the events that are taken", rule["EventPattern"], {"detail-type": [asked_for]})
    yield from differ("their bus", rule["EventBusName"], {"Ref": "Bus"})
    # The queue's policy lets the rules of the bus of this name in.
    yield from differ("the bus's name", events["Resources"]["Bus"]["Properties"]["Name"], {"Ref": "Name"})
    (target,) = rule["Targets"]
    yield from differ("who takes them", target["Arn"], {"Ref": "SubmitFunctionArn"})
    yield from differ("where those go that can't be handed over", target["DeadLetterConfig"], {"Arn": {"Ref": "EventsDlqArn"}})
    failures = events["Resources"]["SubmitFailures"]["Properties"]
    yield from differ("whose failures are kept", failures["FunctionName"], {"Ref": "SubmitFunctionArn"})
    yield from differ("where those go that are refused", failures["DestinationConfig"], {"OnFailure": {"Destination": {"Ref": "EventsDlqArn"}}})
    condition, policy, otherwise = events["Resources"]["Bus"]["Properties"]["Policy"]["Fn::If"]
    yield from differ("the bus without publishers", (condition, otherwise), ("HasPublishers", {"Ref": "AWS::NoValue"}))
    (statement,) = policy["Statement"]
    allowed = (statement["Principal"], statement["Action"], statement["Condition"])
    wanted = ({"AWS": {"Ref": "PublisherPrincipals"}}, "events:PutEvents", {"StringEquals": {"events:detail-type": asked_for}})
    yield from differ("what publishers may do", allowed, wanted)
    yield from differ("the publishers that nobody named", events["Parameters"]["PublisherPrincipals"]["Default"], "")


@check("events")
def every_minute(templates):
    events = templates["events"]
    rule = events["Resources"]["EveryMinute"]["Properties"]
    yield from differ("how often is swept", rule["ScheduleExpression"], "rate(1 minute)")
    yield from differ("who sweeps", [it["Arn"] for it in rule["Targets"]], [{"Ref": "SweepFunctionArn"}])
    failures = events["Resources"]["SweepFailures"]["Properties"]
    yield from differ("sweeps that are repeated", (failures["FunctionName"], failures["MaximumRetryAttempts"]), ({"Ref": "SweepFunctionArn"}, 0))
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
    yield from differ("the streams that are read", {it["Properties"]["Source"]["Ref"] for it in pipes.values()}, {"ConnectionsStreamArn", "MessagesStreamArn"})
    for name, it in pipes.items():
        pipe = it["Properties"]
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
        yield from differ(f"what it is given", pipe["EnrichmentParameters"]["InputTemplate"], f'{{"event": <$.dynamodb.NewImage.{attribute}>}}')
        yield from differ(f"the target of {name}", render(pipe["Target"]), "${Bus.Arn}")
        target = pipe["TargetParameters"]
        yield from differ(f"the type of events of {name}", target["EventBridgeEventBusParameters"], {"Source": {"Ref": "EventSource"}, "DetailType": "$.detail_type"})
        yield from differ(f"the detail of events of {name}", target["InputTemplate"], "<$.detail>")
        log = pipe["LogConfiguration"]
        yield from differ(f"the log of {name}", (log["Level"], render(log["CloudwatchLogsLogDestination"]["LogGroupArn"])), ("ERROR", "${PipeLogGroup.Arn}"))
        if "IncludeExecutionData" in log:
            yield f"the log of {name} has addresses of people in it"
    yield from differ("the kind of workflow", events["Resources"]["PlainEvents"]["Properties"]["StateMachineType"], "EXPRESS")


@check("events")
def pipes_permissions(templates):
    from .functions import _allowed

    events = templates["events"]
    streams = ("${ConnectionsStreamArn}", "${MessagesStreamArn}")
    wanted = {("Allow", f"dynamodb:{it}", arn, None, None) for it in ("DescribeStream", "GetRecords", "GetShardIterator") for arn in streams}
    wanted |= {("Allow", "sqs:SendMessage", arn, None, None) for arn in ("${ConnectionsStreamDlqArn}", "${MessagesStreamDlqArn}")}
    wanted |= {
        ("Allow", "dynamodb:ListStreams", "*", None, None),
        ("Allow", "states:StartSyncExecution", "${PlainEvents}", None, None),
        ("Allow", "events:PutEvents", "${Bus.Arn}", None, None),
    }
    via = "StringEquals kms:ViaService dynamodb.${AWS::Region}.amazonaws.com sqs.${AWS::Region}.amazonaws.com"
    wanted |= {("Allow", f"kms:{it}", "${KeyArn}", via, None) for it in ("Decrypt", "GenerateDataKey")}
    yield from differ("what the pipes may do", sorted(map(str, _allowed(events["Resources"]["PipeRole"]))), sorted(map(str, wanted)))
    yield from differ("what the workflow may do", _allowed(events["Resources"]["PlainEventsRole"]), set())
    for name, service in (("PipeRole", "pipes"), ("PlainEventsRole", "states")):
        (trust,) = events["Resources"][name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        yield from differ(f"who is {name}", trust["Principal"], {"Service": f"{service}.amazonaws.com"})
        yield from differ(f"for whom it is {name}", trust["Condition"], {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}})
