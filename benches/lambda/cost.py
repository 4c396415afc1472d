"""What a million messages and 10,000 connections cost, from what is counted and AWS's list prices. `run` starts it."""

import json
import re
import sys
import time

import units

# Before the world makes its own.
import aws

aws.Aws = units.Metered
import events
import templates
import world
from mail_server import MailServer

# US dollars in us-east-1, without the free tier: see cost.md for who says so.
PRICE = {
    "HTTP API request": 1.00e-6,
    "Lambda request": 0.20e-6,
    "Lambda GB-second, arm64": 0.0000133334,
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
    "DynamoDB GB-month": 0.25,
    "DynamoDB point-in-time GB-month": 0.20,
    "S3 PUT": 5.00e-6,
    "S3 GET": 0.40e-6,
    "S3 GB-month": 0.023,
    "SQS request": 0.40e-6,
    "SQS FIFO request": 0.50e-6,
    "Pipes request": 0.40e-6,
    "Step Functions Express request": 1.00e-6,
    "Step Functions Express GB-second": 0.00001667,
    "EventBridge event": 1.00e-6,
    "NAT hour": 0.045,
    "NAT GB": 0.045,
    "IPv4 hour": 0.005,
    "transfer out GB": 0.09,
    "logs GB": 0.50,
    "logs GB-month": 0.03,
    "metric-month": 0.30,
    "alarm-month": 0.10,
    "dashboard-month": 3.00,
    "key-month": 1.00,
    "KMS call": 0.03 / 10_000,
    "secret-month": 0.40,
    "Secrets Manager call": 0.05 / 10_000,
}
MILLION = 1_000_000
HOURS = 730
DAYS = HOURS / 24
BODY = "x" * 20_000
# Assumed, as loopback can't tell: AWS answers in 10 ms, a mail server takes 300 ms for a message and 100 ms for one more in a batch.
SUBMIT_S, ALONE_S, OF_TEN_S, SWEEP_S = 0.04, 0.35, 0.12, 0.05
# The least that an execution of an Express workflow is billed for.
EXPRESS_GB_S = 64 / 1024 * 0.1
PRICE["event out"] = (
    PRICE["Pipes request"] + PRICE["Step Functions Express request"] + EXPRESS_GB_S * PRICE["Step Functions Express GB-second"]
    + PRICE["EventBridge event"])
# Lambda's own lines of an invocation, in the form of https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html, and the
# bytes that CloudWatch Logs counts beside those of each line (PutLogEvents).
PLATFORM = (
    "START RequestId: 8f507cfc-1697-4a07-ac58-52c914c95000 Version: $LATEST\n",
    "END RequestId: 8f507cfc-1697-4a07-ac58-52c914c95000\n",
    "REPORT RequestId: 8f507cfc-1697-4a07-ac58-52c914c95000\tDuration: 115.74 ms\tBilled Duration: 116 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 69 MB\t\n",
)
A_LINE = 26

ROOT = templates.read("root")


def default(parameter):
    """A number that the deployment has if nothing else is said."""
    return ROOT["Parameters"][parameter]["Default"]


def log_bytes(lines):
    return sum(len(line.encode()) + A_LINE for line in lines)


class Meter:
    """What operations do, one after the other."""

    def __init__(self):
        self.seen = {}
        self.metrics = {}
        self._read = {}

    def begin(self):
        world.aws.taken()
        world.aws.units.clear()

    def end(self, name, function):
        """The calls and units since the beginning, and the bytes that the function has logged since it was asked last."""
        function.ready()
        lines = function.log()[self._read.get(function, 0):]
        self._read[function] = self._read.get(function, 0) + len(lines)
        for line in map(json.loads, lines):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                self.metrics.setdefault(function.name, set()).update(metric["Name"] for metric in directive["Metrics"])
        calls = [call.name for call in world.aws.taken()]
        self.seen[name] = {"calls": calls, "log": log_bytes(lines) + log_bytes(PLATFORM), **world.aws.units}


