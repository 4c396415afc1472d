"""What the release binaries need to start."""

import base64
import json

from world import REQUIRED, Case, start

LAMBDAS = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class Start(Case):
    def cannot_start(self, name, variable, value):
        with start(name, **{variable: value}) as function:
            self.assertNotEqual(function.ends(), 0)
            log = function.log()
        self.assertEqual(len(log), 1, log)
        line = json.loads(log[0])
        self.assertEqual(line["level"], "ERROR")
        self.assertIn(variable, line["cause"])
        if value:
            self.assertNotIn(value, log[0])

    def test_a_missing_variable_is_one_line_that_names_it(self):
        for name, own in REQUIRED.items():
            for variable in own + LAMBDAS:
                for value in (None, ""):
                    with self.subTest(name, variable=variable, value=value):
                        self.cannot_start(name, variable, value)

    def test_a_malformed_variable_is_one_line_that_names_it(self):
        dials = {"EXTRA_PORTS": "25,no-port", "DENIED_NETWORKS": "10.0.0.0/33", "EHLO_NAME": "not a host"}
        malformed = {
            "connections": {key: dials[key] for key in ("EXTRA_PORTS", "DENIED_NETWORKS")} | {
                "CONNECTIONS_PER_TENANT": "many", "EGRESS_IPS": "one,two", "AWS_CA_BUNDLE": "/dev/null"},
            "verify": dials | {
                "PRIVATE_CA": "MII, not base64", "EGRESS_IPS": "198.51.100", "VERIFICATIONS_PER_TENANT": "many",
                "VERIFICATIONS_PER_TARGET": "-7"},
            "submit": {"QUEUED_PER_TENANT": "many", "CONTENT_BUCKET": "a bucket", "AWS_ENDPOINT_URL": "http://localhost:1/path"},
            "resource": {key: dials[key] for key in ("EXTRA_PORTS", "DENIED_NETWORKS")} | {
                "CONNECTIONS_PER_TENANT": "-1", "AWS_ENDPOINT_URL": "not a url"},
            "deliver": dials | {
                "PRIVATE_CA": base64.b64encode(b"no certificate").decode(), "AMBIGUOUS": "perhaps", "CONTENT_BUCKET": "dots.in.it"},
        }
        for name, variables in malformed.items():
            for variable, value in variables.items():
                with self.subTest(name, variable=variable):
                    self.cannot_start(name, variable, value)
