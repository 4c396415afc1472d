"""The templates against the code: see `checks`."""

import re
import unittest

import templates
from checks import complaints


class Template(unittest.TestCase):
    def test_the_templates_and_the_code_fit_together(self):
        self.assertEqual(list(complaints(templates.load())), [])

    def test_values_that_functions_would_refuse_at_start_are_refused(self):
        # Of IPv6 only the form is looked at.
        parameters = templates.read("root")["Parameters"]
        for name, good, bad in (
            ("ExtraPorts", ("", "26", "1,2526,65535"), (
                "0", "65536", "99999", "01", "443", "26,443", "2525", "25,26", "26,26", "26,27,26", "1,2,3,4", "26,", "a")),
            ("DeniedNetworks", ("", "192.0.2.0/24", "2001:db8::/32,198.51.100.7/32,::/0"), (
                "192.0.2.0", "192.0.2.0/33", "256.0.2.0/24", "1/999", "192.0.2/24", "2001:db8::/129", "192.0.2.0/24,", "x/8")),
            # One of the list.
            ("EgressIps", ("", "192.0.2.1", "203.0.113.255"), ("999.1.1.1", "192.0.2", "192.0.2.256", "2001:db8::1")),
            ("VpcCidr", ("10.77.0.0/23", "172.16.0.0/16"), ("", "10.77.0.0/24", "10.777.0.0/23", "10.77.0.0")),
        ):
            for values, fits in ((good, True), (bad, False)):
                for value in values:
                    with self.subTest(name, value=value):
                        found = re.search(parameters[name]["AllowedPattern"], value)
                        self.assertEqual(found is not None, fits)
