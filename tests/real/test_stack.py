"""The deployment, by its API, its bus and its queues."""

import itertools
import json
import os
import unittest

import mailboxes
from deployment import NAME, Deployment, Ministack, client
from issuer import Issuer, key
from program import Program

ADDRESS = os.environ["PUBLIC_ADDRESS"]
NUMBERS = itertools.count(1)


def setUpModule():
    global issuer, stack
    issuer = Issuer()
    unittest.addModuleCleanup(issuer.stop)
    ministack = Ministack()
    unittest.addModuleCleanup(ministack.stop)
    stack = Deployment(issuer)


def load_tests(loader, _tests, _pattern):
    """The end of the stack comes after all else."""
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, (TokenTest, MailTest, StackTest, PoisonTest, LifeTest)))


def postfix(**changes):
    """Settings of Postfix as it listens on the public address."""
    usual = {"name": f"SMTP {next(NUMBERS)}", "sender_email": "alice@example.com", "host": ADDRESS, "port": 587, "encryption": "starttls"}
    return usual | mailboxes.LOGIN | changes


def mail():
    return {"to": ["ann@inbox.test"], "subject": "From the stack", "text": "ciao"}


class Tenant:
    """A tenant, and a token of its."""

    def __init__(self):
        self.name = f"tenant-{next(NUMBERS)}"
        self._token = issuer.token(self.name)

    def call(self, method, path, body=None):
        return stack.call(method, path, body, self._token)

    def with_default(self):
        """With a default connection to Postfix."""
        status, made = self.call("POST", "/v1/connections", postfix(default=True))
        assert status == 201, made
        return self

    def settled(self, message_id):
        """A message, once its first attempt is over."""
        look = lambda: self.call("GET", f"/v1/messages/{message_id}")[1]
        return Program.wait_for(look, lambda message: message["status"] not in ("queued", "sending"))

    def only_message(self):
        """The tenant's one message, as soon as there is one."""
        look = lambda: self.call("GET", "/v1/messages")[1]["messages"]
        (listed,) = Program.wait_for(look, bool)
        return self.settled(listed["id"])


class TokenTest(unittest.TestCase):
    """What API Gateway lets through, and what the functions make of the claims."""

    def status(self, token, method="GET", path="/v1/connections", body=None):
        return stack.call(method, path, body, token)[0]

    def test_a_good_token_is_let_through(self):
        self.assertEqual(self.status(issuer.token("acme")), 200)

    def test_a_token_that_is_not_right_in_every_way_is_not(self):
        head, _, signature = issuer.token("acme").split(".")
        claims = issuer.token("evil").split(".")[1]
        for name, token in {
            "none at all": None,
            "for another audience": issuer.token("acme", aud="somebody-else"),
            "of another issuer": issuer.token("acme", iss="https://issuer.test"),
            "expired": issuer.token("acme", exp=1_700_000_000),
            "signed by another key": issuer.token("acme", signed_by=key()),
            "not signed": issuer.token("acme", algorithm="none"),
            "signed for another tenant": f"{head}.{claims}.{signature}",
        }.items():
            with self.subTest(name):
                self.assertEqual(self.status(token), 401)

    def test_each_operation_wants_its_scope(self):
        for scope, method, path in (
            ("connections:read", "POST", "/v1/connections"),
            ("connections:write", "GET", "/v1/connections"),
            ("connections:read messages:read", "POST", "/v1/connections/verify"),
            ("messages:read connections:write", "POST", "/v1/messages"),
            ("messages:send", "GET", "/v1/messages"),
            (None, "GET", "/v1/egress-ips"),
        ):
            with self.subTest(f"{method} {path} with {scope}"):
                body = {} if method == "POST" else None
                self.assertEqual(self.status(issuer.token("acme", scope=scope), method, path, body), 403)

    def test_a_token_that_names_no_tenant_is_refused(self):
        status, problem = stack.call("GET", "/v1/connections", token=issuer.token(None))
        self.assertEqual((status, problem["type"].rsplit("/", 1)[-1]), (403, "forbidden"), problem)

    def test_another_tenant_sees_nothing(self):
        owner, other = Tenant(), Tenant()
        _, connection = owner.call("POST", "/v1/connections", postfix(default=True))
        _, message = owner.call("POST", "/v1/messages", mail())
        self.assertEqual(other.call("GET", "/v1/connections")[1]["connections"], [])
        self.assertEqual(other.call("GET", "/v1/messages")[1]["messages"], [])
        for method, path in (
            ("GET", f"/v1/connections/{connection['id']}"),
            ("DELETE", f"/v1/connections/{connection['id']}"),
            ("POST", f"/v1/connections/{connection['id']}/verify"),
            ("GET", f"/v1/messages/{message['id']}"),
            ("POST", f"/v1/messages/{message['id']}/cancel"),
        ):
            with self.subTest(f"{method} {path}"):
                self.assertEqual(other.call(method, path)[0], 404)
        self.assertEqual(owner.call("GET", f"/v1/connections/{connection['id']}")[0], 200)

    def test_the_description_needs_no_token(self):
        status, description = stack.call("GET", "/v1/openapi.json")
        self.assertEqual((status, description["openapi"][:2]), (200, "3."))


