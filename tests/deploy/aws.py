"""AWS on loopback: moto in this process, behind a door that writes down every call and can answer in its place.

The door is what moto is too polite for: throttling, refusals, and answers that no service would give.
"""

import json
import re
import threading
from dataclasses import dataclass

import boto3
from botocore.config import Config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

import templates
from function import ACCESS_KEY, SECRET_KEY

REGION = "eu-west-3"
CONNECTIONS, MESSAGES, CONTENT = "connections", "messages", "content"
SECRET_PREFIX = "mittente"


def _tables():
    """The tables by their names here, as `CreateTable` wants them: the template says it in the same words."""
    what = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
    tables = templates.of_type(templates.read("data"), "AWS::DynamoDB::Table")
    return {name.lower(): {key: table["Properties"][key] for key in what} for name, table in tables.items()}


TABLES = _tables()


@dataclass(frozen=True)
class Call:
    """A call of AWS: `dynamodb.GetItem`, `s3.PutObject`."""

    name: str
    request: bytes


class _Handler(WSGIRequestHandler):
    # The functions' clients keep their connections.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, *_):
        pass


class Aws:
    """The services, with the tables, the bucket and the queues that the functions expect to find."""

    def __init__(self):
        self.calls = []
        # By the call's name: status and JSON that are answered in moto's place.
        self.refusals = {}
        self._kept = None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._servers = []
        self.port = self._listen()
        self.url = f"http://127.0.0.1:{self.port}"
        self.dynamodb, self.s3, self.sqs, self.secrets = map(
            self.client, ("dynamodb", "s3", "sqs", "secretsmanager"))
        self._create()

    def client(self, service):
        """The endpoint is pinned before any call: fake credentials must never travel to real AWS."""
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY, config=Config(retries={"total_max_attempts": 1}))

    def variables(self):
        """Those that every function may have."""
        return {
            "AWS_ENDPOINT_URL": self.url, "CONNECTIONS_TABLE": CONNECTIONS, "MESSAGES_TABLE": MESSAGES,
            "CONTENT_BUCKET": CONTENT, "DELIVERY_QUEUE_URL": self.queue_url, "SECRET_PREFIX": SECRET_PREFIX,
        }

    def taken(self):
        """The calls since this was asked last."""
        calls, self.calls = self.calls, []
        return calls

    def keep_answers(self):
        """Moto's answers from here on, as they are written."""
        self._kept = []
        return self._kept

    def with_tls(self, certificate, key):
        """Also answers by TLS, with this certificate for localhost: its address."""
        return f"https://localhost:{self._listen((certificate, key))}"

    def close(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _listen(self, tls=None):
        server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Handler, ssl_context=tls)
        server.daemon_threads = True
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server.server_port

    def _answer(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        call = Call(_name(environ), body)
        self.calls.append(call)
        name = call.name
        if name in self.refusals:
            status, answer = self.refusals[name]
            text = json.dumps(answer).encode()
            headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(text)))]
            start_response(f"{status} Refused", headers)
            return [text]
        environ["wsgi.input"] = _Read(body)
        answer = self.serve(call, environ, start_response)
        if self._kept is not None:
            self._kept.append(answer)
        return [answer]

    def serve(self, _call, environ, start_response):
        """Moto's answer."""
        return b"".join(self._moto(environ, start_response))

    def _create(self):
        for name, table in TABLES.items():
            self.dynamodb.create_table(TableName=name, **table)
        self.s3.create_bucket(Bucket=CONTENT, CreateBucketConfiguration={"LocationConstraint": REGION})
        queue = self.sqs.create_queue(QueueName="deliveries.fifo", Attributes={"FifoQueue": "true"})
        self.queue_url = queue["QueueUrl"]


class _Read:
    """A request's body, read before."""

    def __init__(self, body):
        self._body = body

    def read(self, size=-1):
        taken, self._body = (self._body, b"") if size < 0 else (self._body[:size], self._body[size:])
        return taken


def _name(environ):
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    service = scope[1] if scope else "unsigned"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return f"{service}.{target.rpartition('.')[2]}"
    bare = environ["PATH_INFO"].strip("/").count("/") == 0
    return f"{service}.{environ['REQUEST_METHOD'].title()}{'Bucket' if bare else 'Object'}"
