"""What the code asks of a deployment: variables, routes, calls to AWS, tables. Read from the sources: nobody keeps two lists."""

import json
import re
from functools import cache
from pathlib import Path

from templates import ROOT

FUNCTIONS = ("connections", "verify", "submit", "deliver", "sweep", "resource")

# What Lambda itself puts into each function's environment.
GIVEN_BY_LAMBDA = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"}
# What no template sets, with the reason.
NOT_OF_A_DEPLOYMENT = {"AWS_CA_BUNDLE": "it names a file, which only somebody who starts the program by hand can put there"}

# The actions that a call needs. A transaction needs those of its parts: see `_transactions`.
ACTIONS = {
    "get_item": "dynamodb:GetItem",
    "put_item": "dynamodb:PutItem",
    "update_item": "dynamodb:UpdateItem",
    "delete_item": "dynamodb:DeleteItem",
    "query": "dynamodb:Query",
    "batch_get_item": "dynamodb:BatchGetItem",
    "transact_get_items": "dynamodb:GetItem",
    "create_secret": "secretsmanager:CreateSecret",
    "get_secret_value": "secretsmanager:GetSecretValue",
    "delete_secret": "secretsmanager:DeleteSecret",
    "put_object": "s3:PutObject",
    "get_object": "s3:GetObject",
    "send_message": "sqs:SendMessage",
    "delete_message_batch": "sqs:DeleteMessage",
    "change_message_visibility_batch": "sqs:ChangeMessageVisibility",
}
PARTS_OF_A_TRANSACTION = {
    "put": "dynamodb:PutItem",
    "update": "dynamodb:UpdateItem",
    "delete": "dynamodb:DeleteItem",
    "check": "dynamodb:ConditionCheckItem",
}

# What the types that reach AWS are called where they are used, and the resource behind each.
TYPES = {
    "ConnectionsTable": ({"connections", "table"}, "connections"),
    "MessagesTable": ({"messages"}, "messages"),
    "ContentStore": ({"content"}, "content"),
    "DeliveryQueue": ({"queue"}, "deliveries"),
    "SecretWriter": ({"secrets"}, "secrets"),
    "SecretReader": ({"secrets"}, "secrets"),
    "Rates": ({"rates"}, "connections"),
}
# The resource behind a client that a function has by itself.
OWN = {"resource": "secrets of templates"}
RESOURCE_OF = {name: resource for names, resource in TYPES.values() for name in names}


def without_comments_and_tests(path: Path) -> str:
    """A source without its comments and tests."""
    text = re.sub(r"(?m)^\s*//.*$", "", path.read_text(encoding="utf-8"))
    return re.split(r"(?m)^#\[cfg\(test\)\]\s*\nmod \w+ \{", text)[0]


def _block(text: str, start: int) -> str:
    """The block in braces that begins at or after `start`."""
    begin = text.index("{", start)
    depth = 0
    for at in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[begin : at + 1]
    raise ValueError("a block without an end")


def _functions(text: str) -> dict:
    """The functions in a text, by name, with what is between their braces."""
    found = re.finditer(r"\bfn (\w+)", text)
    return {it[1]: _block(text, text.index(")", it.end())) for it in found}


@cache
def crate(function: str) -> str:
    """All sources of a function's crate."""
    paths = sorted((ROOT / "functions" / function / "src").rglob("*.rs"))
    return "\n".join(without_comments_and_tests(path) for path in paths if path.name != "tests.rs")


# Variables ----------------------------------------------------------------------------------------

VARIABLE = re.compile(r'\b(?:required|optional|list|number)(?:::<[^>]*>)?\(\s*"([A-Z_]+)"|const NAME: &str = "([A-Z_]+)"')


def _variables(text: str) -> set:
    return {first or second for first, second in VARIABLE.findall(text)}


@cache
def variables(function: str) -> frozenset:
    """The variables of the environment that a function reads, and a template has to set."""
    helpers = _functions(without_comments_and_tests(ROOT / "shared/src/config.rs"))
    reached, todo = set(), [without_comments_and_tests(ROOT / "functions" / function / "src/config.rs")]
    names = _variables(without_comments_and_tests(ROOT / "shared/src/aws/clients.rs"))
    while todo:
        text = todo.pop()
        names |= _variables(text)
        for name, body in helpers.items():
            if name not in reached and re.search(rf"\b{name}\(", text):
                reached.add(name)
                todo.append(body)
    return frozenset(names - GIVEN_BY_LAMBDA - set(NOT_OF_A_DEPLOYMENT))


# Metrics ------------------------------------------------------------------------------------------


