"""Logs that end, alarms that somebody hears, a dashboard."""

import json

import source
from templates import Evaluation, of_type, render

from . import check, differ
from .data import DLQS


GROUPS = {
    "ApiLog": "/aws/vendedlogs/apis/${AWS::StackName}",
    "PipeLogGroup": "/aws/vendedlogs/pipes/${Name}",
    "FlowLogGroup": "/${Name}/network",
    **{f"{it.capitalize()}Log": f"/aws/lambda/${{AWS::StackName}}-{it}" for it in source.FUNCTIONS},
}


@check("root", "network", "events")
def logs(templates):
    root = templates["root"]
    found = {}
    for template in templates.values():
        for name, it in of_type(template, "AWS::Logs::LogGroup").items():
            found[name] = render(it["Properties"]["LogGroupName"])
            yield from differ(f"the retention of {name}", it["Properties"]["RetentionInDays"], {"Ref": "LogRetentionDays"})
            yield from differ(
                f"the key of {name}", render(it["Properties"]["KmsKeyId"]) in ("${KeyArn}", "${Data.Outputs.KeyArn}"), True
            )
    yield from differ("the groups", found, GROUPS)
    for function in source.FUNCTIONS:
        title = function.capitalize()
        there = root["Resources"][f"{title}Function"]["Properties"]["LoggingConfig"]
        yield from differ(f"the log of {function}", there, {"LogGroup": {"Ref": f"{title}Log"}})


def _alarms(templates: dict) -> dict:
    """The alarms by metric and what it is of."""
    found = {}
    for it in of_type(templates["alarms"], "AWS::CloudWatch::Alarm").values():
        alarm = it["Properties"]
        (dimension,) = alarm["Dimensions"]
        found[alarm["Namespace"], alarm["MetricName"], dimension["Value"]["Ref"]] = alarm
    return found


@check("alarms")
def alarms(templates):
    there = _alarms(templates)
    wanted = {
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "DeliveriesName"): "Maximum",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeliveriesName"): "Maximum",
        ("AWS/Lambda", "Invocations", "SweepFunction"): "Sum",
        ("AWS/ApiGateway", "5xx", "ApiId"): "Sum",
    }
    wanted |= {("AWS/SQS", "ApproximateNumberOfMessagesVisible", f"{dlq}Name"): "Maximum" for dlq in DLQS}
    for function in source.FUNCTIONS:
        wanted |= {("AWS/Lambda", metric, f"{function.capitalize()}Function"): "Sum" for metric in ("Errors", "Throttles")}
    yield from differ("the alarms", {key: it["Statistic"] for key, it in there.items()}, wanted)
    heard = [
        {"Fn::If": ["Tells", {"Fn::If": ["GivenTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "Topic"}]}, {"Ref": "AWS::NoValue"}]}
    ]
    dimensions = {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName", "AWS/ApiGateway": "ApiId"}
    for (namespace, metric, of), it in there.items():
        yield from differ(f"what {metric} of {of} is of", it["Dimensions"][0]["Name"], dimensions[namespace])
        if not it["AlarmDescription"] or not render(it["AlarmName"]).startswith("${Name}-"):
            yield f"{metric} of {of} does not say what it is"
        # Somebody is told within a quarter of an hour.
        if not 0 < it["Period"] * it["EvaluationPeriods"] <= 900 or it["Threshold"] is None:
            yield f"{metric} of {of} comes too late"
        yield from differ(f"who hears of {metric} of {of}", (it["AlarmActions"], it["OKActions"]), (heard, heard))
        # Silence is no good sign of what must run every minute, and of everything else it is.
        below = (metric, of) == ("Invocations", "SweepFunction")
        direction = (it["ComparisonOperator"], it["TreatMissingData"])
        yield from differ(
            f"when {metric} of {of} is wrong",
            direction,
            ("LessThanThreshold", "breaching") if below else ("GreaterThanThreshold", "notBreaching"),
        )
        if of.endswith("DlqName"):
            yield from differ(f"how many in {of} are too many", (it["Threshold"], it["EvaluationPeriods"]), (0, 1))
    yield from differ(
        "the age", there["AWS/SQS", "ApproximateAgeOfOldestMessage", "DeliveriesName"]["Threshold"], {"Ref": "QueueAgeSeconds"}
    )
    yield from differ(
        "the depth", there["AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeliveriesName"]["Threshold"], {"Ref": "QueueDepth"}
    )


@check("alarms")
def topic(templates):
    for topic, email, made in (
        ("", "", 0),
        ("arn:aws:sns:eu-west-3:123456789012:it", "a@example.com", 0),
        ("", "a@example.com", 1),
    ):
        there = Evaluation(templates["alarms"], AlarmTopicArn=topic, AlarmEmail=email).resources("AWS::SNS::Topic")
        yield from differ(f"the topics with {topic!r} and {email!r}", len(there), made)
        for it in there.values():
            yield from differ("its key", it["KmsMasterKeyId"], "KeyArn")
            yield from differ("who hears", it["Subscription"], [{"Protocol": "email", "Endpoint": "a@example.com"}])


@check("alarms")
def dashboard(templates):
    alarms = templates["alarms"]
    yield from differ("its name", alarms["Resources"]["Dashboard"]["Properties"]["DashboardName"], {"Ref": "Name"})
    (it,) = of_type(templates["alarms"], "AWS::CloudWatch::Dashboard").values()
    body = it["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = {
        value for widget in json.loads(body)["widgets"] for metric in widget["properties"]["metrics"] for value in metric[3:]
    }
    names = {name for name in templates["alarms"]["Parameters"] if name.endswith(("Name", "Function")) and name != "Name"} | {
        "ApiId"
    }
    yield from differ("what the dashboard shows", sorted(shown), sorted(f"${{{name}}}" for name in names))
