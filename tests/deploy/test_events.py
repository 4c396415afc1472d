"""Batches of queues, events of EventBridge and a schedule's, to the release binaries."""

import json

import events
from mail_server import MailServer
from world import CONTENT, NO_MESSAGE, Case, aws, mail, queued, start


class Events(Case):
    def test_of_a_producers_batch_only_what_was_not_accepted_comes_again(self):
        self.has_default("producers")
        good = {"tenant": "producers", "message": mail()}
        event, ids = events.batch(good, "not json", good | {"message": {"to": []}}, good | {"tenant": "without-default"})
        with start("submit") as submit:
            answer = submit.invoke(event)
            self.assertFalse(answer.failed, answer.text)
            failures = [it["itemIdentifier"] for it in answer.json["batchItemFailures"]]
            self.assertEqual(sorted(failures), ids[1:])
            self.assertEqual(len(queued()), 1)
            # The same batch again: what was accepted is not accepted twice.
            submit.invoke(event)
        self.assertEqual(queued(), [])

    def test_an_event_of_eventbridge_sends_and_a_wrong_one_fails(self):
        self.has_default("event")
        with start("submit") as submit:
            good = {"tenant": "event", "message": mail()}
            answer = submit.invoke(events.email_requested(good, detail_type="Something Else"))
            self.assertTrue(answer.failed)
            self.assertIn("refused", answer.json["errorMessage"])
            answer = submit.invoke(events.email_requested(good))
            self.assertFalse(answer.failed, answer.text)
            # The same process takes a request over HTTP.
            status, _, _ = submit.http(events.http("GET", "/v1/messages", tenant="event"))
        self.assertEqual(status, 200)
        self.assertEqual(len(queued()), 1)

    def test_of_a_delivery_batch_what_is_sent_or_settled_is_done_and_the_rest_comes_again(self):
        server = MailServer()
        self.addCleanup(server.close)
        self.has_default("deliver")
        with start("submit") as submit:
            _, _, message = submit.http(events.http("POST", "/v1/messages", mail(), tenant="deliver"))
            unknown = {"tenant": "deliver", "message_id": message["id"][:-4] + "0000"}
            event, ids = events.batch(*queued(), "not a delivery", unknown)
            aws.taken()
            with start("deliver") as deliver:
                for repetition in range(2):
                    answer = deliver.invoke(event)
                    self.assertFalse(answer.failed, answer.text)
                    failures = [it["itemIdentifier"] for it in answer.json["batchItemFailures"]]
                    self.assertEqual(failures, [ids[1]], f"repetition {repetition}")
            # It does not keep its group waiting for the queue's whole visibility timeout.
            shown = [json.loads(call.request)["Entries"] for call in aws.taken() if call.name == "sqs.ChangeMessageVisibilityBatch"]
            self.assertEqual([len(entries) for entries in shown], [1, 1])
            _, _, message = submit.http(events.http("GET", f"/v1/messages/{message['id']}", tenant="deliver"))
        self.assertEqual(message["status"], "sent", message)
        self.assertEqual(len(server.messages), 1)
        self.assertIn(CONTENT.encode(), server.messages[0])

    def test_a_delivery_whose_storage_fails_comes_again(self):
        aws.refusals["dynamodb.UpdateItem"] = (400, {"__type": "AccessDeniedException"})
        delivery = {"tenant": "deliver", "message_id": NO_MESSAGE}
        event, ids = events.batch(delivery)
        with start("deliver") as deliver:
            answer = deliver.invoke(event)
        self.assertEqual(answer.json["batchItemFailures"], [{"itemIdentifier": ids[0]}])

    def test_a_schedule_sweeps_and_a_failed_sweep_is_an_error(self):
        with start("sweep") as sweep:
            for _ in range(2):
                answer = sweep.invoke(events.schedule())
                self.assertEqual((answer.failed, answer.json), (False, None))
            aws.refusals["dynamodb.Query"] = (400, {"__type": "AccessDeniedException"})
            self.assertTrue(sweep.invoke(events.schedule()).failed)
            aws.refusals.clear()
            self.assertFalse(sweep.invoke(events.schedule()).failed)

    def test_what_is_no_event_at_all_is_an_error_and_the_next_works(self):
        with start("deliver") as deliver:
            for nonsense in ("[]", "{}", '{"Records": 1}'):
                self.assertTrue(deliver.invoke(nonsense).failed)
            self.assertEqual(deliver.invoke({"Records": []}).json, {"batchItemFailures": []})
