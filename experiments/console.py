"""Writing to a stream whose reader may be gone, as with `… | tee log` after a Ctrl-C, which ends `tee` first.

What nobody reads is dropped. It must cost neither the clean-up nor the exit code: Python would raise BrokenPipeError in
the middle of the one, and end with 120 in place of the other when it flushes at its end
(https://docs.python.org/3/library/signal.html#note-on-sigpipe).
"""

import os
from contextlib import suppress
from typing import TextIO


def emit(text: str, stream: TextIO) -> bool:
    """Write a line and flush it; returns whether it went out.

    A stream whose reader is gone leads to nowhere from then on; one that was closed is left alone.
    """
    try:
        print(text, file=stream, flush=True)
    except (OSError, ValueError):  # a broken pipe, a terminal that went away; or a stream that was closed
        discard(stream)
        return False
    return True


def discard(stream: TextIO) -> None:
    """Let everything that is still to be written to this stream, what it holds back included, go nowhere."""
    with suppress(OSError, ValueError):
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, descriptor)
        finally:
            os.close(nowhere)
