"""Who uses the cluster at the same time: tests that restart parts of it wait for those that need it whole, and they
for them; and the platform's stack is updated by one at a time.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def shared() -> contextlib.AbstractContextManager[None]:
    """The cluster stays whole within the block."""
    return _locked("cluster", fcntl.LOCK_SH)


def alone() -> contextlib.AbstractContextManager[None]:
    """Nobody else needs the cluster whole within the block."""
    return _locked("cluster", fcntl.LOCK_EX)


def updating_the_platform() -> contextlib.AbstractContextManager[None]:
    """Nobody else updates the platform's stack within the block; Pulumi would refuse the second one.

    Whoever is in there waits for none of the others: it is the innermost block.
    """
    return _locked("platform-update", fcntl.LOCK_EX)


@contextlib.contextmanager
def _locked(what: str, how: int) -> Iterator[None]:
    """A lock of the file system: it ends with its process, however that ends; pytest's timeout is its deadline."""
    file = Path(tempfile.gettempdir()) / f"kafka-bluegreen-{os.getuid()}-{what}.lock"
    with file.open("a") as lock:
        fcntl.flock(lock, how)
        yield
