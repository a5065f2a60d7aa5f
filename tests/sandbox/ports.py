"""A loopback port for a sandbox of the tests' own, which nobody is handed by chance meanwhile."""

import os
import random
from pathlib import Path

from tools.sandbox import claims

LOWEST, HIGHEST = 10_000, 65_535
TRIES = 100


def free_port() -> int:
    """A port that is free now, and that the kernel gives to no outgoing connection.

    A port of the ephemeral range, as ``bind`` to port 0 finds, can be anybody's by the time that it is listened on.
    """
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    choices = random.Random(os.urandom(8))  # not the tests' seed: two runs at a time would choose the same
    for _ in range(TRIES):
        port = choices.randint(LOWEST, HIGHEST)
        if not first <= port <= last and claims.port_taken(port) is None:
            return port
    raise AssertionError(f"no free port from {LOWEST} to {HIGHEST} outside of {first} to {last} in {TRIES} tries")
