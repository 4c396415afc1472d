"""aiosmtpd from PyPI as a submission server on loopback. Prints its ports as one line of JSON, then serves until it is ended.

Login alice@example.com / s3cr3t-PASS, by PLAIN or LOGIN and only under TLS. The certificate is MAIL_DIR/pki's.
"""

import asyncio
import hmac
import json
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

PKI = os.path.join(os.environ["MAIL_DIR"], "pki")
LOGIN = LoginPassword(b"alice@example.com", b"s3cr3t-PASS")


def authenticate(_server, _session, _envelope, _mechanism, given):
    good = hmac.compare_digest(given.login, LOGIN.login) and hmac.compare_digest(given.password, LOGIN.password)
    # Not handled: aiosmtpd itself answers with its 535.
    return AuthResult(success=good, handled=False)


class Handler:
    async def handle_DATA(self, _server, _session, _envelope):
        return "250 2.0.0 OK"


def submission(**changes):
    """Makes the protocol of one session."""
    options = {"hostname": "localhost", "authenticator": authenticate, "auth_required": True, **changes}
    return lambda: SMTP(Handler(), loop=asyncio.get_running_loop(), **options)


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(f"{PKI}/server.pem", f"{PKI}/server.key")
    # Under implicit TLS aiosmtpd doesn't know that a session is encrypted: with auth_require_tls it would offer no AUTH there.
    protocols = {
        "starttls": (submission(tls_context=tls, require_starttls=True), None),
        "implicit_tls": (submission(auth_require_tls=False), tls),
    }
    loop = asyncio.get_running_loop()
    servers = {way: await loop.create_server(protocol, "127.0.0.1", 0, ssl=context) for way, (protocol, context) in protocols.items()}
    print(json.dumps({way: server.sockets[0].getsockname()[1] for way, server in servers.items()}), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers.values()))


asyncio.run(main())
