"""How many calls of AWS each operation takes, counted where they arrive."""

from mail_server import MailServer
from operations import SLOTS, counted
from world import Case, begin_anew

# `performance.md` of the design.
AT_MOST = {
    "create a connection": 3,
    "list connections": 1,
    "get a connection": 1,
    "submit a message": 4,
    "deliver a message, warm": 5,
}


class Calls(Case):
    @classmethod
    def setUpClass(cls):
        begin_anew()
        server = MailServer()
        cls.addClassCleanup(server.close)
        cls.calls, cls.mails = counted(), len(server.messages)

    def test_no_operation_takes_more_calls_than_it_may(self):
        for operation, limit in AT_MOST.items():
            with self.subTest(operation):
                self.assertLessEqual(len(self.calls[operation]), limit, self.calls[operation])

    def test_a_batch_reads_the_senders_of_a_tenant_once(self):
        self.assertEqual(self.mails, 23)
        for operation, groups in (("deliver a batch of ten of one slot, warm", 1), ("deliver a batch of ten of several slots, warm", SLOTS)):
            with self.subTest(operation):
                batch = self.calls[operation]
                self.assertEqual(batch.count("dynamodb.Query"), 1, batch)
                # Each group but the last is taken off the queue while others go on.
                self.assertLessEqual(len(batch), 10 * 4 + 1 + groups - 1, batch)
