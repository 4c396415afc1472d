"""A function's release binary, started as Lambda starts it: with Lambda's environment and the function's own variables, nothing else."""

import json
import os
import subprocess
import tempfile

from runtime_api import PATIENCE_S, RuntimeApi

RELEASE = os.environ["RELEASE"]
# Nobody's, and easily found where they don't belong.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "AQoDYXdzEJrEXAMPLESESSIONTOKEN"


def lambda_variables(name, memory_mb=128):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    return {
        "_HANDLER": "bootstrap",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_REGION": "eu-west-3",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TZ": ":UTC",
    }


class Function:
    """A function in a process of its own. `variables` are those of the template; one that is None is left out, Lambda's too."""

    def __init__(self, name, variables, output=None):
        self.name = name
        self.api = RuntimeApi(name)
        self._waits = False
        environment = lambda_variables(name) | {"AWS_LAMBDA_RUNTIME_API": self.api.address} | variables
        environment = {key: value for key, value in environment.items() if value is not None}
        self._log = tempfile.TemporaryFile()
        output = self._log if output is None else output
        command = [os.path.join(RELEASE, name)]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.api.close()
        self._log.close()

    def ready(self):
        """Waits until it asks for an event: the first time, its start is over."""
        if not self._waits:
            self.api.ready(lambda: self.process.poll() is None)
            self._waits = True

    def invoke(self, event, remaining_s=60):
        """Hands it an event as soon as it asks for one."""
        self.ready()
        self._waits = False
        return self.api.invoke(event, remaining_s)

    def http(self, event):
        """Status, headers and body of its answer to a request from API Gateway."""
        answer = self.invoke(event)
        assert not answer.failed, answer.text
        response = answer.json
        assert not response["isBase64Encoded"], response
        body = response.get("body")
        return response["statusCode"], response["headers"], json.loads(body) if body else None

    def ends(self):
        """Waits until the process ends by itself; its status."""
        return self.process.wait(timeout=PATIENCE_S)

    def log(self):
        """All it has written, line by line."""
        log = self._log.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode().splitlines()
