"""A change of a process's surroundings that is taken back whatever becomes of who made it.

A shell makes it, waits until its input ends, which it does with this process however that ends, and takes it back.
"""

import select
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from experiments.errors import DeadlineError, PreconditionError

_MADE_SECONDS = 10.0
_UNDONE_SECONDS = 10.0


@contextmanager
def changed(make: Sequence[Sequence[str]], undo: Sequence[Sequence[str]], *, net: int | None = None) -> Iterator[None]:
    """The commands of `make` have run within the block, and those of `undo` after it, whichever of them there is still
    something to be undone for. net: in the network namespace of this process. Raises PreconditionError with what the
    commands said, DeadlineError.
    """
    script = " && ".join([*map(shlex.join, make), "echo made"])
    script += " && read -r _; " + "; ".join(map(shlex.join, undo))
    command = ["sh", "-c", script]
    if net is not None:
        # Entered once: the process may be gone, and its number another's, when it is undone.
        command = ["nsenter", "--target", str(net), "--net", *command]
    shell = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    stdin, stdout, stderr = shell.stdin, shell.stdout, shell.stderr
    if stdin is None or stdout is None or stderr is None:
        raise TypeError("the shell was begun without pipes")
    try:
        if not select.select([stdout], [], [], _MADE_SECONDS)[0]:
            raise DeadlineError(f"{shlex.join(make[0])}", _MADE_SECONDS, "it does not answer")
        if not stdout.readline():
            raise PreconditionError(f"{shlex.join(make[0])}: {stderr.read().decode(errors='replace').strip()}")
        yield
    finally:
        stdin.close()
        try:
            shell.wait(_UNDONE_SECONDS)
        except subprocess.TimeoutExpired:
            shell.kill()
            shell.wait()
        stdout.close()
        stderr.close()
