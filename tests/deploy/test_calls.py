"""How many calls of AWS each operation takes, counted where they arrive."""

from mail_server import MailServer
from operations import counted
from world import Case

# `performance.md` of the design.
AT_MOST = {
    "create a connection": 3,
    "list connections": 1,
    "get a connection": 1,
    "submit a message": 4,
    "deliver a message, warm": 5,
}


class Calls(Case):
    def test_no_operation_takes_more_calls_than_it_may(self):
        server = MailServer()
        self.addCleanup(server.close)
        calls = counted()
        for operation, limit in AT_MOST.items():
            with self.subTest(operation):
                self.assertLessEqual(len(calls[operation]), limit, calls[operation])

    def test_a_batch_reads_its_senders_once(self):
        server = MailServer()
        self.addCleanup(server.close)
        batch = counted()["deliver a batch of ten, warm"]
        self.assertEqual(len(server.messages), 12)
        self.assertEqual(batch.count("dynamodb.Query"), 1, batch)
        self.assertLessEqual(len(batch), 10 * 4 + 1)
