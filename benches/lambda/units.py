"""DynamoDB's request units, counted by its rules from what each call reads and writes, as moto does not count them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import collections
import json
import math
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "deploy"))

from moto.dynamodb.models import dynamodb_backends

from aws import CONNECTIONS, MESSAGES, REGION, Aws

KB = 1024
# By table: the keys and what else is projected.
INDEXES = {
    CONNECTIONS: [(("due_shard", "due_at"), ())],
    MESSAGES: [(("due_shard", "due_at"), ()), (("tenant", "id"), ("status", "effective"))],
}


def size(value):
    """Bytes of an attribute's value in DynamoDB's JSON."""
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(len(content.lstrip("-0.")) / 2) + 1
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + size(one) for one in content)
        case "M":
            return 3 + sum(1 + len(name) + size(one) for name, one in content.items())
    raise ValueError(kind)


def item_size(item):
    return sum(len(name) + size(value) for name, value in item.items())


def write_units(before, after):
    """Of one item: None where there is none."""
    return max(1, math.ceil(max(item_size(item) for item in (before, after) if item) / KB))


def index_units(table, before, after):
    """What a write costs in the table's indexes: an entry that comes, goes or changes is a write; one that moves is two."""
    units = 0
    for keys, more in INDEXES[table]:
        entries = [
            {name: item[name] for name in ("pk", "sk", *keys, *more) if name in item}
            if item and all(key in item for key in keys) else None
            for item in (before, after)]
        if entries[0] == entries[1]:
            continue
        moves = all(entries) and any(entries[0][key] != entries[1][key] for key in keys)
        units += 2 if moves else 1
    return units


def items(table):
    """The items of a table by their keys."""
    items = dynamodb_backends["123456789012"][REGION].get_table(table).all_items()
    items = (item.to_json()["Attributes"] for item in items)
    return {(item["pk"]["S"], item.get("sk", {}).get("S")): item for item in items}


class Metered(Aws):
    """AWS that keeps account: `units` by kind."""

    def __init__(self):
        self.units = collections.Counter()
        # One call at a time: what changed meanwhile is what it wrote.
        self._turn = threading.Lock()
        super().__init__()

    def serve(self, call, environ, start_response):
        service, _, operation = call.name.partition(".")
        if service != "dynamodb" or operation == "CreateTable":
            return super().serve(call, environ, start_response)
        with self._turn:
            return self._account(operation, json.loads(call.request), call, environ, start_response)

    def _account(self, operation, request, call, environ, start_response):
        before = {table: items(table) for table in (CONNECTIONS, MESSAGES)}
        answer = super().serve(call, environ, start_response)
        after = {table: items(table) for table in (CONNECTIONS, MESSAGES)}
        if operation in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"):
            times = 2 if operation.startswith("Transact") else 1
            for table in before:
                for key in before[table].keys() | after[table].keys():
                    images = before[table].get(key), after[table].get(key)
                    if images[0] != images[1]:
                        self.units["write"] += times * write_units(*images)
                        self.units["index write"] += index_units(table, *images)
                        self.units["event"] += images[1] is not None and "event" in images[1]
        else:
            read = json.loads(answer)
            found = read.get("Items") or [one.get("Item", {}) for one in read.get("Responses", [{"Item": read.get("Item", {})}])]
            whole = sum(map(item_size, found))
            times = 2 if operation.startswith("Transact") else 1 if request.get("ConsistentRead") else 0.5
            self.units["read"] += times * max(1, math.ceil(whole / (4 * KB)))
        return answer
