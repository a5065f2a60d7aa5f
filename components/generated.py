"""Files that are written by a command, or with `--check` only compared: what the generators of this package share."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


class NotMadeError(ValueError):
    """What a file should be cannot be said; the message tells why."""


def main(command: str, arguments: Sequence[str], files: Iterable[tuple[Path, Callable[[], str]]], *, of: str) -> int:
    """Write or check; returns the exit code, 1 with `--check` for a file that is not as it would be, or for one of
    which that cannot be said. files: each with what makes its text, which may raise `NotMadeError`. of: what they are
    made of, for people.
    """
    unknown = [argument for argument in arguments if argument != "--check"]
    if unknown:
        print(f"{command}: unknown argument {unknown[0]!r}; allowed: --check", file=sys.stderr)
        return 2
    stale = 0
    for path, text in files:
        try:
            right = text()
        except NotMadeError as error:
            print(error, file=sys.stderr)
            stale += 1
            continue
        if path.exists() and path.read_text(encoding="utf-8") == right:
            continue
        if "--check" in arguments:
            print(f"{path.name} is not what {of} say; run: {command}", file=sys.stderr)
            stale += 1
        else:
            path.write_text(right, encoding="utf-8")
            print(f"{path.name} written")
    return 1 if stale else 0
