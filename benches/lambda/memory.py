"""The memory of `deliver` with ten sessions open at once, each with a message of its own. `run` starts it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "deploy"))

import events
from mail_server import MailServer
from sandbox import peak_mb
from world import connection, mail, queued_in_groups, start

SESSIONS = 10


def batch(size):
    """A message of each of ten tenants, of as many bytes."""
    with start("submit") as submit:
        for number in range(SESSIONS):
            text = f"{number}" * 76 + "\n"
            body = mail(text=text * (size // len(text)))
            status, _, answer = submit.http(events.http("POST", "/v1/messages", body, tenant=f"memory-{number}"))
            assert status == 202, answer
    return events.batch_of_groups(queued_in_groups())[0]


def main():
    # No session is told that its message was taken before all ten have sent theirs.
    server = MailServer(together=SESSIONS)
    with start("connections") as connections:
        for number in range(SESSIONS):
            status, _, answer = connections.http(connection(tenant=f"memory-{number}"))
            assert status == 201, answer
    print("\n| deliver, ten sessions | peak MB | after a second batch |\n| --- | --- | --- |")
    for size, name in ((5_000, "5 KB each"), (1_000_000, "1 MB each")):
        batches = [batch(size), batch(size)]
        with start("deliver") as deliver:
            peaks = []
            for event in batches:
                answer = deliver.invoke(event)
                assert answer.json == {"batchItemFailures": []}, answer.text
                peaks.append(peak_mb(deliver.process))
        print(f"| {name} |", " | ".join(f"{peak:.1f}" for peak in peaks), "|")
    assert len(server.messages) == 4 * SESSIONS
    server.close()


main()
