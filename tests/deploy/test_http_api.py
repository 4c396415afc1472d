"""Requests from API Gateway, to the release binaries."""

import json
import tempfile

import events
from certificate import certificate
from mail_server import ADDRESS, MailServer
from world import PASSWORD, Case, aws, connection, mail, queued, start


class HttpApi(Case):
    def test_the_claims_name_the_tenant_in_the_first_invocation_and_the_next(self):
        with start("connections") as connections:
            status, headers, created = connections.http(connection(tenant="claims"))
            self.assertEqual((status, headers["content-type"]), (201, "application/json"))
            self.assertEqual(headers["x-request-id"], "JKJaXmPLvHcESHA=")
            self.assertEqual(headers["location"], f"/v1/connections/{created['id']}")
            _, _, own = connections.http(events.http("GET", "/v1/connections?limit=5", tenant="claims"))
            _, _, others = connections.http(events.http("GET", "/v1/connections", tenant="another"))
        self.assertEqual([it["id"] for it in own["connections"]], [created["id"]])
        self.assertEqual(others["connections"], [])

    def test_a_token_without_the_claim_is_forbidden(self):
        for function, path in (("connections", "/v1/connections"), ("submit", "/v1/messages")):
            with self.subTest(function), start(function) as running:
                status, headers, problem = running.http(events.http("GET", path, tenant=None))
                self.assertEqual((status, problem["type"]), (403, "/problems/forbidden"))
                self.assertEqual(headers["content-type"], "application/problem+json")

    def test_a_request_without_an_authorizer_is_unauthenticated(self):
        event = events.http("GET", "/v1/connections")
        del event["requestContext"]["authorizer"]
        with start("connections") as connections:
            status, _, problem = connections.http(event)
        self.assertEqual((status, problem["type"]), (401, "/problems/unauthenticated"))

    def test_a_body_may_come_in_base64(self):
        name = "Büro · 東京"
        with start("connections") as connections:
            event = connection(tenant="base64", in_base64=True, body={"name": name})
            status, _, created = connections.http(event)
        self.assertEqual((status, created["name"]), (201, name))
        with start("submit") as submit:
            status, _, message = submit.http(
                events.http("POST", "/v1/messages", mail(subject=name), tenant="base64", in_base64=True))
        self.assertEqual((status, message["subject"]), (202, name))

    def test_the_egress_addresses_are_those_of_the_variable(self):
        with start("connections", EGRESS_IPS="198.51.100.1,198.51.100.2") as connections:
            _, _, body = connections.http(events.http("GET", "/v1/egress-ips"))
        self.assertIn("198.51.100.2", json.dumps(body))

    def test_a_password_goes_to_secrets_manager_and_nowhere_else(self):
        with start("connections") as connections:
            login = {"host": "smtp.example.com", "encryption": "starttls", "username": "info", "password": PASSWORD}
            aws.taken()
            status, _, created = connections.http(connection(tenant="password", body=login))
        self.assertEqual(status, 201, created)
        self.assertNotIn(PASSWORD, json.dumps(created))
        holding = [call.name for call in aws.taken() if PASSWORD.encode() in call.request]
        self.assertEqual(holding, ["secretsmanager.CreateSecret"])

    def test_aws_must_show_a_certificate_of_amazons_or_of_the_bundle(self):
        with tempfile.TemporaryDirectory() as folder:
            authority, *files = certificate(folder)
            url = aws.with_tls(*files)
            for bundle, expected in ((None, 503), (authority, 200)):
                # The system's own list is not asked, whatever it holds.
                variables = {"AWS_ENDPOINT_URL": url, "AWS_CA_BUNDLE": bundle, "SSL_CERT_FILE": authority}
                with self.subTest(bundle=bundle), start("connections", **variables) as connections:
                    status, _, _ = connections.http(events.http("GET", "/v1/connections"))
                    self.assertEqual(status, expected)

    def test_a_draft_is_verified_as_far_as_the_network_lets_it(self):
        server = MailServer()
        self.addCleanup(server.close)
        draft = {"name": "Draft", "sender_email": "info@example.com", "host": ADDRESS, "encryption": "none"}
        verify_draft = lambda **changes: events.http(
            "POST", "/v1/connections/verify", draft | changes, tenant="verify")
        with start("verify") as verify:
            status, _, good = verify.http(verify_draft())
            self.assertEqual((status, good["ok"]), (200, True), good)
            _, _, closed = verify.http(verify_draft(port=2525))
            self.assertFalse(closed["ok"], closed)
            status, _, problem = verify.http(verify_draft(host="127.0.0.1", port=22))
            self.assertEqual((status, problem["type"]), (422, "/problems/validation"))

    def test_a_message_is_accepted_and_queued(self):
        self.has_default("submit")
        with start("submit") as submit:
            status, _, message = submit.http(events.http("POST", "/v1/messages", mail(), tenant="submit"))
            self.assertEqual((status, message["status"]), (202, "queued"), message)
            _, _, read = submit.http(events.http("GET", f"/v1/messages/{message['id']}", tenant="submit"))
        self.assertEqual(read, message)
        [entry] = queued()
        self.assertEqual(json.loads(entry)["message_id"], message["id"])
