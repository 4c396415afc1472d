"""Messages as a real Postfix stores them, read back field by field with Python's parser of mail."""

import base64
import datetime
import email
import email.header
import email.policy
import email.utils
import itertools
import random
import unittest
from concurrent.futures import ThreadPoolExecutor
from email.errors import NonASCIILocalPartDefect

import mailboxes
from mailboxes import lines, settings

NUMBERS = itertools.count(1)
# What Postfix itself puts on top.
TRACE = {"return-path", "x-original-to", "delivered-to", "received"}
HOSTILE = {"a line feed": "a\nb", "a carriage return": "a\rb", "NUL": "a\0b", "a header": "a\r\nBcc: x@inbox.test"}


def setUpModule():
    global program
    program = mailboxes.start()
    status, made = program.call("POST", "/v1/connections", settings("Postfix") | {"default": True})
    assert status == 201, made


def tearDownModule():
    mailboxes.stop(program)


def decoded(text):
    """A header's text as the older of Python's two parsers reads it."""
    parts = email.header.decode_header(text.replace("\n", ""))
    return "".join(part if isinstance(part, str) else part.decode(charset or "ascii") for part, charset in parts)


def names_and_addresses(raw, field):
    """Who is in a field of addresses. The newer parser joins two encoded words, or two spaces in one, by a space until Python 3.13."""
    old = email.message_from_bytes(raw, policy=email.policy.compat32)[field].replace("\n", "")
    return [(decoded(name), address) for name, address in email.utils.getaddresses([old])]


def file(filename, content=b"x", content_type="application/octet-stream", **more):
    return {"filename": filename, "content_type": content_type, "content": base64.b64encode(content).decode(), **more}


