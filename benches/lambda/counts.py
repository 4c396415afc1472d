"""The calls of AWS that each operation makes, counted where they arrive. `run` starts it."""

import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "deploy"))

from mail_server import MailServer
from operations import counted

server = MailServer()
print("| | calls | |\n| --- | --- | --- |")
for operation, calls in counted().items():
    each = ", ".join(f"{count} {name}" for name, count in collections.Counter(calls).items())
    print(f"| {operation} | {len(calls)} | {each} |")
server.close()
