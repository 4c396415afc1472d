"""The templates against the code: see `checks`."""

import unittest

import templates
from checks import complaints


class Template(unittest.TestCase):
    def test_the_templates_and_the_code_fit_together(self):
        self.assertEqual(list(complaints(templates.load())), [])