def measure():
    """Calls, units and log of each operation, and the bytes that are stored, sent and answered."""
    meter, server, stored = Meter(), MailServer(), {}
    login = {"name": "Login", "default": False, "encryption": "starttls", "username": "info", "password": world.PASSWORD}
    with world.start("connections") as connections:
        meter.begin()
        connections.http(world.connection(login))
        meter.end("create", connections)
        connections.http(world.connection())
    with world.start("submit") as submit, world.start("deliver") as deliver, world.start("sweep") as sweep:
        def submitted(count):
            for _ in range(count):
                meter.begin()
                answer = submit.invoke(events.http("POST", "/v1/messages", world.mail(text=BODY))).json
                assert answer["statusCode"] == 202, answer
                meter.end("submit", submit)
            stored["answer"] = len(answer["body"].encode()) + sum(len(f"{key}: {value}\r\n") for key, value in answer["headers"].items())
            return events.batch(*world.queued())[0]

        for name, count in (("cold", 1), ("alone", 1), ("ten", 10)):
            batch = submitted(count)
            meter.begin()
            assert deliver.invoke(batch).json == {"batchItemFailures": []}
            meter.end(name, deliver)
        meter.begin()
        sweep.invoke(events.schedule())
        meter.end("sweep, cold", sweep)
        meter.begin()
        sweep.invoke(events.schedule())
        meter.end("sweep", sweep)
    [record, *_] = (item for item in units.items()[aws.MESSAGES].values() if "created_at" in item)
    stored["record"], stored["index"] = units.stored(aws.MESSAGES, record)
    stored["days"] = round((int(record["expires"]["N"]) - time.time()) / 86_400)
    stored["content"] = world.aws.s3.list_objects_v2(Bucket=aws.CONTENT)["Contents"][0]["Size"]
    stored["mail"] = len(server.messages[0])
    return meter, stored


def access_log():
    """A line of the API's log, as the template has it."""
    values = {
        "requestId": "JKJaXmPLvHcESHA=", "requestTime": "10/Mar/2026:05:16:23 +0000", "routeKey": "POST /v1/messages", "status": "202",
        "identity.sourceIp": "198.51.100.10", "responseLatency": "45", "responseLength": "1000"}
    form = ROOT["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"]
    return re.sub(r"\$context\.([\w.]+)", lambda it: values.get(it[1], "-"), form)


class Table:
    """Rows that are printed as they come: what is counted in each case, and what it costs at the price; and their sums."""

    def __init__(self, title, *cases):
        print(f"\n{title}\n\n| | price | {' | $ | '.join(cases)} | $ |\n| --- | --- |{' --- | --- |' * len(cases)}")
        self._totals = [0] * len(cases)

    def row(self, name, price, unit, *amounts):
        each = PRICE[price]
        cells = [name, f"{each:g}/{unit}" if each >= 0.001 else f"{each * MILLION:g}/million {unit}s"]
        for case, amount in enumerate(amounts):
            self._totals[case] += amount * each
            cells += [f"{amount:,.{0 if amount >= 100 or amount == int(amount) else 2}f}", f"{amount * each:,.2f}"]
        print(f"| {' | '.join(cells)} |")

    def total(self, name):
        """What the rows above come to."""
        print(f"| **{name}** | |{''.join(f' | **{total:,.2f}** |' for total in self._totals)}")


def messages(submit, ten, alone, stored):
    """A million messages: what it takes to submit one, to deliver ten at once, and to deliver one alone."""
    table = Table("## A million messages of 20 KB", "in batches of ten", "each alone")
    of_ten = {kind: amount / 10 for kind, amount in ten.items() if kind != "calls"}
    batches = (1 / 10, 1)

    def each(kind):
        return [MILLION * (submit[kind] + deliver[kind]) for deliver in (of_ten, alone)]

    def same(amount):
        return [MILLION * amount] * 2

    record_days, content_days, log_days = stored["days"], default("ContentRetentionDays"), default("LogRetentionDays")
    submitting, memory = SUBMIT_S * default("SubmitMemory") / 1024, default("DeliverMemory") / 1024
    lasting = [MILLION * (submitting + time_s * memory) for time_s in (OF_TEN_S, ALONE_S)]
    months = record_days / DAYS / 1e9
    events_out = each("event")
    logged = [log / 1e9 for log in each("log")]
    api_logged = same(log_bytes([access_log()]) / 1e9)
    table.row("API Gateway, HTTP API", "HTTP API request", "request", *same(1))
    table.row("API Gateway, answers", "transfer out GB", "GB", *same(stored["answer"] / 1e9))
    table.row("Lambda, invocations", "Lambda request", "request", *(MILLION * (1 + batch) for batch in batches))
    table.row("Lambda, time (assumed)", "Lambda GB-second, arm64", "GB-second", *lasting)
    table.row("DynamoDB, writes of items", "DynamoDB write unit", "unit", *each("write"))
    table.row("DynamoDB, writes in indexes", "DynamoDB write unit", "unit", *each("index write"))
    table.row("DynamoDB, reads", "DynamoDB read unit", "unit", *each("read"))
    table.row(f"DynamoDB, records for {record_days} days", "DynamoDB GB-month", "GB-month", *same(stored["record"] * months))
    table.row("DynamoDB, point-in-time recovery of them", "DynamoDB point-in-time GB-month", "GB-month", *same(stored["record"] * months))
    table.row("DynamoDB, their index", "DynamoDB GB-month", "GB-month", *same(stored["index"] * months))
    table.row("S3, content written", "S3 PUT", "PUT", *same(1))
    table.row("S3, content read", "S3 GET", "GET", *same(1))
    table.row(f"S3, content for {content_days} days", "S3 GB-month", "GB-month", *same(stored["content"] * content_days / DAYS / 1e9))
    table.row("SQS FIFO: send, receive, delete", "SQS FIFO request", "request", *(MILLION * (1 + 2 * batch) for batch in batches))
    table.row("EventBridge Pipes, events out", "Pipes request", "request", *events_out)
    table.row("Step Functions, events out, each by itself", "Step Functions Express request", "request", *events_out)
    express = [events * EXPRESS_GB_S for events in events_out]
    table.row("Step Functions, 0.1 s of 64 MB each", "Step Functions Express GB-second", "GB-second", *express)
    table.row("EventBridge, events out on the bus", "EventBridge event", "event", *events_out)
    table.row("Secrets Manager, a password a batch", "Secrets Manager call", "call", *(MILLION * batch for batch in batches))
    table.row("NAT gateway, SMTP", "NAT GB", "GB", *same(stored["mail"] / 1e9))
    table.row("Transfer out, SMTP", "transfer out GB", "GB", *same(stored["mail"] / 1e9))
    table.row("CloudWatch Logs, the functions'", "logs GB", "GB", *logged)
    table.row("CloudWatch Logs, the API's", "logs GB", "GB", *api_logged)
    kept = [sum(both) * log_days / DAYS for both in zip(logged, api_logged)]
    table.row(f"CloudWatch Logs, both for {log_days} days", "logs GB-month", "GB-month", *kept)
    table.total("total")