class MailTest(unittest.TestCase):
    """From a connection to a mailbox of Postfix."""

    def assert_sent(self, message):
        self.assertEqual(message["status"], "sent", message)
        self.assertEqual(message["attempts"][0]["reply"]["code"], 250)
        mailboxes.delivered(message)

    def test_a_connection_is_created_verified_made_the_default_and_sends(self):
        tenant = Tenant()
        status, connection = tenant.call("POST", "/v1/connections", postfix())
        self.assertEqual(status, 201, connection)
        secrets = [it["Name"] for it in client("secretsmanager").list_secrets()["SecretList"] if f"/{tenant.name}/" in it["Name"]]
        self.assertEqual([name.split("/")[0] for name in secrets], [stack.outputs["SecretPrefix"]])
        status, report = tenant.call("POST", f"/v1/connections/{connection['id']}/verify")
        self.assertEqual((status, report["ok"]), (200, True), report)
        self.assertEqual(report["server"]["tls"]["version"], "TLSv1.3")
        self.assertEqual([it["status"] for it in report["stages"] if it["stage"] == "auth"], ["passed"])
        self.assertIn("PIPELINING", report["server"]["extensions"])
        status, connection = tenant.call("PATCH", f"/v1/connections/{connection['id']}", {"default": True})
        self.assertEqual((status, connection["default"]), (200, True), connection)
        status, accepted = tenant.call("POST", "/v1/messages", mail())
        self.assertEqual(status, 202, accepted)
        message = tenant.settled(accepted["id"])
        self.assertEqual(message["rule"], "default", message)
        self.assert_sent(message)

    def test_an_event_on_the_bus_sends(self):
        tenant = Tenant().with_default()
        event = {
            "EventBusName": stack.outputs["BusName"],
            "Source": "shop.example",
            "DetailType": "Email Requested",
            "Detail": json.dumps({"tenant": tenant.name, "idempotency_key": "order-1", "message": mail()}),
        }
        self.assertEqual(client("events").put_events(Entries=[event])["FailedEntryCount"], 0)
        self.assert_sent(tenant.only_message())

    def test_an_entry_in_the_queue_of_producers_sends(self):
        tenant = Tenant().with_default()
        body = json.dumps({"tenant": tenant.name, "idempotency_key": "order-1", "message": mail()})
        client("sqs").send_message(QueueUrl=stack.outputs["RequestsUrl"], MessageBody=body)
        self.assert_sent(tenant.only_message())

    def test_the_egress_addresses_are_told(self):
        _, told = Tenant().call("GET", "/v1/egress-ips")
        self.assertEqual(told["ips"], ["192.0.2.10", "192.0.2.11"])


