"""Starts mail servers that a program of its own serves."""

import json
import os
import subprocess

from program import MAIL_DIR, Program


class Server:
    """A mail server, running; `ports` has one for each encryption."""

    def __init__(self, name, *command):
        self.log = open(os.path.join(MAIL_DIR, f"{name}.log"), "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.ports = json.loads(Program.wait_for(self.first_line, lambda line: line.endswith("\n")))
        except Exception:
            self.stop()
            raise

    def first_line(self):
        with open(self.log.name, encoding="utf-8") as log:
            line = log.readline()
        if not line and self.process.poll() is not None:
            raise AssertionError(f"ended at once: see {self.log.name}")
        return line

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
