"""A panic is one failed request or entry, and nothing else."""

import json
import pathlib
import re
import resource

import events
from world import NO_CONNECTION, NO_MESSAGE, Case, aws, mail, start


class Panics(Case):
    """The functions have no panic to ask for. But their clients look AWS's address up in a thread, and where the system has no
    room for one, that panics inside the handler. An address space that can't take a stack more is such a system."""

    def start(self, name):
        function = start(name, AWS_ENDPOINT_URL=f"http://localhost:{aws.port}")
        function.ready()
        return function

    def crowd(self, function):
        status = pathlib.Path(f"/proc/{function.process.pid}/status").read_text(encoding="utf-8")
        size = int(re.search(r"VmSize:\s+(\d+) kB", status)[1]) * 1024
        resource.prlimit(function.process.pid, resource.RLIMIT_AS, (size + 1024 * 1024, resource.RLIM_INFINITY))

    def relieve(self, function):
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(function.process.pid, resource.RLIMIT_AS, unlimited)

    def panicked(self, function):
        """The line in which the panic is told: where, and of which request; not what it said, which may be anybody's data."""
        lines = [json.loads(line) for line in function.log()]
        panics = [line for line in lines if line.get("message") == "panicked"]
        self.assertTrue(panics, lines)
        for line in panics:
            self.assertEqual(line["level"], "ERROR")
            self.assertRegex(line["location"], r"\.rs:\d+:\d+$")
            self.assertTrue(line["request_id"], line)

    def test_a_panic_is_answered_as_a_problem_and_the_next_request_works(self):
        requests = {
            "connections": events.http("GET", "/v1/connections", tenant="panics"),
            "submit": events.http("GET", "/v1/messages", tenant="panics"),
            "verify": events.http("POST", f"/v1/connections/{NO_CONNECTION}/verify", {}, tenant="panics"),
        }
        for name, event in requests.items():
            with self.subTest(name), self.start(name) as function:
                self.crowd(function)
                status, headers, problem = function.http(event)
                self.assertEqual((status, problem["type"]), (500, "/problems/internal"))
                self.assertEqual(headers["content-type"], "application/problem+json")
                self.assertEqual(headers["x-request-id"], problem["request_id"])
                self.panicked(function)
                function.ready()
                self.relieve(function)
                status, _, _ = function.http(event)
                self.assertEqual(status, 404 if name == "verify" else 200)

    def test_a_panic_fails_the_entries_it_met_and_the_next_batch_works(self):
        self.has_default("panics")
        bodies = {
            "submit": {"tenant": "panics", "message": mail()},
            "deliver": {"tenant": "panics", "message_id": NO_MESSAGE},
        }
        for name, body in bodies.items():
            event, ids = events.batch(body)
            with self.subTest(name), self.start(name) as function:
                self.crowd(function)
                answer = function.invoke(event)
                self.assertFalse(answer.failed, answer.text)
                self.assertEqual(answer.json["batchItemFailures"], [{"itemIdentifier": ids[0]}])
                self.panicked(function)
                function.ready()
                self.relieve(function)
                self.assertEqual(function.invoke(event).json["batchItemFailures"], [])

    def test_a_panic_fails_an_event_and_the_next_works(self):
        self.has_default("panics-event")
        cases = {
            "submit": events.email_requested({"tenant": "panics-event", "message": mail()}),
            "sweep": events.schedule(),
        }
        for name, event in cases.items():
            with self.subTest(name), self.start(name) as function:
                self.crowd(function)
                self.assertTrue(function.invoke(event).failed)
                self.panicked(function)
                function.ready()
                self.relieve(function)
                self.assertFalse(function.invoke(event).failed)
