"""The functions on AWS on loopback, for tests: one AWS for all of them."""

import unittest

import events
from aws import Aws
from function import Function
from mail_server import ADDRESS

# The variables that each needs; more have a default.
REQUIRED = {
    "connections": ("TENANT_CLAIM", "CONNECTIONS_TABLE", "SECRET_PREFIX"),
    "verify": ("TENANT_CLAIM", "CONNECTIONS_TABLE", "EHLO_NAME"),
    "submit": ("TENANT_CLAIM", "CONNECTIONS_TABLE", "MESSAGES_TABLE", "CONTENT_BUCKET", "DELIVERY_QUEUE_URL"),
    "deliver": ("CONNECTIONS_TABLE", "MESSAGES_TABLE", "CONTENT_BUCKET", "DELIVERY_QUEUE_URL", "EHLO_NAME"),
    "resource": ("CONNECTIONS_TABLE", "SECRET_PREFIX"),
    "sweep": ("CONNECTIONS_TABLE", "MESSAGES_TABLE", "DELIVERY_QUEUE_URL"),
}
PASSWORD = "password-canary"
CONTENT = "content-canary"
# No such message and no such connection is there.
NO_MESSAGE = "msg_01HZZZZZZZZZZZZZZZZZZZZZZZ"
NO_CONNECTION = "conn_01HZZZZZZZZZZZZZZZZZZZZZZZ"

aws = Aws()


def start(name, output=None, **variables):
    """The function with the variables that it needs, and these changes."""
    usual = aws.variables() | {"TENANT_CLAIM": "tenant_id", "EHLO_NAME": "mail.example.com"}
    own = {key: usual[key] for key in REQUIRED[name]}
    return Function(name, {"AWS_ENDPOINT_URL": aws.url} | own | variables, output)


def connection(body=None, **request):
    """A request for a connection to the mail server that has the default role, with these changes."""
    usual = {
        "name": "SMTP Ufficio", "sender_email": "info@example.com", "host": ADDRESS, "encryption": "none", "default": True}
    return events.http("POST", "/v1/connections", usual | (body or {}), **request)


def mail(**changes):
    """A message."""
    return {"to": ["you@example.com"], "subject": "Hello", "text": CONTENT} | changes


def queued():
    """Takes all entries off the queue: their bodies."""
    return [body for body, _ in queued_in_groups()]


def queued_in_groups():
    """As `queued`, each body with the name of its group."""
    found = []
    asked = {"QueueUrl": aws.queue_url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["MessageGroupId"]}
    while entries := aws.sqs.receive_message(**asked).get("Messages"):
        for entry in entries:
            found.append((entry["Body"], entry["Attributes"]["MessageGroupId"]))
            aws.sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=entry["ReceiptHandle"])
    return found


def begin_anew():
    """AWS in good health, and an empty queue."""
    aws.refusals.clear()
    queued()


class Case(unittest.TestCase):
    """Begins with AWS in good health and an empty queue."""

    def setUp(self):
        begin_anew()

    def has_default(self, tenant):
        """Gives the tenant a default connection to the mail server."""
        with start("connections") as connections:
            status, _, body = connections.http(connection(tenant=tenant))
        self.assertEqual(status, 201, body)
