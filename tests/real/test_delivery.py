"""Create, verify and send through a real Postfix, and read the mailboxes back."""

import base64
import email
import email.policy
import itertools
import random
import unittest

import mailboxes
from mailboxes import STARTTLS_PORT, WAYS, lines, settings

NUMBERS = itertools.count(1)


def setUpModule():
    global program
    program = mailboxes.start()


def tearDownModule():
    mailboxes.stop(program)


class RealServerTest(unittest.TestCase):
    def connection(self, **changes):
        """A new connection that is the default."""
        status, made = program.call("POST", "/v1/connections", settings(f"SMTP {next(NUMBERS)}", **changes) | {"default": True})
        self.assertEqual(status, 201, made)
        return made["id"]

    def send(self, **message):
        """The message after its first attempt."""
        mail = {"to": ["ann@inbox.test"], "subject": self.id(), "text": "ciao", **message}
        status, accepted = program.call("POST", "/v1/messages", mail)
        self.assertEqual(status, 202, accepted)
        return program.settled(accepted["id"])

    def delivered(self, message, mailbox="ann"):
        """The one copy in the mailbox, as bytes and parsed."""
        raw = mailboxes.delivered(message, mailbox)
        return raw, email.message_from_bytes(raw, policy=email.policy.default)

    def verify(self, draft):
        status, report = program.call("POST", "/v1/connections/verify", draft)
        self.assertEqual(status, 200, report)
        return report

    def test_a_connection_verifies_and_sends_over_starttls_and_over_implicit_tls(self):
        for encryption in WAYS:
            with self.subTest(encryption):
                connection = self.connection(encryption=encryption)
                _, report = program.call("POST", f"/v1/connections/{connection}/verify")
                self.assertTrue(report["ok"], report)
                self.assertEqual({stage["status"] for stage in report["stages"]}, {"passed"}, report)
                self.assertIn("PIPELINING", report["server"]["extensions"])
                self.assertIn(report["server"]["tls"]["version"], ("TLSv1.2", "TLSv1.3"))
                message = self.send()
                self.assertEqual(message["status"], "sent", message)
                self.assertEqual(message["attempts"][0]["reply"]["code"], 250)
                _, mail = self.delivered(message)
                self.assertEqual(mail["Message-ID"], message["message_id"])

    def test_a_wrong_password_is_named_at_its_field(self):
        report = self.verify(settings("draft", password="wrong"))
        failure = report["failure"]
        self.assertEqual((failure["stage"], failure["code"], failure["pointer"]), ("auth", "authentication_rejected", "/password"))
        self.assertEqual(failure["reply"]["code"], 535)
        self.connection(password="wrong")
        message = self.send()
        self.assertEqual((message["status"], message["attempts"][0]["reason"]), ("retrying", "authentication_rejected"))

    def test_the_wrong_port_for_an_encryption_fails_before_the_login(self):
        plain = self.verify(settings("draft", "implicit_tls", port=STARTTLS_PORT))
        self.assertEqual((plain["failure"]["stage"], plain["failure"]["code"]), ("tls", "tls_not_spoken"))

    def test_an_unknown_recipient_is_refused_and_loses_nobody_else(self):
        self.connection()
        alone = self.send(to=["nobody@inbox.test"])
        self.assertEqual(alone["status"], "failed", alone)
        reply = alone["recipients"][0]["reply"]
        self.assertEqual((reply["code"], reply["enhanced"]), (550, "5.1.1"))
        mixed = self.send(to=["ann@inbox.test", "nobody@inbox.test"])
        self.assertEqual((mixed["status"], mixed["partial"]), ("sent", True))
        self.assertEqual([recipient["status"] for recipient in mixed["recipients"]], ["accepted", "refused"])
        self.delivered(mixed)

    def test_a_message_over_the_servers_size_is_not_offered(self):
        self.connection()
        message = self.send(text="x" * 76 + "\n" * 2 + "ab \n" * 400_000)
        self.assertEqual((message["status"], message["attempts"][0]["reason"]), ("failed", "message_too_large"))

    def test_eight_bit_text_arrives_as_it_was_sent(self):
        self.connection()
        text = "Perché no? Già 5 €, 👍 日本語.\nSeconda riga.\n"
        message = self.send(to=[{"email": "ann@inbox.test", "name": "Zoë 日本"}], subject="Fattura n° 42 — già 👍", text=text)
        raw, mail = self.delivered(message)
        self.assertTrue(raw.isascii())
        self.assertEqual(mail["Subject"], "Fattura n° 42 — già 👍")
        self.assertEqual(lines(mail.get_content()), text)
        self.assertEqual(mail["To"].addresses[0].display_name, "Zoë 日本")
        self.assertEqual(mail["From"].addresses[0].display_name, "Però Srl")

    def test_an_attachment_and_an_inline_image_arrive_byte_for_byte(self):
        self.connection()
        pdf = random.Random(7).randbytes(200_000)
        image = b"\x89PNG\r\n\x1a\n\0\xff"
        files = [
            {"filename": "fattura è.pdf", "content_type": "application/pdf", "content": base64.b64encode(pdf).decode()},
            {"filename": "logo.png", "content_type": "image/png", "content": base64.b64encode(image).decode(), "content_id": "logo@inbox.test"},
        ]
        message = self.send(html='<img src="cid:logo@inbox.test">', attachments=files)
        _, mail = self.delivered(message)
        parts = {part.get_filename(): part for part in mail.walk() if part.get_filename()}
        self.assertEqual(parts["fattura è.pdf"].get_payload(decode=True), pdf)
        self.assertEqual(parts["logo.png"].get_payload(decode=True), image)
        self.assertEqual(parts["logo.png"]["Content-ID"], "<logo@inbox.test>")
        self.assertEqual(mail.get_body(("plain",)).get_content().strip(), "ciao")

    def test_lines_that_look_like_smtp_and_odd_line_ends_are_only_text(self):
        self.connection()
        text = ".\n..\n.x\nQUIT\n\r\nDATA\r.\rMAIL FROM:<x@example.com>\n" + "long " * 500 + "\n.\n"
        message = self.send(text=text)
        self.assertEqual(message["status"], "sent", message)
        _, mail = self.delivered(message)
        self.assertEqual(lines(mail.get_content()), lines(text))

    def test_bcc_is_delivered_and_shown_in_no_header(self):
        self.connection()
        message = self.send(bcc=["bob@inbox.test"], subject="To two")
        for mailbox in ("ann", "bob"):
            raw, _ = self.delivered(message, mailbox)
            headers = raw.split(b"\n\n", 1)[0]
            # Delivered-To and X-Original-To are Postfix's own, added at the mailbox.
            ours = [line for line in headers.splitlines() if not line.startswith((b"Delivered-To", b"X-Original-To"))]
            self.assertNotIn(b"bcc", b"\n".join(ours).lower())
            if mailbox == "ann":
                self.assertNotIn(b"bob@inbox.test", headers)

    def test_the_default_overrides_the_sender_of_a_third_party(self):
        self.connection(reply_to="replies@example.com")
        message = self.send(**{"from": {"email": "forms@third.test", "name": "Form"}, "reply_to": "visitor@third.test"})
        self.assertEqual((message["rule"], message["overrides"]), ("default", ["from", "reply_to"]))
        _, mail = self.delivered(message)
        self.assertEqual(mail["From"].addresses[0].addr_spec, "alice@example.com")
        self.assertEqual(mail["Reply-To"], "replies@example.com")
        self.assertEqual(mail["Return-Path"], "<alice@example.com>")
        self.assertNotIn("third.test", str(mail))


if __name__ == "__main__":
    unittest.main()
