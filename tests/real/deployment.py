"""The real template in ministack, an AWS on loopback that runs the release binaries and has an API Gateway in front of them.

What is not as `sam deploy` does it, because ministack can't or a test may not:
* `Network=none`: ministack has no NAT gateway. The network stack is created in moto, by tests/deploy.
* The alarm over an expression of metrics is left out: ministack has none.
* ministack keeps `MaximumConcurrency`, a parameter, as the text it came as, and then stops polling queues. It is told again, as a number.
* Where an entry has to fail five times, its queue shows it again after a second instead of minutes; and the event that is refused is handed to
  Lambda as EventBridge would, whose part ministack plays only once.
"""

import base64
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import ssl
import subprocess
import sys

import boto3

from issuer import AUDIENCE
from program import MAIL_DIR, PATIENCE_S, Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "mittente"
REGION = "eu-west-3"
PORT = 4566
URL = f"http://127.0.0.1:{PORT}"
# Before any call: these must never reach AWS. Nor could they: the network that this runs in leads nowhere.
os.environ.update({
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ENDPOINT_URL": URL,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "NO_PROXY": "127.0.0.1",
})
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)


def client(service):
    return boto3.client(service, endpoint_url=URL, region_name=REGION)


class Ministack:
    """ministack, running, with nothing in it. Functions get its environment too, so there is next to nothing in that."""

    def __init__(self):
        folder = pathlib.Path(MAIL_DIR, "ministack")
        folder.mkdir()
        self._log = open(os.path.join(MAIL_DIR, "ministack.log"), "w+b")
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "s3"),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(PORT),
            "MINISTACK_REGION": REGION,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ministack.app"], env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            Program.wait_for(self._health, lambda status: status == 200)
        except Exception:
            self.stop()
            raise

    def _health(self):
        if self.process.poll() is not None:
            raise AssertionError("ministack ended at once: see ministack.log")
        try:
            return call("GET", "/_ministack/health")[0]
        except OSError as error:
            return error

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self._log.close()


def call(method, path, body=None, host=None, token=None):
    """Status and body of a request to ministack."""
    headers = {}
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_S)
    try:
        if host is not None:
            headers["host"] = host
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if body is not None:
            headers["content-type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer) if answer else None
    finally:
        connection.close()


def built():
    """What `sam build` has left, with the alarms that ministack has."""
    folder = pathlib.Path(MAIL_DIR, "build")
    shutil.copytree(os.environ["BUILT"], folder)
    alarms = folder / "Alarms" / "template.yaml"
    alarms.write_text(without_metric_math(alarms.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def without_metric_math(alarms):
    """The alarms but for those over an expression, which ministack has not."""
    resources = re.split(r"^(?=  \w+:$)", alarms, flags=re.MULTILINE)
    kept = [resource for resource in resources if "\n      Metrics:\n" not in resource]
    assert len(resources) - len(kept) == 1, "one alarm is over an expression"
    return "".join(kept)


def sam(*command):
    """Runs SAM with the repository's own samconfig.toml."""
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "HOME": MAIL_DIR}
    arguments = [os.environ["SAM"], *command, "--config-file", str(ROOT / "samconfig.toml")]
    done = subprocess.run(arguments, env=environment, cwd=MAIL_DIR, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Deployment:
    """The stack, which believes Postfix's certificate."""

    def __init__(self, issuer):
        self._folder = built()
        authority = pathlib.Path(MAIL_DIR, "pki", "ca.pem").read_text(encoding="ascii")
        self._parameters = {
            "Issuer": issuer.url,
            "Audience": AUDIENCE,
            "EhloName": "mail.example.com",
            "Network": "none",
            "EgressIps": "192.0.2.10,192.0.2.11",
            "PrivateCa": base64.b64encode(ssl.PEM_cert_to_DER_cert(authority)).decode(),
            "Architecture": {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()],
            "DeletionProtection": "false",
            # By the name at which ministack has a stack's resources answered.
            "AwsEndpointUrl": f"http://localhost:{PORT}",
        }
        self.deploy()

    def deploy(self, **changes):
        """`sam deploy`: the first time it creates the stack, and then updates it."""
        self._parameters |= changes
        # In quotation marks, or SAM takes none that is empty.
        given = [f'{name}="{value}"' for name, value in self._parameters.items()]
        sam("deploy", "--template-file", str(self._folder / "template.yaml"), "--no-confirm-changeset", "--parameter-overrides", *given)
        stack = client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
        self.status = stack["StackStatus"]
        self.outputs = {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}
        functions = client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            concurrency = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency})

    def call(self, method, path, body=None, token=None):
        """Status and body of a request to the API."""
        return call(method, path, body, f"{self.outputs['ApiId']}.execute-api.localhost", token)

    def delete(self):
        """`sam delete`, but for SAM: it removes what it uploaded too, and looks for it at AWS's own addresses alone."""
        stacks = client("cloudformation")
        stacks.delete_stack(StackName=NAME)
        stacks.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE_S})
