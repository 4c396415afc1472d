"""What docs/operations.md says of the templates is so."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def section(title):
    return re.search(rf"(?ms)^## {title}$(.*?)(?=^## |\Z)", text("docs/operations.md"))[1]


class Operations(unittest.TestCase):
    def test_each_alarm_says_what_it_means_and_what_to_do(self):
        alarms = {f"NAME{it}" for it in re.findall(r"AlarmName: !Sub '\$\{Name\}([\w-]+)'", text("infra/alarms.yaml"))}
        self.assertTrue(alarms)
        rows = [row.split("|") for row in section("Alarms").splitlines() if row.startswith("| `")]
        told = [name for row in rows for name in re.findall(r"`([^`]+)`", row[1])]
        self.assertEqual(sorted(told), sorted(alarms))
        for row in rows:
            self.assertTrue(row[2].strip() and row[3].strip(), row)

    def test_each_limit_is_a_parameter_with_that_variable(self):
        template = text("template.yaml")
        rows = [row.split("|") for row in section("Limits and quotas").splitlines() if row.startswith("| `")]
        self.assertTrue(rows)
        for row in rows:
            names, variables = (re.findall(r"`(\w+)`", cell) for cell in row[1:3])
            for name in names:
                self.assertRegex(template, rf"(?m)^  {name}:$")
            for name, variable in zip(names, variables):
                self.assertIn(f"{variable}: !Ref {name}\n", template)
