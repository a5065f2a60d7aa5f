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


def run(command: Sequence[str], *, net: int | None = None) -> str:
    """What a command says, that changes or looks at something now. net: as for `running`. Raises PreconditionError with
    what it said.
    """
    try:
        done = subprocess.run(_inside(command, net), capture_output=True, text=True, timeout=_MADE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PreconditionError(f"{shlex.join(command)}: {error}") from error
    if done.returncode != 0:
        raise PreconditionError(f"{shlex.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _inside(command: Sequence[str], net: int | None) -> Sequence[str]:
    return command if net is None else ["nsenter", "--target", str(net), "--net", *command]


@contextmanager
def running(command: Sequence[str], *, net: int | None = None) -> Iterator[None]:
    """A command that has said within the block that it made its change, and takes it back when its input ends, has
    ended after it. net: it runs in the network namespace of this process. Raises PreconditionError with what it said,
    DeadlineError.
    """
    # Entered once: the process may be gone, and its number another's, when it is undone.
    process = subprocess.Popen(
        _inside(command, net),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
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
