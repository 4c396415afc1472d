"""DynamoDB's request units, counted by its rules from what each call reads and writes, as moto does not count them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations
"""

import collections
import json
import math
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "deploy"))

from moto.dynamodb.models import dynamodb_backends

from aws import REGION, TABLES, Aws

KB = 1024
# What each item takes up beside its attributes, in a table and in an index.
OVERHEAD = 100


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
    sizes = [item_size(item) for item in (before, after) if item]
    return max(1, math.ceil(max(sizes, default=0) / KB))


def names(schema):
    """The attributes that are the keys of a table or an index."""
    return [key["AttributeName"] for key in schema["KeySchema"]]


def entry(table, index, item):
    """What an index holds of an item: None if the item has not all of its keys."""
    keys = names(index)
    if not item or any(key not in item for key in keys):
        return None
    projected = names(TABLES[table]) + keys + index["Projection"].get("NonKeyAttributes", [])
    return {name: item[name] for name in projected if name in item}


def index_units(table, before, after):
    """What a write costs in the table's indexes: an entry that comes, goes or changes is a write; one that moves is two."""
    units = 0
    for index in TABLES[table]["GlobalSecondaryIndexes"]:
        old, new = (entry(table, index, item) for item in (before, after))
        if old and new and any(old[key] != new[key] for key in names(index)):
            units += write_units(old, None) + write_units(None, new)
        elif old != new:
            units += write_units(old, new)
    return units


def stored(table, item):
    """Bytes that an item takes up in its table, and in the table's indexes."""
    entries = [entry(table, index, item) for index in TABLES[table]["GlobalSecondaryIndexes"]]
    return item_size(item) + OVERHEAD, sum(item_size(one) + OVERHEAD for one in entries if one)


def key_of(table, item):
    return tuple(item[name]["S"] for name in names(TABLES[table]))


def items():
    """All items: by their tables, by their keys."""
    return {table: {key_of(table, item): item for item in _items(table)} for table in TABLES}


def _items(table):
    found = dynamodb_backends["123456789012"][REGION].get_table(table).all_items()
    return [item.to_json()["Attributes"] for item in found]


def written(operation, request):
    """The table and the key of each item that a call writes, or checks in a transaction."""
    if operation == "TransactWriteItems":
        writes = [write for item in request["TransactItems"] for write in item.values()]
    else:
        writes = [request]
    return [(write["TableName"], key_of(write["TableName"], write.get("Key") or write["Item"])) for write in writes]


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
            before = items()
            answer = super().serve(call, environ, start_response)
            self._account(operation, json.loads(call.request), json.loads(answer), before, items())
        return answer

    def _account(self, operation, request, answer, before, after):
        if operation in ("Query", "GetItem"):
            found = answer["Items"] if operation == "Query" else [answer.get("Item", {})]
            times = 1 if request.get("ConsistentRead") else 0.5
            self.units["read"] += times * max(1, math.ceil(sum(map(item_size, found)) / (4 * KB)))
        elif operation in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"):
            # Of a transaction the tables' writes cost twice, those of their indexes do not: so AWS answered when it was asked
            # (https://github.com/nubo-db/dynoxide/pull/188).
            times = 2 if operation == "TransactWriteItems" else 1
            for table, key in written(operation, request):
                images = before[table].get(key), after[table].get(key)
                self.units["write"] += times * write_units(*images)
                self.units["index write"] += index_units(table, *images)
                self.units["event"] += images[0] != images[1] and "event" in (images[1] or {})
        else:
            raise ValueError(operation)
