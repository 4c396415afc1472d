"""Postfix as a connection's server, and its mailboxes."""

import email
import email.policy
import glob
import os
import pathlib

from program import MAIL_DIR, Program

STARTTLS_PORT = int(os.environ["STARTTLS_PORT"])
TLS_PORT = int(os.environ["TLS_PORT"])
WAYS = {"starttls": STARTTLS_PORT, "implicit_tls": TLS_PORT}
LOGIN = {"username": "alice@example.com", "password": "s3cr3t-PASS"}
MAILBOXES = {"ann@inbox.test": "ann", "bob@inbox.test": "bob", "użytkownik@inbox.test": "utf8", "info@bücher.test": "idn"}
# The Message-ID of every message that a program of this run has accepted.
ACCEPTED = set()


def start(*flags):
    """A program that may dial Postfix and believes its certificate."""
    return Program("--allow-host", "127.0.0.0/8", "--ca", f"{MAIL_DIR}/pki/ca.pem", *flags)


def settings(name, encryption="starttls", **changes):
    return {
        "name": name,
        "sender_email": "alice@example.com",
        "sender_name": "Però Srl",
        "host": "localhost",
        "port": WAYS[encryption],
        "encryption": encryption,
        **LOGIN,
        **changes,
    }


def lines(text):
    """The text with every line end as one line feed: on its way they are CRLF (RFC 5322 §2.3)."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def copies(mailbox):
    """What is in a mailbox: each message's bytes, by its Message-ID."""
    found = {}
    for path in glob.glob(f"{MAIL_DIR}/mail/{mailbox}/new/*"):
        raw = pathlib.Path(path).read_bytes()
        found.setdefault(email.message_from_bytes(raw, policy=email.policy.compat32)["Message-ID"], []).append(raw)
    return found


def delivered(message, mailbox="ann"):
    """The one copy of a message in a mailbox, as bytes."""
    found = Program.wait_for(lambda: copies(mailbox).get(message["message_id"]), bool)
    assert len(found) == 1, f"{len(found)} copies of {message['id']} in {mailbox}"
    return found[0]


def records(program):
    """Every message that the program has accepted."""
    cursor = ""
    while cursor is not None:
        _, page = program.call("GET", f"/v1/messages?limit=100{cursor and f'&cursor={cursor}'}")
        for listed in page["messages"]:
            yield program.call("GET", f"/v1/messages/{listed['id']}")[1]
        cursor = page["next_cursor"]


def stop(program):
    """Compares all mailboxes with all records, and ends the program.

    Who accepted a message has it once, and no mailbox has a message that was never asked for.
    """
    try:
        for message in records(program):
            ACCEPTED.add(message["message_id"])
            for recipient in message["recipients"]:
                if recipient["status"] == "accepted" and recipient["email"] in MAILBOXES:
                    delivered(message, MAILBOXES[recipient["email"]])
        for mailbox in MAILBOXES.values():
            for message_id, found in copies(mailbox).items():
                assert message_id in ACCEPTED, f"nobody asked for {message_id} in {mailbox}"
                assert len(found) == 1, f"{len(found)} copies of {message_id} in {mailbox}"
    finally:
        program.stop()
