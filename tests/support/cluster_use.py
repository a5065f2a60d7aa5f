"""Who uses the cluster at the same time: tests that restart parts of it wait for those that need it whole, and they
for them; and the platform's stack is updated by one at a time.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


class _Sharing:
    """This process's share in the cluster. A block within another asks nobody: who waits to be alone waits for this
    process, and could not be waited for by it.
    """

    def __init__(self) -> None:
        self._blocks = 0
        self._lock = contextlib.ExitStack()

    def enter(self) -> None:
        if self._blocks == 0:
            with _locked("cluster-turn", fcntl.LOCK_EX):
                self._lock.enter_context(_locked("cluster", fcntl.LOCK_SH))
        self._blocks += 1

    def leave(self) -> None:
        self._blocks -= 1
        if self._blocks == 0:
            self._lock.close()


_sharing = _Sharing()


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """The cluster stays whole within the block."""
    _sharing.enter()
    try:
        yield
    finally:
        _sharing.leave()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Nobody else needs the cluster whole within the block. Whoever comes later than this waits, so that those who
    share, one after the other, do not keep it waiting for ever.
    """
    with _locked("cluster-turn", fcntl.LOCK_EX), _locked("cluster", fcntl.LOCK_EX):
        yield


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
