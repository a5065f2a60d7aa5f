"""Who uses the cluster at the same time: tests that restart parts of it wait for those that need it whole, and they
for them.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

FILE = Path(tempfile.gettempdir()) / f"kafka-bluegreen-{os.getuid()}-cluster.lock"


def shared() -> contextlib.AbstractContextManager[None]:
    """The cluster stays whole within the block."""
    return _locked(fcntl.LOCK_SH)


def alone() -> contextlib.AbstractContextManager[None]:
    """Nobody else needs the cluster whole within the block."""
    return _locked(fcntl.LOCK_EX)


@contextlib.contextmanager
def _locked(how: int) -> Iterator[None]:
    """A lock of the file system: it ends with its process, however that ends; pytest's timeout is its deadline."""
    with FILE.open("a") as lock:
        fcntl.flock(lock, how)
        yield
