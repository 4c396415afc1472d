"""Each operation once, and the calls of AWS that it makes."""

import itertools
import json

import events
from world import PASSWORD, aws, connection, mail, queued, start

_tenants = (f"counted-{number}" for number in itertools.count())


def counted():
    """The names of the calls by operation. The mail server must be listening."""
    calls = {}
    tenant = next(_tenants)

    def count(operation, answer):
        calls[operation] = [call.name for call in aws.taken()]
        status = answer[0]
        assert status < 300, (operation, answer)
        return answer[2]

    def request(method, path, body=None):
        return events.http(method, path, body, tenant=tenant)

    with start("connections") as connections:
        aws.taken()
        login = {"name": "Login", "default": False, "encryption": "starttls", "username": "info", "password": PASSWORD}
        created = count("create a connection", connections.http(connection(login, tenant=tenant)))
        connections.http(connection({"name": "Default"}, tenant=tenant))
        aws.taken()
        count("list connections", connections.http(request("GET", "/v1/connections")))
        count("get a connection", connections.http(request("GET", f"/v1/connections/{created['id']}")))
        count("delete a connection", connections.http(request("DELETE", f"/v1/connections/{created['id']}")))

    with start("submit") as submit, start("deliver") as deliver, start("sweep") as sweep:

        def submitted(number):
            aws.taken()
            for _ in range(number):
                message = count("submit a message", submit.http(request("POST", "/v1/messages", mail())))
            count("show a message", submit.http(request("GET", f"/v1/messages/{message['id']}")))
            count("list messages", submit.http(request("GET", "/v1/messages")))
            # Without their groups, they are one: as if all had come in the same slot of the connection.
            return events.batch(*queued())[0]

        def delivered(operation, batch):
            aws.taken()
            answer = deliver.invoke(batch)
            assert answer.json == {"batchItemFailures": []}, answer.text
            calls[operation] = [call.name for call in aws.taken()]

        delivered("deliver a message, cold", submitted(1))
        delivered("deliver a message, warm", submitted(1))
        delivered("deliver a batch of ten, warm", submitted(10))
        aws.taken()
        assert json.loads(sweep.invoke(events.schedule()).text) is None
        calls["sweep, nothing due"] = [call.name for call in aws.taken()]
    return calls
