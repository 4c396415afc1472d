"""Who issues tokens, for tests: a key, the two documents that API Gateway asks an issuer for, and tokens that are right or wrong."""

import base64
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "mittente"
SCOPES = "connections:read connections:write messages:read messages:send"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value):
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """Listens at `url` at once."""

    def __init__(self):
        self._key = key()
        numbers = self._key.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
        documents = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                document = documents.get(self.path)
                body = json.dumps(document).encode()
                self.send_response(404 if document is None else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/issuer"
        documents["/issuer/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        documents["/issuer/keys"] = {"keys": [jwk]}
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def token(self, tenant, signed_by=None, algorithm="RS256", **claims):
        """A token for an hour that allows everything, with other claims where they are given; None leaves one out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "tenant_id": tenant, "iat": now, "exp": now + 3600, "scope": SCOPES}
        claims = {name: claim for name, claim in (usual | claims).items() if claim is not None}
        head = {"alg": algorithm, "typ": "JWT", "kid": "1"}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (head, claims))
        if algorithm == "none":
            return f"{signed}."
        signature = (signed_by or self._key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
