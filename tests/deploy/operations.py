"""Each operation once, and the calls of AWS that it makes."""

import itertools

import events
from aws import CONTENT
from mail_server import ADDRESS
from world import PASSWORD, aws, connection, mail, queued, queued_in_groups, start

# The groups of a connection's messages in the queue (`shared/src/aws/queue.rs`).
SLOTS = 4
_tenants = (f"counted-{number}" for number in itertools.count())


def counted():
    """The names of the calls by operation. The mail server must be listening."""
    calls = {}
    tenant = next(_tenants)

    def counting(operation, act):
        aws.taken()
        answer = act()
        calls[operation] = [call.name for call in aws.taken()]
        return answer

    def request(function, operation, method, path, body=None):
        status, _, answer = counting(operation, lambda: function.http(events.http(method, path, body, tenant=tenant)))
        assert status < 300, (operation, status, answer)
        return answer

    def invoke(function, operation, event):
        answer = counting(operation, lambda: function.invoke(event))
        assert not answer.failed, (operation, answer.text)
        assert (answer.json or {}).get("batchItemFailures", []) == [], (operation, answer.text)

    login = {"encryption": "starttls", "username": "info", "password": PASSWORD}
    usual = {"name": "SMTP Ufficio", "sender_email": "info@example.com", "host": ADDRESS, "encryption": "none"}
    with start("connections") as connections, start("verify") as verify, start("resource") as resource:
        created = request(connections, "create a connection", "POST", "/v1/connections", usual | login | {"default": False})
        _, _, default = connections.http(connection({"name": "Default"}, tenant=tenant))
        this = f"/v1/connections/{created['id']}"
        request(connections, "list connections", "GET", "/v1/connections")
        request(connections, "get a connection", "GET", this)
        request(connections, "change a connection", "PATCH", this, {"name": "Another"})
        request(connections, "change a password", "PATCH", this, {"password": f"{PASSWORD}-2"})
        request(connections, "give another the default role", "PATCH", this, {"default": True})
        connections.http(events.http("PATCH", f"/v1/connections/{default['id']}", {"default": True}, tenant=tenant))
        request(connections, "delete a connection", "DELETE", this)
        request(connections, "read the egress addresses", "GET", "/v1/egress-ips")
        request(verify, "verify a draft", "POST", "/v1/connections/verify", usual)
        request(verify, "verify a saved connection", "POST", f"/v1/connections/{default['id']}/verify", {})
        properties = {"Tenant": f"{tenant}-stack", "Name": "System", "SenderEmail": "a@example.com", "Host": ADDRESS, "Encryption": "none"}
        answer_at = f"{aws.url}/{CONTENT}/answers/{tenant}?X-Amz-Signature=x"
        invoke(resource, "create a connection by a stack", events.custom_resource(answer_at, properties))

    with start("submit") as submit, start("deliver") as deliver, start("sweep") as sweep:

        def submitted(number, operation="submit a message", **changes):
            for _ in range(number):
                message = request(submit, operation, "POST", "/v1/messages", mail(**changes))
            return f"/v1/messages/{message['id']}", queued_in_groups()

        def in_one_slot(entries):
            # Without their groups, they are one: as if all had come in the same slot of the connection.
            return events.batch(*(body for body, _ in entries))[0]

        message, alone = submitted(1)
        request(submit, "show a message", "GET", message)
        request(submit, "list messages", "GET", "/v1/messages")
        request(submit, "tell who would send", "POST", "/v1/sender", {})
        invoke(deliver, "deliver a message, cold", events.batch_of_groups(alone)[0])
        invoke(deliver, "deliver a message, warm", events.batch_of_groups(submitted(1)[1])[0])
        invoke(deliver, "deliver a batch of ten of one slot, warm", in_one_slot(submitted(10)[1]))
        _, slots = submitted(10)
        assert len({group for _, group in slots}) > 1, slots
        invoke(deliver, "deliver a batch of ten of several slots, warm", events.batch_of_groups(slots)[0])
        message, _ = submitted(1)
        request(submit, "cancel a message", "POST", f"{message}/cancel")
        message, refused = submitted(1, to=["refused@example.com"])
        deliver.invoke(events.batch_of_groups(refused)[0])
        request(submit, "retry a message by hand", "POST", f"{message}/retry")
        queued()
        asked = {"tenant": tenant, "message": mail()}
        invoke(submit, "take an event", events.email_requested(asked))
        invoke(submit, "take a producer's entry", events.batch(asked)[0])
        queued()
        invoke(sweep, "sweep, nothing due", events.schedule())
    return calls