class MimeTest(unittest.TestCase):
    maxDiff = None

    def submit(self, **message):
        mail = {"to": ["ann@inbox.test"], "subject": self.id(), "text": "ciao", **message}
        return program.call("POST", "/v1/messages", {key: value for key, value in mail.items() if value is not None})

    def sent(self, mailbox="ann", utf8=False, **message):
        """The copy in the mailbox, parsed, after all that must hold for every message."""
        status, accepted = self.submit(**message)
        self.assertEqual(status, 202, accepted)
        record = program.settled(accepted["id"])
        self.assertEqual(record["status"], "sent", record)
        raw = mailboxes.delivered(record, mailbox)
        self.raw = raw
        return self.checked(raw, record, utf8)

    def checked(self, raw, record, utf8=False):
        mail = email.message_from_string(raw.decode(), policy=email.policy.default)
        self.assertEqual(raw.isascii(), not utf8)
        self.assertNotIn(b"\r", raw)
        self.assertNotIn(b"\0", raw)
        header = raw.split(b"\n\n", 1)[0].split(b"\n")
        for line in raw.split(b"\n"):
            self.assertLessEqual(len(line), 998)
        for line in header:
            # Nowhere to fold it: the field's name and one word.
            alone = b" " not in line.strip().split(b": ", 1)[-1]
            self.assertTrue(len(line) <= 78 or alone or line.lower().startswith((b"received", b"\t")), line)
        for part in mail.walk():
            self.assertEqual(part.defects, [])
            for name, value in part.items():
                defects = [defect for defect in getattr(value, "defects", ()) if not (utf8 and isinstance(defect, NonASCIILocalPartDefect))]
                self.assertEqual(defects, [], f"{name}: {value}")
            names = [name.lower() for name in part.keys() if name.lower() not in TRACE]
            self.assertEqual(len(names), len(set(names)), names)
            if not part.is_multipart():
                self.assertIn(part["Content-Transfer-Encoding"], ("7bit", "quoted-printable", "base64"))
        names = {name.lower() for name in mail.keys()}
        self.assertLessEqual({"from", "date", "message-id", "subject", "mime-version", "content-type"}, names)
        self.assertNotIn("bcc", names)
        self.assertEqual(mail["MIME-Version"], "1.0")
        self.assertEqual(mail["Message-ID"], record["message_id"])
        self.assertRegex(mail["Message-ID"], r"^<[0-9A-Za-z.]+@example\.com>$")
        age = datetime.datetime.now(datetime.timezone.utc) - mail["Date"].datetime
        self.assertLess(abs(age), datetime.timedelta(minutes=5))
        self.assertEqual(str(mail["From"]), "Però Srl <alice@example.com>")
        # RFC 6531 §4.3: how it came in.
        needed = any(not to["email"].split("@")[0].isascii() for to in record["recipients"])
        self.assertIn("with UTF8SMTPSA" if needed else "with ESMTPSA", mail["Received"])
        return mail

    def refused(self, **message):
        status, problem = self.submit(**message)
        self.assertEqual(status, 422, problem)
        return {(error["pointer"], error["code"]) for error in problem["errors"]}

    # The body.

    def test_a_text_an_html_and_both_arrive_as_their_parts(self):
        text, html = "Perché no?\nSì, 5 €.\n", "<p>Perché <b>no</b>? 👍</p>\n"
        mail = self.sent(text=text)
        self.assertEqual((mail.get_content_type(), lines(mail.get_content())), ("text/plain", text))
        mail = self.sent(text=None, html=html)
        self.assertEqual((mail.get_content_type(), lines(mail.get_content())), ("text/html", html))
        mail = self.sent(text=text, html=html)
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        self.assertEqual([part.get_content_type() for part in mail.iter_parts()], ["text/plain", "text/html"])
        self.assertEqual([lines(part.get_content()) for part in mail.iter_parts()], [text, html])

    def test_every_text_arrives_whatever_its_lines_are_like(self):
        texts = {
            "dots": ".\n..\n.a\n\n.\nQUIT\n",
            "From": "From me\n From me\n>From me\n",
            "spaces at the end": "a \nb\t\n-- \nè \n \n",
            "a long line": "x" * 5000 + "\n",
            "a long line of words": "parola " * 3000 + "\n",
            "a long line of Greek": "αβγ" * 3000 + "\n",
            "mixed ends of line": "a\nb\r\nc\rd\n\re\r\n\r\n",
            "controls": "a\tb\x0bc\x0cd\x1be\x7f\n",
            "separators": "a\u2028b\u2029c\x85d\ufeff\n",
            "equals": "=\n=3D =\n=?utf-8?q?x?=\n",
            "boundary": "--=_msg\n--\n",
            "no end of line": "a",
            "spaces alone": "  ",
            "empty": "",
        }
        for name, text in texts.items():
            with self.subTest(name):
                mail = self.sent(text=text, html=text)
                for part in mail.iter_parts():
                    self.assertEqual(lines(part.get_payload(decode=True).decode()), lines(text))
                mail = self.sent(text=text)
                # Alone it is the end of the message, which always ends a line.
                ended = lines(text) if lines(text).endswith("\n") or not text else lines(text) + "\n"
                self.assertEqual(lines(mail.get_payload(decode=True).decode()), ended)

    def test_files_arrive_byte_for_byte(self):
        contents = {
            "binary": bytes(range(256)) * 3,
            "empty": b"",
            "a megabyte": random.Random(8).randbytes(740_000),
            "line ends": b"a\r\nb\nc\rd\r\n.\r\n",
        }
        kinds = ["application/pdf", "text/plain", "application/zip", "text/csv"]
        for (name, content), kind in zip(contents.items(), kinds):
            with self.subTest(name):
                mail = self.sent(attachments=[file(name, content, kind)])
                self.assertEqual(mail.get_content_type(), "multipart/mixed")
                (part,) = mail.iter_attachments()
                self.assertEqual(part.get_payload(decode=True), content)
                self.assertEqual((part.get_filename(), part.get_content_type(), part.get_content_disposition()), (name, kind, "attachment"))

    def test_a_file_keeps_its_name(self):
        names = [
            "fattura.pdf",
            "fattura n° 1 è.pdf",
            "τιμολόγιο.pdf",
            "請求書 二〇二五.pdf",
            "👍🏽.png",
            'a "b" c.txt',
            "a;b=c,d'e%20f*.txt",
            "back\\slash.txt",
            "two  spaces   .txt",
            "=?utf-8?q?x?=.txt",
            "long " + "x" * 200 + ".txt",
            "long words " * 20 + ".txt",
            '"' * 120 + ".txt",
            "λ" * 200 + ".txt",
            "漢字👍" * 60 + ".txt",
        ]
        mail = self.sent(attachments=[file(name) for name in names])
        self.assertEqual([part.get_filename() for part in mail.iter_attachments()], names)
        old = email.message_from_bytes(self.raw, policy=email.policy.compat32)
        parts = [part for part in old.walk() if part.get_content_disposition()]
        self.assertEqual([part.get_filename() for part in parts], names)

    def test_inline_images_are_beside_the_html_that_shows_them(self):
        ids = ["logo@inbox.test", "a" * 100 + "@inbox.test"]
        images = [file(f"{n}.png", b"\x89PNG" + bytes([n]), "image/png", content_id=cid) for n, cid in enumerate(ids)]
        html = "".join(f'<img src="cid:{cid}">' for cid in ids)
        mail = self.sent(html=html, attachments=[*images, file("fattura.pdf", b"%PDF", "application/pdf")])
        self.assertEqual(mail.get_content_type(), "multipart/mixed")
        alternative, pdf = mail.iter_parts()
        text, related = alternative.iter_parts()
        self.assertEqual((text.get_content().strip(), pdf.get_content()), ("ciao", b"%PDF"))
        self.assertEqual(related.get_content_type(), "multipart/related")
        root, *shown = related.iter_parts()
        self.assertEqual(root.get_content(), html)
        self.assertEqual([part["Content-ID"] for part in shown], [f"<{cid}>" for cid in ids])
        self.assertEqual({part.get_content_disposition() for part in shown}, {"inline"})
        self.assertEqual([part.get_content()[4] for part in shown], [0, 1])

    # The header.

    def test_a_subject_arrives_whatever_it_is_made_of(self):
        subjects = [
            "",
            "Fattura n° 42 — già 👍",
            "è  è   e  e",
            "e  e",
            "=?utf-8?q?x?= and =?no",
            "long " + "word " * 170 + "end",
            "x" * 900,
            "èò" * 450,
            "漢字 かな 👍🏽 " * 60 + "end",
            "plain " * 30 + "è" + " plain" * 30,
            "a\u2028b\u200bc",
            ": ; , <a@b> (c) [d] \"e\" \\ @",
        ]
        for subject in subjects:
            with self.subTest(subject[:40]):
                mail = self.sent(subject=subject)
                self.assertEqual(mail["Subject"], subject)
                old = email.message_from_bytes(self.raw, policy=email.policy.compat32)["Subject"]
                self.assertEqual(decoded(old), subject)
                for word in old.split():
                    if word.startswith("=?utf-8?b?"):
                        self.assertLessEqual(len(word), 75)
                        # A character is never in two encoded words.
                        base64.b64decode(word[10:-2]).decode()

    def test_a_display_name_arrives_whatever_it_is_made_of(self):
        names = [
            "Mario Rossi",
            "Zoë 日本",
            "Acme.it",
            "J. R. Smith",
            "Rossi, Mario",
            'Mario "il Grande" Rossi',
            "Acme (Italia) <x@y>; [1]: @",
            "back\\slash",
            "O'Neil & Sons",
            "two  spaces",
            "=?utf-8?q?x?=",
            "undisclosed-recipients:;",
            "lang und länger " * 12 + "Ende",
            "name " * 39 + "end",
            "x" * 200,
            "👍" * 200,
        ]
        to = [{"email": "ann@inbox.test", "name": name} for name in names]
        mail = self.sent(to=to)
        self.assertEqual(names_and_addresses(self.raw, "To"), [(name, "ann@inbox.test") for name in names])
        short = [name for name in names if len(name) < 40 and "  " not in name]
        shown = [address.display_name for address in mail["To"].addresses]
        self.assertEqual([name for name in shown if name in short], short)

    def test_fifty_recipients_are_folded_into_short_lines(self):
        to = [f"somebody.{n}@elsewhere.example.com" for n in range(24)] + ["ann@inbox.test"]
        cc = [{"email": f"somebody.{n}@elsewhere.example.com", "name": f"Ñ. {n}"} for n in range(25)]
        mail = self.sent(to=to, cc=cc)
        self.assertEqual([address.addr_spec for address in mail["To"].addresses], to)
        self.assertEqual([(address.addr_spec, address.display_name) for address in mail["Cc"].addresses], [(one["email"], one["name"]) for one in cc])

    def test_bcc_is_delivered_and_in_no_header_of_any_copy(self):
        status, accepted = self.submit(bcc=[{"email": "bob@inbox.test", "name": "Roberto"}])
        self.assertEqual(status, 202, accepted)
        record = program.settled(accepted["id"])
        for mailbox in ("ann", "bob"):
            raw = mailboxes.delivered(record, mailbox)
            mail = self.checked(raw, record)
            ours = "".join(f"{name}: {value}" for name, value in mail.items() if name.lower() not in TRACE)
            self.assertNotIn("bob", ours)
            self.assertNotIn("Roberto", ours)
        hidden = self.sent("bob", to=[], bcc=["bob@inbox.test"])
        self.assertEqual((hidden["To"], hidden["Cc"]), (None, None))

    def test_a_domain_in_any_script_goes_as_a_labels_without_smtputf8(self):
        mail = self.sent("idn", to=[{"email": "info@bücher.test", "name": "Bücher"}])
        self.assertEqual(str(mail["To"]), "Bücher <info@xn--bcher-kva.test>")

    def test_smtputf8_is_for_an_address_that_needs_it_alone(self):
        polish = {"email": "użytkownik@inbox.test", "name": "Użytkownik"}
        mail = self.sent("utf8", utf8=True, to=[polish])
        self.assertIn("To: =?utf-8?b?VcW8eXRrb3duaWs=?= <użytkownik@inbox.test>\n".encode(), self.raw)
        # For all others the header stays ASCII, so that their servers need no SMTPUTF8; it tells the address (RFC 6857).
        mail = self.sent(to=[polish, "ann@inbox.test"])
        self.assertEqual([address.addr_spec for address in mail["To"].addresses], ["ann@inbox.test"])
        self.assertEqual(mail["To"].groups[0].display_name, "Użytkownik użytkownik@inbox.test")
        self.sent(bcc=[polish])

    def test_custom_headers_arrive_as_they_were_given(self):
        headers = {
            "X-Campaign": "été 👍  due",
            "x-" + "n" * 74: "v" * 900,
            "X-Looks-Encoded": "=?utf-8?q?x?=",
            "List-Id": "Novità <news.example.com>",
            "List-Unsubscribe": f"<mailto:leave@example.com?subject=x>, <https://lists.example.com/?a=?{'u' * 700}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "In-Reply-To": "<1.0123456789abcdef@example.com>",
            "References": " ".join(f"<{n}.0123456789abcdef@example.com>" for n in range(200)),
            "Auto-Submitted": "auto-generated",
            "Precedence": "bulk",
            "Importance": "high",
            "Feedback-ID": "a:b:c:mittente",
        }
        mail = self.sent(headers=headers)
        for name, value in headers.items():
            self.assertEqual(str(mail[name]), value, name)

    # What is refused.

    def test_no_field_lets_a_line_end_or_nul_through(self):
        places = {
            "/subject": lambda text: {"subject": text},
            "/to/0": lambda text: {"to": [f"{text}@inbox.test"]},
            "/to/0/email": lambda text: {"to": [{"email": f"ann@{text}.test"}]},
            "/to/0/name": lambda text: {"to": [{"email": "ann@inbox.test", "name": text}]},
            "/cc/0/name": lambda text: {"cc": [{"email": "ann@inbox.test", "name": text}]},
            "/bcc/0/name": lambda text: {"bcc": [{"email": "ann@inbox.test", "name": text}]},
            "/from/name": lambda text: {"from": {"email": "ann@inbox.test", "name": text}},
            "/reply_to/email": lambda text: {"reply_to": {"email": f"{text}@inbox.test"}},
            "/reply_to/name": lambda text: {"reply_to": {"email": "ann@inbox.test", "name": text}},
            "/headers/X-A": lambda text: {"headers": {"X-A": text}},
            "/headers/List-Id": lambda text: {"headers": {"List-Id": text}},
            "/attachments/0/filename": lambda text: {"attachments": [file(text)]},
            "/attachments/0/content_id": lambda text: {"attachments": [file("a", content_id=text)]},
            "/attachments/0/content_type": lambda text: {"attachments": [file("a", content_type=f"text/{text}")]},
            "/attachments/0/content": lambda text: {"attachments": [file("a") | {"content": text}]},
        }
        codes = {"control_character", "not_allowed", "not_a_media_type", "not_base64"}
        for pointer, message in places.items():
            for name, text in HOSTILE.items():
                with self.subTest(f"{pointer}: {name}"):
                    ((at, code),) = self.refused(**message(text))
                    self.assertEqual(at, pointer)
                    self.assertIn(code, codes)
        for text in HOSTILE.values():
            ((at, code),) = self.refused(headers={f"X-{text}": "a"})
            self.assertEqual(code, "not_allowed")
        # In a body line ends are its lines'; NUL has no place in mail.
        self.assertEqual(self.refused(text="a\0b", html="\0"), {("/text", "control_character"), ("/html", "control_character")})

    def test_a_header_given_twice_or_the_message_s_own_is_refused(self):
        self.assertEqual(self.refused(headers={"X-A": "a", "x-a": "b"}), {("/headers/x-a", "duplicate")})
        for name in ("From", "to", "Bcc", "Date", "Message-ID", "Subject", "MIME-Version", "Content-Type", "Return-Path", "DKIM-Signature"):
            self.assertEqual(self.refused(headers={name: "a"}), {(f"/headers/{name}", "not_allowed")})


