"""That nothing can be taken out of the templates unnoticed, and no permission put in.

Each key and each element of a list is taken out, one at a time; then a check must complain. What may be missing without one is
named here, with the reason.
"""

import copy
import unittest

import templates
from checks import complaints
from checks.functions import statements

# By the end of the path; `*` stands for any one key.
UNCHECKED = {
    ("Sid",): "a label; that of a statement with a wildcard is checked",
    ("Properties", "Description"): "words for a reader of the console",
    ("Definition", "Comment"): "words for a reader of the console",
    ("SecurityGroupIngress", "*", "Description"): "words for a reader of the console",
    ("SecurityGroupEgress", "*", "Description"): "words for a reader of the console; those of the functions' group are checked",
    ("network", "*", "*", "Properties", "Tags"): "names for a reader of the console: the tags come from the stack",
    ("network", "*", "*", "Properties", "Tags", "*"): "as above",
    ("InternetGateway", "Properties"): "as above: it has nothing else",
    ("Api", "Properties", "Name"): "a name that nothing refers to",
    ("StateMachineName",): "a name that nothing refers to",
    ("TopicName",): "a name that nothing refers to",
    ("MaxAge",): "how long a browser remembers",
    ("*", "AWSTemplateFormatVersion"): "there is but one",
    ("*", "Description"): "words for a reader of the console",
    ("root", "Transform"): "without it nothing is deployed at all",
    ("Label",): "words for a reader of the console",
    ("Label", "default"): "as above",
}


def paths(value, above=()):
    """The paths to everything in a value, the outermost first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*above, key)
        yield from paths(below, (*above, key))


def without(template: dict, path: tuple) -> dict:
    """The template without what is at a path. Only what is on the way there is copied."""
    changed = copy.copy(template)
    at = changed
    for key in path[:-1]:
        at[key] = copy.copy(at[key])
        at = at[key]
    del at[path[-1]]
    return changed


def noticed(whole: dict, file: str, changed: dict) -> bool:
    """Whether a check complains about a changed template among the others."""
    return any(complaints({**whole, file: changed}, file))


def excused(path: tuple) -> tuple | None:
    """The entry of `UNCHECKED` that a path falls under."""
    for end in UNCHECKED:
        if len(path) >= len(end) and all(want in ("*", key) for want, key in zip(end, path[-len(end) :], strict=True)):
            return end
    return None


class Mutations(unittest.TestCase):
    def test_whatever_is_taken_out_of_a_template_is_missed(self):
        whole = templates.load()
        unnoticed, excuses = [], set()
        for file, template in whole.items():
            for path in paths(template):
                if noticed(whole, file, without(template, path)):
                    continue
                excuse = excused((file, *path))
                excuses.add(excuse)
                if excuse is None:
                    unnoticed.append(".".join(map(str, (file, *path))))
        self.assertEqual(unnoticed, [])
        self.assertEqual(set(UNCHECKED) - excuses, set(), "these need no excuse")

    def test_whatever_is_added_to_a_role_is_noticed(self):
        whole = templates.load()
        for file, template in whole.items():
            for name, role in templates.of_type(template, "AWS::IAM::Role").items():
                for index, (statement, _) in enumerate(statements(role)):
                    for change in (
                        {"Action": ["s3:DeleteObject"]},
                        {"Resource": "*"},
                        {"Action": "*"},
                        {"Action": ["secretsmanager:GetSecretValue"]},
                    ):
                        if all(statement[key] == value for key, value in change.items()):
                            continue
                        changed = copy.deepcopy(template)
                        given = changed["Resources"][name]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
                        given.append({**statement, **change, "Sid": f"Added{index}"})
                        with self.subTest(file=file, role=name, change=change):
                            self.assertTrue(noticed(whole, file, changed))

    def test_a_route_that_asks_for_less_is_noticed(self):
        whole = templates.load()
        for name, route in templates.of_type(whole["root"], "AWS::ApiGatewayV2::Route").items():
            for change in (
                {"AuthorizationType": "NONE"},
                {"AuthorizationScopes": ["messages:read", "messages:send"]},
                {"RouteKey": "GET /v2"},
            ):
                if all(route["Properties"].get(key) == value for key, value in change.items()):
                    continue
                changed = copy.deepcopy(whole["root"])
                changed["Resources"][name]["Properties"] |= change
                with self.subTest(route=name, change=change):
                    self.assertTrue(noticed(whole, "root", changed))
