#!/usr/bin/env python3
"""A line that takes time: packets that come in on one TUN device leave on the other, later.

usage: delay.py NEAR FAR DELAY_MS JITTER_MS

Prints `ready` when both devices are there; whoever started it routes packets into them. Packets keep
their order, as on a real line. It runs until it is killed, and the devices end with it.
"""

import asyncio
import collections
import fcntl
import os
import random
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI)
    fcntl.ioctl(device, TUNSETIFF, request)
    return device


class Way:
    """One direction of the line."""

    def __init__(self, loop, source, drain, delay, jitter):
        self.loop, self.source, self.drain = loop, source, drain
        self.delay, self.jitter = delay, jitter
        self.under_way = collections.deque()
        self.last_due = 0.0
        loop.add_reader(source, self.take)

    def take(self):
        try:
            packet = os.read(self.source, 65536)
        except BlockingIOError:
            return
        spread = random.uniform(-self.jitter, self.jitter)
        due = max(self.last_due, self.loop.time() + max(0.0, self.delay + spread))
        self.last_due = due
        self.under_way.append(packet)
        self.loop.call_at(due, self.give)

    def give(self):
        try:
            os.write(self.drain, self.under_way.popleft())
        except OSError:
            pass  # a full or downed device loses the packet, as a real one does


def main():
    near, far = open_device(sys.argv[1]), open_device(sys.argv[2])
    delay, jitter = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 1000
    loop = asyncio.new_event_loop()
    ways = [Way(loop, near, far, delay, jitter), Way(loop, far, near, delay, jitter)]
    print("ready", flush=True)
    loop.run_forever()
    return ways


main()
