"""Lambda's Runtime API on loopback, for the process of one function.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.server
import json
import queue
import re
import threading
import time
import uuid
from dataclasses import dataclass

PREFIX = "/2018-06-01/runtime"
ARN = "arn:aws:lambda:eu-west-3:123456789012:function:"
PATIENCE_S = 60


@dataclass(frozen=True)
class Answer:
    """What a function made of an invocation."""

    request_id: str
    # Whether it was posted as an error, not as a response.
    failed: bool
    text: str
    # From the moment its process got the event, as Lambda bills it.
    seconds: float

    @property
    def json(self):
        return json.loads(self.text)


class RuntimeApi:
    """Hands out events one at a time and keeps the answers."""

    def __init__(self, name):
        self.name = name
        self.init_errors = []
        self._events = queue.Queue()
        self._answers = queue.Queue()
        self._asked = queue.Queue()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def ready(self, still_runs=lambda: True):
        """When the function asks for its next event: the moment it asked, by `time.monotonic`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._asked.get(timeout=0.2)
            except queue.Empty:
                if not still_runs():
                    raise AssertionError(f"{self.name} ended before it asked for an event") from None
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.name} did not ask for an event") from None

    def invoke(self, event, remaining_s=60):
        """Hands over an event and waits for what becomes of it. The function must have asked for it: see `ready`."""
        request_id = str(uuid.uuid4())
        text = event if isinstance(event, str) else json.dumps(event)
        self._events.put((request_id, text, remaining_s))
        try:
            answer = self._answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"{self.name} did not answer") from None
        assert answer.request_id == request_id, f"{self.name} answered another invocation"
        return answer

    def close(self):
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A function that is killed resets its connection."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in two writes; without this the second waits for an acknowledgement.
    disable_nagle_algorithm = True
    api = None
    handed_over = (None, 0.0)

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path != f"{PREFIX}/invocation/next":
            return self.answer(404)
        self.api._asked.put(time.monotonic())
        event = self.api._events.get()
        if event is None:
            self.close_connection = True
            return None
        request_id, text, remaining_s = event
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + remaining_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN + self.api.name,
            "Lambda-Runtime-Trace-Id": f"Root=1-5759e988-{request_id.replace('-', '')[:24]};Parent=53995c3f42cd8ad8;Sampled=0",
        }
        self.api.handed_over = (request_id, time.monotonic())
        return self.answer(200, text.encode(), headers)

    def do_POST(self):
        now = time.monotonic()
        text = self.body().decode()
        if self.path == f"{PREFIX}/init/error":
            self.api.init_errors.append(text)
            return self.answer(202)
        told = re.fullmatch(f"{PREFIX}/invocation/([0-9a-f-]+)/(response|error)", self.path)
        if not told:
            return self.answer(404)
        request_id, began = self.api.handed_over
        # Lambda refuses an answer to anything but the invocation that is under way.
        if told[1] != request_id:
            return self.answer(400)
        self.answer(202)
        self.api._answers.put(Answer(request_id, told[2] == "error", text, now - began))
        return None

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