@cache
def metrics() -> dict:
    """The functions that count each of the code's own metrics, as docs/operations.md says."""
    code = without_comments_and_tests(ROOT / "shared/src/metrics.rs")
    names = re.findall(r"\w+", _block(code, code.index("pub enum Metric")))
    rows = re.findall(r"(?m)^\| `(\w+)` \| ([a-z, ]+) \|", (ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    return {name: set(FUNCTIONS) if of == "all" else set(of.split(", ")) for name, of in rows if name in names}


@cache
def metrics_are_in() -> tuple[str, str]:
    """Their namespace, and their one dimension."""
    code = without_comments_and_tests(ROOT / "shared/src/metrics.rs")
    namespace, dimension = (re.search(rf'const {it}: &str = "(\w+)"', code)[1] for it in ("NAMESPACE", "DIMENSION"))
    return namespace, dimension


# Calls --------------------------------------------------------------------------------------------

CALL = re.compile(r"\b(\w+)\s*\.\s*client\s*\.\s*(\w+)\(")
INDEX = re.compile(r'pub const INDEX: &str = "(\w+)"')


class UnknownCall(Exception):
    """A call to AWS that this file has no action for."""


def _action(call: str) -> str:
    if call not in ACTIONS:
        raise UnknownCall(f"{call}: which action does it need?")
    return ACTIONS[call]


def _calls(text: str, own: str | None, index: str | None) -> set:
    """The calls in a text as (action, resource). `own` is the resource of `self`, `index` what `INDEX` means there."""
    found = set()
    for receiver, call in CALL.findall(text):
        if call == "clone":
            continue
        resource = own if receiver == "self" else RESOURCE_OF[receiver]
        if call == "query" and "index_name(INDEX)" in text:
            resource = f"{resource}/index/{index}"
        found.add((_action(call), resource))
    return found


@cache
def shared_calls() -> dict:
    """What each method of a type that reaches AWS calls there, by (type, method)."""
    methods, calls = {}, {}
    for path in sorted((ROOT / "shared/src/aws").glob("*.rs")):
        if path.name == "transaction.rs":
            continue
        text = without_comments_and_tests(path)
        index = INDEX.search(text)
        for it in re.finditer(r"(?m)^impl (\w+) ", text):
            if it[1] not in TYPES:
                continue
            for name, body in _functions(_block(text, it.end())).items():
                methods[it[1], name] = body
                calls[it[1], name] = _calls(body, TYPES[it[1]][1], index and index[1])
    # Until nothing is added: a method calls others of its type.
    before = None
    while before != calls:
        before = {key: set(value) for key, value in calls.items()}
        for (kind, name), body in methods.items():
            for other in re.findall(r"\bself\s*\.\s*(\w+)\(", body):
                calls[kind, name] |= calls.get((kind, other), set())
    return {key: frozenset(value) for key, value in calls.items() if value}


@cache
def permissions(function: str) -> frozenset:
    """What a function does in AWS, as (action, resource)."""
    text = crate(function)
    found = _calls(text, OWN.get(function), None)
    if "connections::routes(" in text:
        found |= permissions("connections")
    for (kind, method), calls in shared_calls().items():
        receivers = "|".join(TYPES[kind][0])
        if kind in text and re.search(rf"\b(?:{receivers})\s*\.\s*{method}\(", text):
            found |= calls
    return frozenset(found | _transactions(text) | _of_the_sweeper(text))


def _transactions(text: str) -> set:
    tables = set(re.findall(r"Transaction::new\(\s*&(\w+)\.client", text))
    parts = set(re.findall(r"\.(put|update|delete|check)\(\s*Write::", text))
    return {(PARTS_OF_A_TRANSACTION[part], RESOURCE_OF[table]) for table in tables for part in parts}


def _of_the_sweeper(text: str) -> set:
    """It asks the index `due` of both tables by one function, and has a client of Secrets Manager of its own."""
    found = {(_action(call), "secrets") for call in re.findall(r"\.secrets\s*\.\s*(\w+)\(\)", text) if call in ACTIONS}
    if "due::query" in text:
        tables = re.findall(r"&(connections|messages)\.client", text)
        found |= {("dynamodb:Query", f"{table}/index/due") for table in tables}
    return found


# Routes -------------------------------------------------------------------------------------------


@cache
def operations() -> dict:
    """Of each operation of openapi.json its route key and whether it needs a token, by operation id."""
    document = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
    return {
        operation["operationId"]: (f"{method.upper()} {path}", operation.get("security") != [{}])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@cache
def function_of(operation: str) -> str:
    """The function that answers an operation."""
    (found,) = [name for name in FUNCTIONS if re.search(rf"routes!\([^)]*\b{operation}\b", crate(name))]
    return found


# Tables -------------------------------------------------------------------------------------------


def _constant(name: str) -> str:
    """The value of `file::NAME` in shared/src/aws."""
    file, constant = name.split("::")
    text = without_comments_and_tests(ROOT / f"shared/src/aws/{file}.rs")
    return re.search(rf'pub const {constant}: &str = "(\w+)"', text)[1]


@cache
def tables() -> dict:
    """The tables as `local` makes them: keys, and of each index its keys and what it holds beside them."""
    text = without_comments_and_tests(ROOT / "local/src/embedded/set_up.rs")
    body = _functions(text)["create_table"]
    projected = re.search(
        r"PROJECTED: \[&str; \d+\] = \[([^\]]*)\]", without_comments_and_tests(ROOT / "shared/src/aws/message_list.rs")
    )[1]
    indexes = {}
    for name, rest in re.findall(r"\.index_name\((\w+::INDEX)\)(.*?)\.build\(\)\s*\.map_err", body, re.S):
        keys = re.findall(r'key\("(\w+)", KeyType::(Hash|Range)\)', rest)
        beside = re.findall(r'"(\w+)"', projected) if "ProjectionType::Include" in rest else []
        indexes[_constant(name)] = (dict((kind.upper(), key) for key, kind in keys), beside)
    for name, hash_, range_ in re.findall(r"of_keys\((\w+::INDEX), ([\w:\"]+), ([\w:\"]+)\)", body):
        of = [it.strip('"') if it.startswith('"') else _constant(it) for it in (hash_, range_)]
        indexes[_constant(name)] = ({"HASH": of[0], "RANGE": of[1]}, [])
    return {
        "Connections": ({"HASH": "pk", "RANGE": "sk"}, {"due": indexes["due"]}),
        "Messages": ({"HASH": "pk"}, indexes),
    }