def connections(create):
    count = 10_000
    table = Table("## 10,000 connections with a password", "counted")
    table.row("creating: API Gateway", "HTTP API request", "request", count)
    calls = create["calls"].count("secretsmanager.CreateSecret")
    table.row("creating: Secrets Manager", "Secrets Manager call", "call", count * calls)
    table.row("creating: DynamoDB", "DynamoDB write unit", "unit", count * (create["write"] + create["index write"]))
    table.row("creating: events out, as above", "event out", "event", count * create["event"])
    table.total("total once")
    table.row("each month: secrets", "secret-month", "secret", count)


def month(sweep, metrics):
    """What stands, and what runs by itself."""
    alarms = templates.of_type(templates.read("alarms"), "AWS::CloudWatch::Alarm").values()
    alarmed = sum(sum("MetricStat" in one for one in alarm["Properties"].get("Metrics", ())) or 1 for alarm in alarms)
    sweeps = 60 * HOURS
    # Five long polls of 20 seconds, as https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html has it of standard queues.
    polls = 5 * 3 * 60 * HOURS
    table = Table("## A month in which nothing is sent", "counted")
    table.row("NAT gateways", "NAT hour", "hour", default("NatGateways") * HOURS)
    table.row("public IPv4 addresses", "IPv4 hour", "hour", default("EgressIpCount") * HOURS)
    table.row("KMS, the key", "key-month", "key", 1)
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
    table.row("KMS, the sweeper's two tables, each five minutes", "KMS call", "call", 2 * 12 * HOURS)
    table.row("CloudWatch, alarms", "alarm-month", "metric", alarmed)
    table.row("CloudWatch, dashboard", "dashboard-month", "dashboard", 1)
    table.row("CloudWatch, the sweeper's metrics", "metric-month", "metric", len(metrics["sweep"]))
    table.row("CloudWatch Logs, the sweeper's", "logs GB", "GB", sweeps * sweep["log"] / 1e9)
    table.row("SQS FIFO, Lambda's polls of deliveries (assumed)", "SQS FIFO request", "request", polls)
    table.row("SQS, Lambda's polls of producers' requests", "SQS request", "request", polls)
    table.row("Lambda, sweeps", "Lambda request", "request", sweeps)
    gigabytes = default("SweepMemory") / 1024
    table.row("Lambda, time (assumed)", "Lambda GB-second, arm64", "GB-second", sweeps * SWEEP_S * gigabytes)
    table.row("DynamoDB, sweeps", "DynamoDB read unit", "unit", sweeps * sweep["read"])
    table.total("total")
    sending = len(metrics["submit"]) + len(metrics["deliver"])
    table.row("where mail is sent: metrics of `submit` and `deliver`", "metric-month", "metric", sending)


def main():
    meter, stored = measure()
    seen = meter.seen
    messages(seen["submit"], seen["ten"], seen["alone"], stored)
    connections(seen["create"])
    month(seen["sweep"], meter.metrics)
    for name, one in seen.items():
        counted = {kind: one.get(kind, 0) for kind in ("read", "write", "index write", "event", "log")}
        print(f"{name}: {len(one['calls'])} calls, {counted}", file=sys.stderr)
    print(stored, {name: sorted(it) for name, it in meter.metrics.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
