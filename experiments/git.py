"""What git says of a repository."""

import subprocess
from pathlib import Path

from experiments.errors import ExperimentError

_SECONDS = 60.0


def output(repository: Path, *command: str) -> str:
    """What a command of git prints. Raises ExperimentError with what went wrong: also without git, or in time."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *command], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExperimentError(f"git {command[0]} in {repository}: {error}") from error
    if done.returncode != 0:
        raise ExperimentError(f"git {command[0]} in {repository}: {done.stderr.strip()}")
    return done.stdout


def tracked(repository: Path, *below: str) -> list[Path]:
    """The files in its index; below: of these folders only. Raises ExperimentError."""
    return [repository / name for name in output(repository, "ls-files", "-z", "--", *below).split("\0") if name]
