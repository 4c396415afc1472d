"""Postfix as a connection's server, and its mailboxes."""

import email.parser
import email.policy
import functools
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


@functools.cache
def message_id(path):
    """A stored message's, whose file never changes."""
    header = email.parser.BytesHeaderParser(policy=email.policy.compat32)
    with open(path, "rb") as stored:
        return header.parse(stored)["Message-ID"]


def copies(mailbox):
    """What is in a mailbox: the files of each message, by its Message-ID."""
    found = {}
    for path in glob.glob(f"{MAIL_DIR}/mail/{mailbox}/new/*"):
        found.setdefault(message_id(path), []).append(path)
    return found


def delivered(message, mailbox="ann"):
    """The one copy of a message in a mailbox, as bytes."""
    found = Program.wait_for(lambda: copies(mailbox).get(message["message_id"]), bool)
    assert len(found) == 1, f"{len(found)} copies of {message['id']} in {mailbox}"
    return pathlib.Path(found[0]).read_bytes()


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
            for name, found in copies(mailbox).items():
                assert name in ACCEPTED, f"nobody asked for {name} in {mailbox}"
                assert len(found) == 1, f"{len(found)} copies of {name} in {mailbox}"
    finally:
        program.stop()
