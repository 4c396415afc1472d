"""The test suite of RFC 7208, read from YAML on standard input, as JSON for tests/http/deliverability/suite.rs."""

import json
import sys

import yaml


def texts(entries):
    """What a domain has as TXT: where the suite gives only the type SPF, which RFC 7208 gave up, a copy of that."""
    own = [entry["TXT"] for entry in entries if "TXT" in entry]
    return own or [entry["SPF"] for entry in entries if "SPF" in entry]


def records(zone):
    for name, entries in zone.items():
        is_slow = "TIMEOUT" in entries
        entries = [entry for entry in entries if entry != "TIMEOUT"]
        # The suite has a text of no strings, which no name server gives out.
        found = [text for text in texts(entries) if text and text != "NONE"]
        for text in found:
            yield [name, "TXT", "".join(text)]
        # What a name has is answered, even where other types are not.
        if is_slow and not found:
            yield [name, "TIMEOUT", ""]
        for entry in entries:
            for kind in ("A", "AAAA", "CNAME", "MX"):
                if kind in entry:
                    yield [name, kind, entry[kind]]


def scenario(document):
    tests = [
        {
            "name": name,
            "server": test["host"],
            "sender": test["mailfrom"],
            "results": [test["result"]] if isinstance(test["result"], str) else test["result"],
        }
        for name, test in document["tests"].items()
    ]
    return {"records": list(records(document["zonedata"])), "tests": tests}


json.dump([scenario(document) for document in yaml.safe_load_all(sys.stdin) if document], sys.stdout)
