"""Compares verification reports with those stored in `snapshots`. UPDATE_SNAPSHOTS=1 stores them anew."""

import json
import os
import pathlib
import re

FOLDER = pathlib.Path(__file__).with_name("snapshots")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
CIPHER = re.compile(r"TLS(13)?_[A-Z0-9_]+")


def is_count(value):
    return type(value) is int and value >= 0


def is_time(value):
    return isinstance(value, str) and TIME.fullmatch(value)


def is_cipher(value):
    return isinstance(value, str) and CIPHER.fullmatch(value)


def are_warnings(value):
    """Which there are depends on the name servers that the machine reaches: only their form is the same everywhere."""
    return isinstance(value, list) and all(
        isinstance(warning, dict) and list(warning) == ["code", "detail"] and all(isinstance(part, str) and part for part in warning.values())
        for warning in value
    )


# What differs from run to run, by its key. A value that is not of its kind is not masked, and so differs from the snapshot.
MASKS = {
    "checked_at": ("<time>", is_time),
    "next_attempt_at": ("<time>", is_time),
    "not_before": ("<time>", is_time),
    "not_after": ("<time>", is_time),
    "duration_ms": ("<count>", is_count),
    "days_left": ("<count>", is_count),
    "cipher": ("<cipher>", is_cipher),
    "warnings": ("<warnings>", are_warnings),
}

# The servers' own words that differ from run to run, or from one of their versions to the next.
WORDS = [
    (re.compile(r"(?<=Python SMTP )[0-9.]+"), "<version>"),
    (re.compile(r"(?<=queued as )[0-9A-Za-z]+"), "<queue id>"),
    # What SASL says of it: nothing, in one version its last challenge, in the next that there is no reason.
    (re.compile(r"(?<=Error: authentication failed:).*"), " <reason>"),
]


def masked(value, ports):
    """The value, a report or part of one, without what differs from run to run. `ports` has their names by number."""
    if isinstance(value, dict):
        return {key: MASKS[key][0] if key in MASKS and MASKS[key][1](item) else masked(item, ports) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, ports) for item in value]
    if type(value) is int:
        return f"<{ports[value]} port>" if value in ports else value
    if isinstance(value, str):
        for pattern, word in WORDS:
            value = pattern.sub(word, value)
        return re.sub(r"\d+", lambda number: f"{{{ports[int(number[0])]} port}}" if int(number[0]) in ports else number[0], value)
    return value


def assert_snapshot(test, name, report, ports):
    """Fails where the report, masked, is not letter for letter the stored one, order of keys included."""
    found = json.dumps(masked(report, ports), indent=2, ensure_ascii=False) + "\n"
    path = FOLDER / f"{name}.json"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    elif not path.exists():
        test.fail(f"no snapshot {path.name}: UPDATE_SNAPSHOTS=1 stores this\n{found}")
    test.maxDiff = None
    test.assertMultiLineEqual(found, path.read_text(encoding="utf-8"), f"differs from snapshot {path.name}")