class ManyAtOnceTest(unittest.TestCase):
    """Each message exactly once: `mailboxes.stop` compares the mailboxes with the records."""

    def setUp(self):
        self.program = mailboxes.start()
        self.addCleanup(mailboxes.stop, self.program)

    def connection(self, **more):
        status, made = self.program.call("POST", "/v1/connections", settings(f"Postfix {next(NUMBERS)}", **more))
        self.assertEqual(status, 201, made)
        return made["id"]

    def send_all(self, connections):
        def submit(number):
            to = [["ann@inbox.test"], ["bob@inbox.test", "ann@inbox.test"]][number % 2]
            mail = {"to": to, "subject": f"{number}", "text": f"{number}\n" * number, "connection_id": connections[number % len(connections)]}
            status, accepted = self.program.call("POST", "/v1/messages", mail)
            self.assertEqual(status, 202, accepted)
            return accepted["id"]

        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(submit, range(1, 61)))
        for number, message_id in enumerate(ids, 1):
            message = self.program.settled(message_id)
            self.assertEqual((message["status"], len(message["attempts"])), ("sent", 1), message)
            for recipient in message["recipients"]:
                raw = mailboxes.delivered(message, mailboxes.MAILBOXES[recipient["email"]])
                mail = email.message_from_bytes(raw, policy=email.policy.default)
                self.assertEqual((mail["Subject"], mail.get_content()), (f"{number}", f"{number}\n" * number))

    def test_sixty_messages_through_one_connection(self):
        self.send_all([self.connection(default=True)])

    def test_sixty_messages_through_several_connections(self):
        self.send_all([self.connection(), self.connection(encryption="implicit_tls"), self.connection(limits={"concurrency": 1})])


if __name__ == "__main__":
    unittest.main()
