"""The release binaries as files."""

import os
import pathlib
import re
import subprocess
import tempfile
import tomllib
import unittest
import zipfile

from function import RELEASE
from world import REQUIRED

LARGEST_ARCHIVE = 3_000_000
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Files(unittest.TestCase):
    def read(self, name, *flags):
        command = ["readelf", "--wide", *flags, os.path.join(RELEASE, name)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def test_they_run_on_amazon_linux_2023(self):
        for name in REQUIRED:
            with self.subTest(name):
                versions = re.findall(r"GLIBC_(\d+)\.(\d+)", self.read(name, "--version-info"))
                self.assertTrue(versions)
                self.assertLessEqual(max((int(major), int(minor)) for major, minor in versions), (2, 34))

    def test_they_link_nothing_but_the_c_library(self):
        usual = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
        # Parts of the C library that were files of their own, which cargo-lambda's linker still names.
        usual |= {"libdl.so.2", "libpthread.so.0"}
        for name in REQUIRED:
            with self.subTest(name):
                needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", self.read(name, "--dynamic")))
                self.assertIn("libc.so.6", needed)
                self.assertLessEqual(needed, usual)

    def test_their_archives_are_small(self):
        for name in REQUIRED:
            with self.subTest(name), tempfile.TemporaryFile() as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.write(os.path.join(RELEASE, name), "bootstrap")
                self.assertLessEqual(file.tell(), LARGEST_ARCHIVE)

    def test_a_panic_unwinds(self):
        profile = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["profile"]["release"]
        self.assertEqual(profile.get("panic", "unwind"), "unwind")
