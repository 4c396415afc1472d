"""Sends through PyPI's aiosmtplib, by one connection. Takes a job and prints a report, both as one line of JSON: src/job.rs says what is
in them.
"""

import asyncio
import importlib.metadata
import json
import platform
import re
import resource
import ssl
import sys
import time
from pathlib import Path

import aiosmtplib


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_bytes():
    # Unlike getrusage's, this peak does not hold the memory of the program that started this one.
    return int(re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) * 1024


def connection(job):
    tls = ssl.create_default_context(cadata=Path(job["authority"]).read_bytes())
    # The test authority's certificates hold less than RFC 5280 wants, which Python checks from 3.13 on.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return aiosmtplib.SMTP(
        hostname=job["host"],
        port=job["port"],
        local_hostname="client.example.test",
        use_tls=job["encryption"] == "implicit_tls",
        start_tls=job["encryption"] == "starttls",
        tls_context=tls,
        **(job["login"] or {}),
    )


async def send(client, job, messages, message):
    for _ in range(messages):
        refused, _ = await client.sendmail(job["from"], job["to"], message)
        assert not refused


async def main(job):
    message = Path(job["message"]).read_bytes()
    client = connection(job)
    await client.connect()
    await send(client, job, job["warm_up"], message)
    cpu, began = cpu_seconds(), time.perf_counter()
    await send(client, job, job["messages"], message)
    report = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_bytes": peak_bytes(),
        "version": f"{importlib.metadata.version('aiosmtplib')}, Python {platform.python_version()}",
    }
    print(json.dumps(report), flush=True)
    client.close()


asyncio.run(main(json.loads(sys.argv[1])))
