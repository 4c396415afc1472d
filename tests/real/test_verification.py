"""Verifies connections to servers that nobody here wrote, and compares the reports with snapshots."""

import base64
import email
import email.policy
import json
import os
import pathlib
import socket
import unittest

from program import MAIL_DIR, Program
from servers import Server
from snapshots import assert_snapshot

HERE = pathlib.Path(__file__).parent
LOGIN = {"username": "alice@example.com", "password": "s3cr3t-PASS"}
WRONG_PASSWORD = "wr0ng-PASS"
SPOOL = pathlib.Path(MAIL_DIR, "spool")
# The ports of each server, by encryption.
PORTS = {"postfix": {"starttls": int(os.environ["STARTTLS_PORT"]), "implicit_tls": int(os.environ["TLS_PORT"])}}


def setUpModule():
    global program, closed
    # Bound without listening: nobody else gets the port, and the kernel refuses who connects.
    closed = socket.socket()
    unittest.addModuleCleanup(closed.close)
    closed.bind(("127.0.0.1", 0))
    started = {
        "aiosmtpd": Server("aiosmtpd", os.environ["AIOSMTPD_PYTHON"], HERE / "aiosmtpd_server.py"),
        "smtp-server": Server("smtp-server", "node", HERE / "smtp_server.mjs"),
    }
    for name, server in started.items():
        unittest.addModuleCleanup(server.stop)
        PORTS[name] = server.ports
    program = Program("--allow-host", "127.0.0.0/8", "--ca", f"{MAIL_DIR}/pki/ca.pem")
    unittest.addModuleCleanup(program.stop)


def forms(password):
    """How a password may stand in a dialogue (RFC 4616, LOGIN) or in its echo."""
    blobs = [password, f"\0{LOGIN['username']}\0{password}", f"{LOGIN['username']}\0{LOGIN['username']}\0{password}"]
    return [password, *(base64.b64encode(blob.encode()).decode().rstrip("=") for blob in blobs)]


class Verifications:
    """The cases that each server goes through."""

    server = None

    def verify(self, encryption="starttls", **changes):
        """The report on the server's settings for the encryption, with changes; it is checked for secrets."""
        draft = {
            "name": "draft",
            "sender_email": "alice@example.com",
            "host": "localhost",
            "port": PORTS[self.server][encryption],
            "encryption": encryption,
            **LOGIN,
            **changes,
        }
        status, report = program.call("POST", "/v1/connections/verify", draft)
        self.assertEqual(status, 200, report)
        text = json.dumps(report, ensure_ascii=False)
        for form in forms(LOGIN["password"]) + forms(WRONG_PASSWORD):
            self.assertNotIn(form, text)
        return report

    def assert_snapshot(self, case, report):
        """Comes last in a test: what the others reject is not stored."""
        names = {closed.getsockname()[1]: "closed"}
        names |= {port: encryption for encryption, port in PORTS[self.server].items()}
        # The program tries these too, when it looks for a way that works.
        names |= {port: f"inbox's {encryption}" for encryption, port in program.inbox.items()}
        assert_snapshot(self, f"{self.server}-{case}", report, names)

    def assert_passes(self, report):
        self.assertTrue(report["ok"], report)
        self.assertIsNone(report["failure"])
        self.assertEqual({stage["status"] for stage in report["stages"] if stage["stage"] != "message"}, {"passed"}, report)

    def assert_fails(self, report, stage, *codes):
        self.assertFalse(report["ok"], report)
        self.assertEqual(report["failure"]["stage"], stage, report)
        self.assertIn(report["failure"]["code"], codes, report)
        self.assertEqual([entry["stage"] for entry in report["stages"] if entry["status"] == "failed"], [stage])

    def test_the_right_settings_pass(self):
        for encryption in PORTS[self.server]:
            with self.subTest(encryption):
                report = self.verify(encryption)
                self.assert_passes(report)
                self.assert_snapshot(f"pass-{encryption}", report)

    def test_a_wrong_password_fails_at_the_login(self):
        report = self.verify(password=WRONG_PASSWORD)
        self.assert_fails(report, "auth", "authentication_rejected")
        self.assertEqual((report["failure"]["pointer"], report["failure"]["reply"]["code"]), ("/password", 535))
        self.assert_snapshot("wrong_password", report)

    def test_a_port_where_nobody_listens_refuses_the_connection(self):
        report = self.verify(port=closed.getsockname()[1])
        self.assert_fails(report, "connect", "connection_refused")
        self.assert_snapshot("wrong_port", report)

    def test_implicit_tls_on_the_port_for_starttls_is_named_and_starttls_suggested(self):
        port = PORTS[self.server]["starttls"]
        report = self.verify("implicit_tls", port=port)
        self.assert_fails(report, "tls", "tls_not_spoken")
        self.assertEqual(report["suggestion"], {"host": "localhost", "port": port, "encryption": "starttls"})
        self.assert_snapshot("implicit_tls_on_starttls_port", report)

    def test_starttls_on_the_port_for_implicit_tls_is_named_and_implicit_tls_suggested(self):
        port = PORTS[self.server]["implicit_tls"]
        report = self.verify(port=port)
        self.assert_fails(report, "greeting", "tls_expected")
        self.assertEqual(report["suggestion"], {"host": "localhost", "port": port, "encryption": "implicit_tls"})
        self.assert_snapshot("starttls_on_implicit_tls_port", report)


class PostfixTest(Verifications, unittest.TestCase):
    server = "postfix"

    def mailbox(self):
        """The paths of ann's mails, once nothing is under way to her."""
        # In the order that a mail goes through them, so that none slips by between two looks.
        queues = [SPOOL / queue for queue in ("maildrop", "incoming", "active", "deferred")]
        under_way = lambda: [path for queue in queues for path in queue.rglob("*") if path.is_file()]
        program.wait_for(under_way, lambda paths: not paths)
        return set(pathlib.Path(MAIL_DIR, "mail/ann/new").glob("*"))

    def test_exactly_one_mail_is_sent_where_it_is_asked_for(self):
        before = self.mailbox()
        report = self.verify(send_to="ann@inbox.test")
        self.assert_passes(report)
        self.assertEqual((report["stages"][-1]["stage"], report["stages"][-1]["status"]), ("message", "passed"), report)
        arrived = self.mailbox() - before
        self.assertEqual(len(arrived), 1)
        mail = email.message_from_bytes(arrived.pop().read_bytes(), policy=email.policy.default)
        self.assertEqual(mail["From"].addresses[0].addr_spec, "alice@example.com")
        self.assertEqual(mail["To"].addresses[0].addr_spec, "ann@inbox.test")
        self.assert_snapshot("send_to", report)

    def test_no_mail_is_sent_where_none_is_asked_for(self):
        before = self.mailbox()
        self.assert_passes(self.verify())
        self.assertEqual(self.mailbox(), before)


class AiosmtpdTest(Verifications, unittest.TestCase):
    server = "aiosmtpd"


class SmtpServerTest(Verifications, unittest.TestCase):
    server = "smtp-server"


if __name__ == "__main__":
    unittest.main()
