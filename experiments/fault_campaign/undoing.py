"""A change of a process's surroundings that is taken back whatever becomes of who made it.

A process of its own makes it, waits until its input ends, which it does with this process however that ends, and takes
it back.
"""

import select
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from experiments.errors import DeadlineError, PreconditionError

_MADE_SECONDS = 10.0
_UNDONE_SECONDS = 10.0


def changed(
    make: Sequence[Sequence[str]], undo: Sequence[Sequence[str]], *, net: int | None = None
) -> AbstractContextManager[None]:
    """The commands of `make` have run within the block, and those of `undo` after it, whichever of them there is still
    something to be undone for. Otherwise as `running`.
    """
    script = " && ".join([*map(shlex.join, make), "echo made"])
    script += " && read -r _; " + "; ".join(map(shlex.join, undo))
    return running(["sh", "-c", script], net=net)


@contextmanager
def running(command: Sequence[str], *, net: int | None = None) -> Iterator[None]:
    """A command that has said within the block that it made its change, and takes it back when its input ends, has
    ended after it. net: it runs in the network namespace of this process. Raises PreconditionError with what it said,
    DeadlineError.
    """
    if net is not None:
        # Entered once: the process may be gone, and its number another's, when it is undone.
        command = ["nsenter", "--target", str(net), "--net", *command]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise TypeError("the command was begun without pipes")
    try:
        if not select.select([stdout], [], [], _MADE_SECONDS)[0]:
            raise DeadlineError(shlex.join(command), _MADE_SECONDS, "it does not answer")
        if not stdout.readline():
            raise PreconditionError(f"{shlex.join(command)}: {stderr.read().decode(errors='replace').strip()}")
        yield
    finally:
        stdin.close()
        try:
            process.wait(_UNDONE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        stdout.close()
        stderr.close()
