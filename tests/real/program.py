"""Starts the program and speaks its API."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

MAIL_DIR = os.environ["MAIL_DIR"]
PATIENCE_S = 30


class Program:
    """The program, running, with ports of its own."""

    def __init__(self, *flags):
        name = f"mittente-{time.monotonic_ns()}.log"
        self.log = open(os.path.join(MAIL_DIR, name), "w+b")
        command = [os.environ["MITTENTE"], "--listen", "127.0.0.1:0", "--inbox", "0,0", *flags]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.guide = self.wait_for(self.read_log, lambda log: log.rstrip().endswith('/inbox"'))
        self.api = re.search(r"^api=(.*)$", self.guide, re.MULTILINE)[1]
        inbox = re.search(r"localhost:(\d+) \(STARTTLS\) and localhost:(\d+) \(implicit TLS\)", self.guide)
        self.inbox = {"starttls": int(inbox[1]), "implicit_tls": int(inbox[2])}

    def read_log(self):
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()

    @staticmethod
    def wait_for(look, enough):
        """What `look` gives once it is `enough`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            seen = look()
            if enough(seen):
                return seen
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain; last seen: {seen}")
            time.sleep(0.05)

    def call(self, method, path, body=None):
        """Status and body of a request."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        request = urllib.request.Request(self.api + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def settled(self, message_id):
        """The message, once its first attempt is over."""
        look = lambda: self.call("GET", f"/v1/messages/{message_id}")[1]
        return self.wait_for(look, lambda message: message["status"] not in ("queued", "sending"))

    def stop(self):
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.log.close()
