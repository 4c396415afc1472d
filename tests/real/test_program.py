"""The program as a newcomer meets it."""

import json
import os
import subprocess
import unittest

from program import PATIENCE_S, Program


class ProgramTest(unittest.TestCase):
    def test_the_session_it_prints_works_when_pasted_and_ctrl_c_ends_it(self):
        program = Program()
        session = program.guide[program.guide.index("api=") :]
        pasted = subprocess.run(["bash", "-ec", session], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(pasted.returncode, 0, pasted.stderr)
        self.assertIn('"ok":true', pasted.stdout)
        _, inbox = program.call("GET", "/inbox")
        self.assertEqual([mail["subject"] for mail in inbox["messages"]], ["Hello"], json.dumps(inbox))
        self.assertEqual(program.stop(), 0)

    def test_bad_flags_are_one_clear_line(self):
        for flags in (["--listen", "0.0.0.0:1"], ["--inbox", "1"], ["--nonsense"]):
            done = subprocess.run([os.environ["MITTENTE"], *flags], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
            self.assertIn(flags[0], done.stderr)
