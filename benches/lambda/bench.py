"""Starts, invocations, memory: ours beside Node and Python, in turn. `run` starts it."""

import argparse
import collections
import contextlib
import pathlib
import statistics
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "deploy"))

import events
import templates
from aws import Aws
from certificate import certificate
from function import Function, lambda_variables
from runtime_api import RuntimeApi
from sandbox import SHARE_AT_128_MB, Sandbox, peak_mb
from stub import Stub

FUNCTIONS = [
    pathlib.Path(it["Properties"]["CodeUri"]).name
    for it in templates.of_type(templates.read("root"), "AWS::Serverless::Function").values()]
# What the Python function imports, of an environment that has more.
PYTHON_PACKAGES = (
    "awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "runtime_client*", "s3transfer", "simplejson", "six.py",
    "snapshot_restore_py.py", "urllib3")
WARM = 200
# One more than this is thrown away: it fills the page cache.
ROUNDS = {"whole core": 9, "128 MB": 5}
MEASURES = ("init CPU", "init", "first CPU", "first", "warm CPU", "warm", "memory")


Started = collections.namedtuple("Started", ("api", "sandbox", "process", "ready", "init", "init_cpu"))


@contextlib.contextmanager
def started(name, command, variables, folder):
    """A process that has asked for its first event, with the time and the CPU that this took, in ms. `ready` waits until it asks again."""
    api, sandbox = RuntimeApi(name), Sandbox()
    environment = lambda_variables(name) | {"AWS_LAMBDA_RUNTIME_API": api.address} | variables
    process, began = sandbox.start(command, environment, folder)
    ready = lambda: api.ready(lambda: process.poll() is None)
    try:
        init = (ready() - began) * 1000
        yield Started(api, sandbox, process, ready, init, sandbox.cpu_ms())
    finally:
        process.kill()
        process.wait()
        api.close()
        sandbox.close()


class Peer:
    """Something that answers the event."""

    def __init__(self, name, command, folder, variables):
        self.name, self.command, self.folder, self.variables = name, command, folder, variables

    def measure(self, event, variables, quota, warm):
        """The measures of one process: CPU and time in ms, memory in MB."""
        with started(self.name, self.command, variables | self.variables, self.folder) as running:
            cpu = running.sandbox.cpu_ms
            # Until here Lambda gives it a whole core:
            # https://serverlessland.com/content/service/lambda/guides/effectively-running-java-on-serverless/init-heavy-lifting
            if quota:
                running.sandbox.hold_to(*quota)

            def invoke():
                answer = running.api.invoke(event)
                assert not answer.failed and answer.json["statusCode"] == 200, answer.text
                running.ready()
                return answer.seconds * 1000

            first = invoke()
            first_cpu = cpu() - running.init_cpu
            used = cpu()
            times = [invoke() for _ in range(warm)]
            warm_cpu = (cpu() - used) / warm
            return [
                running.init_cpu, running.init, first_cpu, first, warm_cpu, statistics.median(times), peak_mb(running.process)]


def stored():
    """A message: the request that shows it, and DynamoDB's answer to that."""
    aws = Aws()
    variables = aws.variables() | {"TENANT_CLAIM": "tenant_id"}
    connection = {
        "name": "SMTP Ufficio", "sender_email": "info@example.com", "host": "smtp.example.com", "encryption": "starttls",
        "default": True}
    mail = {"to": ["you@example.com"], "subject": "Hello", "text": "It works."}
    with Function("connections", variables) as connections:
        connections.http(events.http("POST", "/v1/connections", connection))
    with Function("submit", variables) as submit:
        _, headers, _ = submit.http(events.http("POST", "/v1/messages", mail))
        event = events.http("GET", headers["location"])
        answers = aws.keep_answers()
        submit.http(event)
    aws.close()
    [answer] = answers
    return event, answer


