"""That the reader of the sources sees what it has to: a call that it overlooked would be a permission that nobody misses."""

import re
import tomllib
import unittest
from unittest import mock

import source
from templates import ROOT

# Calls that are not made on the client of a table, queue or store, and are therefore read by rules of their own.
BY_RULES_OF_THEIR_OWN = {
    "shared/src/aws/due.rs": ["query"],
    "functions/sweep/src/secrets.rs": ["delete_secret"],
}


class Source(unittest.TestCase):
    def test_each_call_in_the_sources_is_on_a_client_that_is_known(self):
        known = "|".join([*source.ACTIONS, "transact_write_items"])
        # S3's client is our own, whose calls have arguments.
        of_s3 = "|".join(re.findall(r"pub async fn (\w+)", source.without_comments_and_tests(ROOT / "shared/src/aws/s3.rs")))
        self.assertLessEqual(set(of_s3.split("|")), source.ACTIONS.keys())
        left = {}
        for path in [*ROOT.glob("shared/src/**/*.rs"), *ROOT.glob("functions/*/src/**/*.rs")]:
            if path.name == "tests.rs":
                continue
            text = source.without_comments_and_tests(path)
            calls = re.findall(rf"\.\s*({known})\(\)", text) + re.findall(rf"\.\s*({of_s3})\(", text)
            for _, call in source.CALL.findall(text):
                if call in calls:
                    calls.remove(call)
            if calls:
                left[str(path.relative_to(ROOT))] = calls
        self.assertEqual(left, BY_RULES_OF_THEIR_OWN)

    def test_a_call_that_needs_an_unknown_action_is_refused(self):
        with self.assertRaisesRegex(source.UnknownCall, "scan"):
            source._calls("self.client.scan().table_name(&self.name)", "connections", None)

    def test_no_client_makes_a_call_that_has_no_action(self):
        for path in [*ROOT.glob("shared/src/aws/*.rs"), *ROOT.glob("functions/*/src/**/*.rs")]:
            for call in re.findall(r"\bclient\s*\.\s*(\w+)\(\)", source.without_comments_and_tests(path)):
                with self.subTest(path=path):
                    self.assertIn(call, {*source.ACTIONS, "transact_write_items", "clone"})

    def test_what_a_function_no_longer_calls_it_no_longer_needs(self):
        cases = [
            ("submit", "messages.list(", ("dynamodb:BatchGetItem", "messages")),
            ("deliver", ".show_again(", ("sqs:ChangeMessageVisibility", "deliveries")),
            ("connections", ".check(", ("dynamodb:ConditionCheckItem", "connections")),
            ("sweep", ".delete_secret(", ("secretsmanager:DeleteSecret", "secrets")),
            ("resource", ".get_secret_value(", ("secretsmanager:GetSecretValue", "secrets of templates")),
            ("resource", "connections::routes(", ("secretsmanager:CreateSecret", "secrets")),
        ]
        for function, call, permission in cases:
            with self.subTest(function=function):
                self.assertIn(permission, source.permissions(function))
                text = re.sub(r"\s*".join(map(re.escape, re.split(r"(\.)", call))), "nothing(", source.crate(function))
                with mock.patch.object(source, "crate", return_value=text):
                    self.assertNotIn(permission, source.permissions.__wrapped__(function))

    def test_a_new_call_is_a_new_permission(self):
        text = source.crate("deliver") + "\nasync fn more(state: &State) { state.messages.find(tenant, id).await }"
        before = source.permissions("deliver")
        with mock.patch.object(source, "crate", return_value=text):
            self.assertEqual(source.permissions.__wrapped__("deliver") - before, {("dynamodb:GetItem", "messages")})


class Profile(unittest.TestCase):
    def test_a_build_by_cargo_lambda_is_the_one_that_is_tested(self):
        """cargo-lambda sets these where the manifest does not, `panic` to `abort`."""
        release = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["profile"]["release"]
        for setting in ("strip", "lto", "codegen-units", "panic"):
            self.assertIn(setting, release)
        self.assertEqual(release["panic"], "unwind")