class StackTest(unittest.TestCase):
    """A stack that brings a connection, as docs/connections-as-code.md has it."""

    def setUp(self):
        self.tenant = Tenant()
        self.name = f"app-{next(NUMBERS)}"
        secret = {"Name": f"{self.name}/mail", "SecretString": json.dumps({"password": mailboxes.LOGIN["password"]})}
        self.secret = client("secretsmanager").create_secret(**secret, Tags=[{"Key": "mittente", "Value": NAME}])["ARN"]
        self.stacks = client("cloudformation")
        self.addCleanup(self.stacks.delete_stack, StackName=self.name)

    def template(self, **changes):
        properties = {
            "ServiceToken": {"Fn::ImportValue": f"{NAME}-ResourceFunctionArn"},
            "ServiceTimeout": 60,
            "Tenant": self.tenant.name,
            "Name": "System",
            "SenderEmail": "alice@example.com",
            "Host": ADDRESS,
            "Port": 587,
            "Encryption": "starttls",
            "Username": mailboxes.LOGIN["username"],
            "PasswordSecretArn": self.secret,
            "PasswordSecretKey": "password",
            "Default": True,
        }
        return json.dumps({
            "Resources": {"Mail": {"Type": "Custom::SmtpConnection", "Properties": properties | changes}},
            "Outputs": {"Id": {"Value": {"Fn::GetAtt": ["Mail", "ConnectionId"]}}, "Physical": {"Value": {"Ref": "Mail"}}},
        })

    def stack(self):
        """The stack, once nothing of it is in progress."""
        look = lambda: self.stacks.describe_stacks(StackName=self.name)["Stacks"][0]
        return Program.wait_for(look, lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"))

    def outputs(self):
        return {it["OutputKey"]: it["OutputValue"] for it in self.stack()["Outputs"]}

    def connections(self):
        return self.tenant.call("GET", "/v1/connections")[1]["connections"]

    def test_the_connection_comes_changes_and_goes_with_the_stack(self):
        self.stacks.create_stack(StackName=self.name, TemplateBody=self.template())
        self.assertEqual(self.stack()["StackStatus"], "CREATE_COMPLETE")
        made = self.outputs()
        (connection,) = self.connections()
        self.assertEqual((connection["id"], connection["name"], connection["default"]), (made["Id"], "System", True))
        _, accepted = self.tenant.call("POST", "/v1/messages", mail())
        self.assertEqual(self.tenant.settled(accepted["id"])["status"], "sent")

        self.stacks.update_stack(StackName=self.name, TemplateBody=self.template(Name="Renamed"))
        self.assertEqual(self.stack()["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual((self.outputs(), self.connections()[0]["name"]), (made, "Renamed"))

        self.stacks.delete_stack(StackName=self.name)
        self.stacks.get_waiter("stack_delete_complete").wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self.assertEqual(self.connections(), [])

    def test_what_is_wrong_is_in_the_stacks_events(self):
        wrong = {"Host": "not a host", "Port": 99999, "Encrypt": "starttls"}
        self.stacks.create_stack(StackName=self.name, TemplateBody=self.template(**wrong))
        self.assertIn(self.stack()["StackStatus"], ("ROLLBACK_COMPLETE", "CREATE_FAILED"))
        events = self.stacks.describe_stack_events(StackName=self.name)["StackEvents"]
        reasons = [it.get("ResourceStatusReason", "") for it in events if it["LogicalResourceId"] == "Mail"]
        for name in wrong:
            self.assertTrue(any(f"{name}: " in reason for reason in reasons), (name, reasons))
        self.assertEqual(self.connections(), [])


class PoisonTest(unittest.TestCase):
    """What nothing can be made of ends in a dead-letter queue, after its attempts."""

    def assert_dies(self, dead_letters, poison):
        sqs = client("sqs")
        queue = sqs.get_queue_url(QueueName=f"{NAME}-{dead_letters}")["QueueUrl"]
        look = lambda: sqs.receive_message(QueueUrl=queue).get("Messages", [])
        (dead,) = Program.wait_for(look, bool)
        self.assertIn(poison, dead["Body"])

    def impatient(self, queue):
        """SQS, where an entry of the queue comes back after a second instead of minutes until the test is over."""
        sqs = client("sqs")
        usual = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
        self.addCleanup(sqs.set_queue_attributes, QueueUrl=queue, Attributes=usual)
        return sqs

    def test_in_the_queue_of_deliveries(self):
        queue = stack.outputs["DeliveriesUrl"]
        sqs = self.impatient(queue)
        sqs.send_message(QueueUrl=queue, MessageBody="poison-1", MessageGroupId="poison", MessageDeduplicationId="1")
        self.assert_dies("deliveries-dlq.fifo", "poison-1")

    def test_in_the_queue_of_producers(self):
        queue = stack.outputs["RequestsUrl"]
        self.impatient(queue).send_message(QueueUrl=queue, MessageBody="poison-2")
        self.assert_dies("requests-dlq", "poison-2")

    def test_in_an_event_from_the_bus(self):
        # As EventBridge does: it is done once Lambda has the event. ministack's tries once, and forgets it.
        event = {"detail-type": "Email Requested", "source": "shop.example", "id": "poison-3", "detail": {"tenant": "acme"}}
        client("lambda").invoke(FunctionName=f"{NAME}-submit", InvocationType="Event", Payload=json.dumps(event))
        self.assert_dies("events-dlq", "poison-3")


class LifeTest(unittest.TestCase):
    """What becomes of the stack."""

    def test_1_an_update_changes_what_a_parameter_says_and_loses_nothing(self):
        tenant = Tenant().with_default()
        before = stack.outputs
        stack.deploy(EgressIps="192.0.2.12")
        self.assertEqual(stack.status, "UPDATE_COMPLETE")
        self.assertEqual(stack.outputs, before | {"EgressAddresses": "192.0.2.12"})
        self.assertEqual(tenant.call("GET", "/v1/egress-ips")[1]["ips"], ["192.0.2.12"])
        self.assertEqual(len(tenant.call("GET", "/v1/connections")[1]["connections"]), 1)
        _, accepted = tenant.call("POST", "/v1/messages", mail())
        self.assertEqual(tenant.settled(accepted["id"])["status"], "sent")

    def test_2_without_the_private_authority_its_server_is_not_believed(self):
        stack.deploy(PrivateCa="")
        _, report = Tenant().call("POST", "/v1/connections/verify", postfix())
        self.assertEqual((report["failure"]["stage"], report["failure"]["code"]), ("tls", "certificate_unknown_issuer"), report)

    def test_3_a_deletion_leaves_nothing_but_the_key(self):
        # What else is kept on purpose is deleted by ministack, as it is in a nested stack. The policies are held by tests/deploy.
        stack.delete()
        stacks = [it["StackName"] for it in client("cloudformation").describe_stacks()["Stacks"]]
        self.assertEqual([name for name in stacks if name.startswith(NAME)], [])
        left = {
            "functions": client("lambda").list_functions()["Functions"],
            "mappings": client("lambda").list_event_source_mappings()["EventSourceMappings"],
            "APIs": client("apigatewayv2").get_apis()["Items"],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
            "buses": [it["Name"] for it in client("events").list_event_buses()["EventBuses"] if it["Name"] != "default"],
            "pipes": client("pipes").list_pipes()["Pipes"],
            "roles": client("iam").list_roles()["Roles"],
            "logs": client("logs").describe_log_groups()["logGroups"],
            "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
        }
        self.assertEqual({name: found for name, found in left.items() if found}, {})


if __name__ == "__main__":
    unittest.main()