def zipped(files):
    """MB of an archive of these files, given by their names in it."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, path in files.items():
                archive.write(path, name)
        return file.tell() / 1e6


def tree(folder, *patterns):
    """The files under what fits the patterns in a folder, without what an interpreter leaves there."""
    folder = pathlib.Path(folder)
    tops = (top for pattern in patterns or ["*"] for top in folder.glob(pattern))
    found = (it for top in tops for it in (top, *top.rglob("*")))
    return {str(it.relative_to(folder)): it for it in found if it.is_file() and "__pycache__" not in it.parts}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", action="append", required=True, metavar="NAME=FOLDER", help="release binaries")
    parser.add_argument("--node", required=True, help="the folder with the Node function and its packages")
    parser.add_argument("--python", required=True, help="an interpreter with the runtime client and boto3")
    parser.add_argument("--quick", action="store_true", help="two rounds, to see that it works")
    arguments = parser.parse_args()
    ours = dict(pair.split("=", 1) for pair in arguments.ours)
    event, answer = stored()
    with tempfile.TemporaryDirectory() as folder:
        authority, *files = certificate(folder)
        trust = dict.fromkeys(("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), authority)
        plain, tls = Stub(answer), Stub(answer, files)
        own = {
            "CONNECTIONS_TABLE": "connections", "MESSAGES_TABLE": "messages", "CONTENT_BUCKET": "content",
            "DELIVERY_QUEUE_URL": f"{plain.url}/queue", "TENANT_CLAIM": "tenant_id"}
        here = pathlib.Path(__file__).resolve().parent
        peers = [Peer(name, [f"{binaries}/submit"], "/", own) for name, binaries in ours.items()]
        ric = "node_modules/aws-lambda-ric/bin/index.mjs"
        peers.append(Peer("Node 20", ["node", ric, "index.handler"], arguments.node, own))
        command = [arguments.python, "-m", "awslambdaric", "handler.handler"]
        # Lambda's own folder can't be written to either.
        peers.append(Peer("Python 3.11", command, here / "python", own | {"PYTHONDONTWRITEBYTECODE": "1"}))
        in_clear, by_tls = {"AWS_ENDPOINT_URL": plain.url}, {"AWS_ENDPOINT_URL": tls.url} | trust
        settings = {
            "whole core": (None, in_clear, WARM),
            "whole core, TLS": (None, by_tls, WARM),
            # AWS doesn't say how long its periods are: the kernel's own, and what those who measured Lambda found.
            "128 MB, TLS, periods of 100 ms": ((SHARE_AT_128_MB, 100_000), by_tls, 20),
            "128 MB, TLS, periods of 20 ms": ((SHARE_AT_128_MB, 20_000), by_tls, 20),
        }
        for setting, (quota, variables, warm) in settings.items():
            count = 1 if arguments.quick else ROUNDS[setting.split(",")[0]]
            seen = {peer.name: [] for peer in peers}
            for number in range(count + 1):
                for peer in peers:
                    measures = peer.measure(event, variables, quota, warm)
                    if number:
                        seen[peer.name].append(measures)
            print(f"\n{setting}: medians of {count} processes, ms and MB\n")
            print("| |", " | ".join(MEASURES), "|")
            print("| --- " * (len(MEASURES) + 1) + "|")
            for name, rows in seen.items():
                medians = [statistics.median(column) for column in zip(*rows)]
                print(f"| {name} |", " | ".join(f"{value:.2f}" for value in medians), "|", flush=True)
        print("\nzip in MB\n\n| |", " | ".join(FUNCTIONS), "|\n" + "| --- " * (len(FUNCTIONS) + 1) + "|")
        for name, binaries in ours.items():
            print(f"| {name} |", " | ".join(f"{zipped({'bootstrap': f'{binaries}/{it}'}):.2f}" for it in FUNCTIONS), "|")
        packages = subprocess.run(
            [arguments.python, "-c", "import boto3, pathlib; print(pathlib.Path(boto3.__file__).parents[1])"], check=True, capture_output=True,
            text=True).stdout.strip()
        node, python = tree(arguments.node), tree(packages, *PYTHON_PACKAGES) | tree(here / "python")
        print(f"\nNode with its packages: {zipped(node):.1f}; Python with its: {zipped(python):.1f}")
        starts(plain, ours, 1 if arguments.quick else ROUNDS["whole core"])


def starts(stub, ours, count):
    """Every function's start."""
    variables = {
        "CONNECTIONS_TABLE": "c", "MESSAGES_TABLE": "m", "CONTENT_BUCKET": "content", "SECRET_PREFIX": "p", "TENANT_CLAIM": "tenant_id",
        "DELIVERY_QUEUE_URL": f"{stub.url}/q", "EHLO_NAME": "mail.example.com", "AWS_ENDPOINT_URL": stub.url,
    }
    seen = {(function, name): [] for function in FUNCTIONS for name in ours}
    for number in range(count + 1):
        for (function, name), rows in seen.items():
            with started(function, [f"{ours[name]}/{function}"], variables, "/") as running:
                measures = running.init_cpu, running.init, peak_mb(running.process)
            if number:
                rows.append(measures)
    print(f"\nstarts: medians of {count} processes\n\n| | | init CPU ms | init ms | memory MB |\n| --- | --- | --- | --- | --- |")
    for (function, name), rows in seen.items():
        medians = [statistics.median(column) for column in zip(*rows)]
        print(f"| {function} | {name} |", " | ".join(f"{value:.2f}" for value in medians), "|")


if __name__ == "__main__":
    main()
