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


def _metric(it: dict) -> tuple:
    """A metric, and what it is of."""
    (dimension,) = it["Dimensions"]
    return it["Namespace"], it["MetricName"], dimension["Value"]["Ref"]


def _alarms(templates: dict) -> dict:
    """The alarms by metric and what it is of; those of an expression by what they return."""
    found = {}
    for it in of_type(templates["alarms"], "AWS::CloudWatch::Alarm").values():
        alarm = it["Properties"]
        if "Metrics" in alarm:
            (returned,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
            found["expression", returned["Id"], "DeliverFunction"] = alarm
        else:
            found[_metric(alarm)] = alarm
    return found


def _watched(alarm: dict) -> list[tuple]:
    """Of each metric that an alarm looks at: its name and what it is of, the name of its dimension, the statistic, the period."""
    if "Metrics" not in alarm:
        return [(_metric(alarm), alarm["Dimensions"][0]["Name"], alarm["Statistic"], alarm["Period"])]
    queries = (query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query)
    return [(_metric(it["Metric"]), it["Metric"]["Dimensions"][0]["Name"], it["Stat"], it["Period"]) for it in queries]


@check("alarms")
def alarms(templates):
    there = _alarms(templates)
    wanted = {
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "DeliveriesName"): "Maximum",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeliveriesName"): "Maximum",
        ("AWS/Lambda", "Invocations", "SweepFunction"): "Sum",
        ("AWS/ApiGateway", "5xx", "ApiId"): "Sum",
        ("Mittente", "LoginsRefused", "DeliverFunction"): "Sum",
        ("Mittente", "Unknown", "DeliverFunction"): "Sum",
        ("expression", "percent", "DeliverFunction"): "Sum",
    }
    wanted |= {("AWS/SQS", "ApproximateNumberOfMessagesVisible", f"{dlq}Name"): "Maximum" for dlq in DLQS}
    for function in source.FUNCTIONS:
        wanted |= {("AWS/Lambda", metric, f"{function.capitalize()}Function"): "Sum" for metric in ("Errors", "Throttles")}
    statistics = {key: " ".join({statistic for _, _, statistic, _ in _watched(it)}) for key, it in there.items()}
    yield from differ("the alarms", statistics, wanted)
    heard = [
        {"Fn::If": ["Tells", {"Fn::If": ["GivenTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "Topic"}]}, {"Ref": "AWS::NoValue"}]}
    ]
    dimensions = {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName", "AWS/ApiGateway": "ApiId", **dict([source.metrics_are_in()])}
    for (_, metric, of), it in there.items():
        for (namespace, *_), dimension, _, period in _watched(it):
            yield from differ(f"what {metric} of {of} is of", dimension, dimensions[namespace])
            # Somebody is told within a quarter of an hour.
            if not 0 < period * it["EvaluationPeriods"] <= 900:
                yield f"{metric} of {of} comes too late"
        if not it["AlarmDescription"] or not render(it["AlarmName"]).startswith("${Name}-"):
            yield f"{metric} of {of} does not say what it is"
        if it["Threshold"] is None:
            yield f"{metric} of {of} never comes"
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
    for metric, parameter in (("LoginsRefused", "RefusedLogins"), ("Unknown", None)):
        threshold = there["Mittente", metric, "DeliverFunction"]["Threshold"]
        yield from differ(f"how much is too much {metric}", threshold, {"Ref": parameter} if parameter else 0)


@check("alarms")
def failures(templates):
    """Of messages that ended, how many of a hundred failed."""
    alarm = _alarms(templates)["expression", "percent", "DeliverFunction"]
    yield from differ("the metrics of failures", [it["Id"] for it in alarm["Metrics"]], ["percent", "failed", "sent"])
    both = "FILL(failed, 0) + FILL(sent, 0)"
    wanted = f"IF({both} >= 20, 100 * FILL(failed, 0) / ({both}), 0)"
    yield from differ("the share", alarm["Metrics"][0]["Expression"], wanted)
    of = {it["Id"]: _metric(it["MetricStat"]["Metric"]) for it in alarm["Metrics"][1:]}
    names = {name.lower(): ("Mittente", name, "DeliverFunction") for name in ("Failed", "Sent")}
    yield from differ("what is failed and sent", of, names)
    yield from differ("how many are too many", alarm["Threshold"], {"Ref": "FailedPercent"})


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
    graphs = {
        (namespace, metric, of.strip("${}"))
        for widget in json.loads(body)["widgets"]
        for namespace, metric, _, of in widget["properties"]["metrics"]
    }
    watched = {it for alarm in _alarms(templates).values() for it, *_ in _watched(alarm)}
    yield from (f"the dashboard does not show {it}, and an alarm looks at it" for it in watched - graphs)
    # A name that nobody counts by would be an empty graph, and an alarm that never comes.
    for namespace, metric, of in graphs | watched:
        if namespace == source.metrics_are_in()[0] and of.removesuffix("Function").lower() not in source.metrics().get(metric, ()):
            yield f"{of} does not count {metric}"
