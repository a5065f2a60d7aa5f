"""The connections of this process to brokers: once closed, nothing more is said by them.

What a client has asked for and the network has not taken stays with the kernel, which goes on sending it after the
client is closed. A member that was cut off in the midst of its join, and gave it up, so joined when it was reached
again, seconds after: by an instance id, which takes the place of whoever has it by then. A connection that lingers for
no time is reset when it is closed, and what it had to send is dropped (SO_LINGER,
https://man7.org/linux/man-pages/man7/socket.7.html), also where the process is killed.

librdkafka opens the connections, and confluent-kafka hands none of them out: they are found among the process's own.
"""

import os
import socket
import struct
from collections.abc import Container, Iterator
from contextlib import closing, suppress
from pathlib import Path

_AT_ONCE = struct.pack("ii", 1, 0)
_OWN = Path("/proc/self/fd")


def hush(ports: Container[int]) -> int:
    """Have every connection of this process to these ports of others end by a reset; gives how many there are. Raises
    nothing: where they cannot be looked for, as without /proc or with no descriptor left, they end as they would.
    """
    found = 0
    for connection in _connections():
        with closing(connection), suppress(OSError):
            if connection.getpeername()[1] in ports:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                found += 1
    return found


def _connections() -> Iterator[socket.socket]:
    """Another descriptor of each of the process's TCP sockets: one's own may be closed, and its number given anew, at
    any time.
    """
    try:
        entries = list(_OWN.iterdir())
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            descriptor = os.dup(int(entry.name))
            try:
                connection = socket.socket(fileno=descriptor)
            except OSError:  # it is no socket
                os.close(descriptor)
                continue
            if connection.type == socket.SOCK_STREAM and connection.family in {socket.AF_INET, socket.AF_INET6}:
                yield connection
            else:
                connection.close()
