"""What a million messages and 10,000 connections cost, from calls that are counted and AWS's list prices. `run` starts it."""

import sys

import units

# Before the world makes its own.
import aws

aws.Aws = units.Metered
import events
import world
from mail_server import MailServer

# US dollars in us-east-1, without the free tier, not checked with AWS when this was written: see cost.md.
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
    "SQS FIFO request": 0.50e-6,
    "Pipes request": 0.40e-6,
    "EventBridge event": 1.00e-6,
    "NAT GB": 0.045,
    "transfer out GB": 0.09,
    "logs GB": 0.50,
    "secret-month": 0.40,
    "Secrets Manager call": 0.05 / 10_000,
}
MILLION = 1_000_000
BODY = "x" * 20_000
# The template's defaults.
SUBMIT_GB, DELIVER_GB = 0.25, 0.5
# Assumed, as loopback can't tell: AWS answers in 10 ms, a mail server takes 300 ms for a message and 100 ms for one more in a batch.
SUBMIT_S, ALONE_S, OF_TEN_S = 0.04, 0.35, 0.12


def measure():
    """Calls and units of each operation, and the bytes that are stored and sent."""
    seen, meter = {}, world.aws
    server = MailServer()

    def begin():
        meter.taken()
        meter.units.clear()

    def end(name):
        seen[name] = {"calls": [call.name for call in meter.taken()], **meter.units}

    login = {"name": "Login", "default": False, "encryption": "starttls", "username": "info", "password": world.PASSWORD}
    with world.start("connections") as connections:
        begin()
        connections.http(world.connection(login))
        end("create")
        connections.http(world.connection())
    with world.start("submit") as submit, world.start("deliver") as deliver, world.start("sweep") as sweep:
        def submitted(count):
            for _ in range(count):
                begin()
                status, _, _ = submit.http(events.http("POST", "/v1/messages", world.mail(text=BODY)))
                assert status == 202
                end("submit")
            return events.batch(*world.queued())[0]

        for name, count in (("cold", 1), ("alone", 1), ("ten", 10)):
            batch = submitted(count)
            begin()
            assert deliver.invoke(batch).json == {"batchItemFailures": []}
            end(name)
        begin()
        sweep.invoke(events.schedule())
        end("sweep")
    [record, *_] = units.items(aws.MESSAGES).values()
    stored = meter.s3.list_objects_v2(Bucket=aws.CONTENT)["Contents"][0]["Size"]
    return seen, units.item_size(record), stored, len(server.messages[0])


def main():
    seen, record, stored, sent = measure()
    submit, alone, ten, create = (seen[name] for name in ("submit", "alone", "ten", "create"))
    share = {key: value / 10 for key, value in ten.items() if key != "calls"}

    def row(name, amount, unit, price):
        cost = amount * PRICE[price]
        print(f"| {name} | {amount:,.{0 if amount >= 100 else 2}f} {unit} | {cost:,.2f} |")
        return cost

    def table(title, own, batch, seconds):
        print(f"\n### {title}\n\n| | counted | $ |\n| --- | --- | --- |")
        total = row("API Gateway, HTTP API", MILLION, "requests", "HTTP API request")
        total += row("Lambda, invocations", MILLION + MILLION / batch, "requests", "Lambda request")
        total += row("Lambda, time (assumed)", MILLION * (SUBMIT_S * SUBMIT_GB + seconds * DELIVER_GB), "GB-s", "Lambda GB-second, arm64")
        total += row("DynamoDB, writes of items", MILLION * (submit["write"] + own["write"]), "units", "DynamoDB write unit")
        total += row("DynamoDB, writes in indexes", MILLION * (submit["index write"] + own["index write"]), "units", "DynamoDB write unit")
        total += row("DynamoDB, reads", MILLION * (submit["read"] + own["read"]), "units", "DynamoDB read unit")
        total += row("DynamoDB, a month of records", MILLION * (record + 100) / 1e9, "GB", "DynamoDB GB-month")
        total += row("DynamoDB, point-in-time recovery of them", MILLION * (record + 100) / 1e9, "GB", "DynamoDB point-in-time GB-month")
        total += row("S3, content written", MILLION, "PUT", "S3 PUT")
        total += row("S3, content read", MILLION, "GET", "S3 GET")
        total += row("S3, a month of content", MILLION * stored / 1e9, "GB", "S3 GB-month")
        total += row("SQS FIFO: send, receive, delete", MILLION * (1 + 2 / batch), "requests", "SQS FIFO request")
        events_out = MILLION * (submit["event"] + own["event"])
        total += row("EventBridge Pipes, events out", events_out, "requests", "Pipes request")
        total += row("EventBridge, events out on the bus", events_out, "events", "EventBridge event")
        total += row("NAT gateway, SMTP", MILLION * sent / 1e9, "GB", "NAT GB")
        total += row("Transfer out, SMTP", MILLION * sent / 1e9, "GB", "transfer out GB")
        total += row("CloudWatch Logs, 500 B an invocation (assumed)", (MILLION + MILLION / batch) * 500 / 1e9, "GB", "logs GB")
        print(f"| **total** | | **{total:,.2f}** |")

    print("## A million messages of 20 KB")
    table("In batches of ten", share, 10, OF_TEN_S)
    table("Each alone", alone, 1, ALONE_S)
    print("\n## 10,000 connections with a password\n\n| | counted | $ |\n| --- | --- | --- |")
    count = 10_000
    once = row("creating: API Gateway", count, "requests", "HTTP API request")
    once += row("creating: Secrets Manager", count * create["calls"].count("secretsmanager.CreateSecret"), "calls", "Secrets Manager call")
    once += row("creating: DynamoDB", count * (create["write"] + create["index write"]), "units", "DynamoDB write unit")
    print(f"| **total once** | | **{once:,.2f}** |")
    month = row("each month: secrets", count, "secrets", "secret-month")
    # Kept for five minutes by each process that needs it.
    month += row("each month: GetSecretValue, if each is in use all the time by one process", count * 12 * 730, "calls", "Secrets Manager call")
    print(f"| **total a month** | | **{month:,.2f}** |")
    sweeps = 60 * 730
    print("\n## Sweeping, a month with nothing due\n\n| | counted | $ |\n| --- | --- | --- |")
    row("Lambda, invocations", sweeps, "requests", "Lambda request")
    row("DynamoDB, reads", sweeps * seen["sweep"]["read"], "units", "DynamoDB read unit")
    for name, one in seen.items():
        counted = {kind: one.get(kind, 0) for kind in ("read", "write", "index write", "event")}
        print(f"{name}: {len(one['calls'])} calls, {counted}", file=sys.stderr)


if __name__ == "__main__":
    main()
