"""A link with a delay between this network namespace and another one's: two TUN devices, and every packet handed over late. The kernel
of the machine need not have netem.

    link.py NAME NEAR FAR PID MILLISECONDS

NEAR is this side's address and FAR the one in the namespace of process PID; MILLISECONDS is a round trip's. Says "ready", and ends with
its input. Everything it made ends with it.
"""

import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

# More than a device gives at once.
PACKET = 65536


def ip(*arguments, inside=()):
    subprocess.run([*inside, "ip", *arguments], check=True, stdin=subprocess.DEVNULL, timeout=10)


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def set_up(device, address, peer, inside=()):
    ip("address", "add", address, "peer", peer, "dev", device, inside=inside)
    ip("link", "set", device, "up", inside=inside)


def carry(one, other, delay):
    towards = {one: other, other: one}
    on_the_way = deque()
    while True:
        wait = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
        readable, _, _ = select.select([one, other, sys.stdin], [], [], wait)
        now = time.monotonic()
        if sys.stdin in readable:
            return
        for device in readable:
            on_the_way.append((now + delay, towards[device], os.read(device, PACKET)))
        while on_the_way and on_the_way[0][0] <= now:
            _, device, packet = on_the_way.popleft()
            os.write(device, packet)


def main(name, near, far, pid, milliseconds):
    devices = f"near-{name}", f"far-{name}"
    one, other = map(tun, devices)
    inside = ["nsenter", f"--net=/proc/{pid}/ns/net"]
    # A device that moves to another namespace stays connected to whoever made it.
    ip("link", "set", devices[1], "netns", pid)
    set_up(devices[0], near, far)
    set_up(devices[1], far, near, inside)
    print("ready", flush=True)
    carry(one, other, float(milliseconds) / 2000)


main(*sys.argv[1:])
