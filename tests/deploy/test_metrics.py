"""The metrics that the release binaries write for CloudWatch, one document an invocation."""

import json

import events
from aws import CONTENT
from world import Case, aws, start


class Metrics(Case):
    def test_the_first_invocation_of_each_function_tells_of_its_cold_start_and_no_other_does(self):
        get = events.http("GET", "/v1/connections")
        cases = {
            "connections": get,
            "verify": get,
            "submit": get,
            "deliver": {"Records": []},
            "sweep": events.schedule(),
            "resource": events.custom_resource(f"{aws.url}/{CONTENT}/answer", {}),
        }
        for name, event in cases.items():
            with self.subTest(name), start(name) as function:
                first, _ = function.invoke(event), function.invoke(event)
                lines = [json.loads(line) for line in function.log()]
                documents = [line for line in lines if "_aws" in line]
                self.assertEqual(len(documents), 1, lines)
                [document] = documents
                [directive] = document["_aws"]["CloudWatchMetrics"]
                self.assertEqual((directive["Namespace"], directive["Dimensions"]), ("Mittente", [["FunctionName"]]))
                described = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
                self.assertEqual(described, {"ColdStarts": "Count", "InitDuration": "Milliseconds"})
                self.assertEqual((document["ColdStarts"], len(document["InitDuration"])), (1, 1))
                self.assertEqual(document["FunctionName"], name)
                expected = "JKJaXmPLvHcESHA=" if event is get else first.request_id
                self.assertEqual(document["request_id"], expected)
