"""A record's value: one line of JSON that carries `producer` and `seq`, filled with random text to the size asked for.

`{"producer":"p0-3f…","seq":41,"payload":"…"}`: one line, so that any sink can write it down, and printable, so that
anybody can read it.
"""

import base64
import os
import random

_POOL_BYTES = 1 << 20


def key(seq: int, plain: float) -> bytes | None:
    """The key of record `seq`: for a share of them text that is no JSON, for the others a JSON string; None for no
    share. What reads keys as JSON fails at that share.
    """
    if not plain:
        return None
    return b"record %d" % seq if random.random() < plain else b'"record %d"' % seq  # noqa: S311 - not a secret


class Payload:
    """Makes values for one producer name. The text is cut from a pool of random base64 at a random place, for speed."""

    def __init__(self, producer: str) -> None:
        self._head = f'{{"producer":"{producer}","seq":'.encode()
        self._pool = base64.b64encode(os.urandom(_POOL_BYTES))
        self._pool += self._pool

    def value(self, seq: int, size: int) -> bytes:
        """The value of record `seq`, of `size` bytes (more if the frame alone takes more)."""
        frame = b'%b%d,"payload":"' % (self._head, seq)
        room = max(0, size - len(frame) - 2)
        at = int(random.random() * _POOL_BYTES)  # noqa: S311 - filling, not a secret
        return b'%b%b"}' % (frame, self._pool[at : at + room])
