"""What the release binaries write to CloudWatch Logs."""

import json

import events
from function import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN
from world import CONTENT, NO_MESSAGE, PASSWORD, Case, aws, connection, mail, start


class Logs(Case):
    def failures(self):
        """Each function with an event that makes it log."""
        delivery = {"tenant": "logs", "message_id": NO_MESSAGE}
        login = {"host": "smtp.example.com", "encryption": "starttls", "username": "info", "password": PASSWORD}
        return [
            ("connections", connection(tenant="logs", body=login)),
            ("verify", events.http("POST", "/v1/connections/verify", {"name": "Draft", "sender_email": "info@example.com"} | login)),
            ("submit", events.http("POST", "/v1/messages", mail(), tenant="logs")),
            ("submit", events.batch({"tenant": "logs", "message": mail()})[0]),
            ("submit", events.email_requested({"tenant": "logs", "message": mail()})),
            ("deliver", events.batch(delivery)[0]),
            ("sweep", events.schedule()),
        ]

    def test_every_line_is_json_with_the_request_and_without_a_secret(self):
        for operation in ("GetItem", "PutItem", "UpdateItem", "Query", "TransactWriteItems", "BatchGetItem"):
            aws.refusals[f"dynamodb.{operation}"] = (400, {"__type": "AccessDeniedException", "message": "not allowed"})
        for number, (name, event) in enumerate(self.failures()):
            with self.subTest(name, number=number), start(name) as function:
                answer = function.invoke(event)
                lines = function.log()
                self.assertTrue(lines, "nothing was logged")
                for line in lines:
                    fields = json.loads(line)
                    request = fields["request_id"]
                    expected = "JKJaXmPLvHcESHA=" if "requestContext" in event else answer.request_id
                    self.assertEqual(request, expected, line)
                for secret in (PASSWORD, CONTENT, "bearer-token-canary", "session=cookie", ACCESS_KEY, SECRET_KEY, SESSION_TOKEN):
                    self.assertNotIn(secret, "\n".join(lines))
                    self.assertNotIn(secret, answer.text)

    def test_a_log_that_cannot_be_written_fails_no_request(self):
        aws.refusals["dynamodb.Query"] = (400, {"__type": "AccessDeniedException"})
        event = events.http("GET", "/v1/connections")
        with start("connections") as connections:
            usual = connections.http(event)
        with open("/dev/full", "wb") as full, start("connections", output=full) as connections:
            self.assertEqual(connections.http(event), usual)
