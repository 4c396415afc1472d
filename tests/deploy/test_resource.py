"""The release binary of `resource`, asked as CloudFormation asks, which waits for an answer at a presigned URL."""

import json

import events
from aws import CONTENT
from mail_server import ADDRESS
from world import PASSWORD, Case, aws, start

PROPERTIES = {
    "Tenant": "of-a-stack", "Name": "System", "SenderEmail": "noreply@example.com", "Host": ADDRESS, "Encryption": "none"}


class Resource(Case):
    def answer(self, properties):
        """What is put where the answer is waited for."""
        key = f"answers/{self.id()}"
        with start("resource") as function:
            answer = function.invoke(events.custom_resource(f"{aws.url}/{CONTENT}/{key}?X-Amz-Signature=x", properties))
            self.assertFalse(answer.failed, answer.text)
            self.assertNotIn(PASSWORD, "".join(function.log()))
        return json.loads(aws.s3.get_object(Bucket=CONTENT, Key=key)["Body"].read())

    def test_a_connection_that_a_stack_brings_is_there_for_its_tenant(self):
        answer = self.answer(PROPERTIES)
        self.assertEqual(answer["Status"], "SUCCESS", answer)
        made = answer["Data"]["ConnectionId"]
        with start("connections") as connections:
            status, _, body = connections.http(events.http("GET", f"/v1/connections/{made}", tenant="of-a-stack"))
        self.assertEqual((status, body["name"]), (200, "System"))

    def test_what_fails_is_answered_with_the_property(self):
        answer = self.answer(PROPERTIES | {"Host": "not a host"})
        self.assertEqual(answer["Status"], "FAILED")
        self.assertIn("Host: ", answer["Reason"])

    def test_a_password_comes_from_the_secret_and_is_in_no_log(self):
        tags = [{"Key": "mittente", "Value": "mittente"}]
        secret = aws.secrets.create_secret(Name="app/system-mail", SecretString=json.dumps({"password": PASSWORD}), Tags=tags)
        login = {"Encryption": "implicit_tls", "Username": "noreply", "PasswordSecretArn": secret["ARN"], "PasswordSecretKey": "password"}
        answer = self.answer(PROPERTIES | {"Tenant": "with-a-login"} | login)
        self.assertEqual(answer["Status"], "SUCCESS", answer)
        kept = [aws.secrets.get_secret_value(SecretId=it["ARN"])["SecretString"] for it in aws.secrets.list_secrets()["SecretList"]
                if "with-a-login" in it["Name"]]
        self.assertEqual(kept, [PASSWORD])
