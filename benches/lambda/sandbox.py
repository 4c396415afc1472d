"""A process in a control group of its own, which counts its CPU to the nanosecond and can hold it to a share of a core."""

import os
import pathlib
import subprocess
import time

# Lambda gives a function a whole core at 1,769 MB, and less in proportion.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
SHARE_AT_128_MB = 128 / 1769


class Sandbox:
    """Control groups of version 1; needs root."""

    ROOTS = [pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup/cpuacct")]

    def __init__(self):
        self._folders = [root / f"bench-lambda-{os.getpid()}-{time.monotonic_ns()}" for root in self.ROOTS]
        for folder in self._folders:
            folder.mkdir()

    def hold_to(self, share, period_us):
        """From now on it has this share of a core in each period, and waits for the next when that is used up."""
        (self._folders[0] / "cpu.cfs_period_us").write_text(str(period_us))
        (self._folders[0] / "cpu.cfs_quota_us").write_text(str(round(period_us * share)))

    def start(self, command, environment, folder):
        """Starts `command`: its process, and the moment it began."""
        # A shell moves itself first, which takes the kernel some time, says when it is done, and goes on when it is told to.
        enter = ('for group in $GROUPS_TO_ENTER; do echo $$ > "$group/cgroup.procs"; done; unset GROUPS_TO_ENTER; '
                 'echo; read -r _; exec "$@" < /dev/null > /dev/null')
        groups = {"GROUPS_TO_ENTER": " ".join(map(str, self._folders))}
        process = subprocess.Popen(
            ["/bin/sh", "-c", enter, "sh", *command], env=environment | groups, cwd=folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.readline()
        began = time.monotonic()
        process.stdin.write(b"\n")
        process.stdin.close()
        process.stdout.close()
        return process, began

    def cpu_ms(self):
        """What its processes have used so far."""
        return int((self._folders[1] / "cpuacct.usage").read_text()) / 1e6

    def close(self):
        for folder in self._folders:
            # The kernel takes a moment to let go of a process that was waited for.
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.01)


def peak_mb(process):
    """The most memory that it had resident at once, in units of 10⁶ bytes."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
