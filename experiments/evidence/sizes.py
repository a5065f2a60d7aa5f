"""How large the evidence is: what a clone has of it, and what git's history keeps for ever.

Bounded, so that whoever commits a run's raw logs, or one run after the other, hears of it before it is in the history.
"""

from dataclasses import dataclass
from pathlib import Path

from experiments import git

#: What is tracked below `report/`, and git's objects altogether, at most, in bytes.
REPORT_BYTES, HISTORY_BYTES = 32 * 2**20, 128 * 2**20


@dataclass(frozen=True, slots=True)
class Sizes:
    """In bytes. history: of git's objects as this repository has them, which a shallow clone has fewer of."""

    report: int
    history: int

    def too_large(self) -> list[str]:
        """What is above its bound, a line each."""
        found = []
        if self.report > REPORT_BYTES:
            found.append(f"the tracked files of report/ are {told(self.report)}, and may be {told(REPORT_BYTES)}")
        if self.history > HISTORY_BYTES:
            found.append(f"git's objects are {told(self.history)}, and may be {told(HISTORY_BYTES)}")
        return found

    def __str__(self) -> str:
        return f"{told(self.report)} tracked below report/, {told(self.history)} of git's objects"


def told(size: int) -> str:
    """Bytes, for people."""
    return f"{size / 2**20:.1f} MiB"


def of(repository: Path) -> Sizes | None:
    """None where there is no repository. Raises ExperimentError if git cannot tell."""
    if not (repository / ".git").exists():
        return None
    files = git.tracked(repository, "report")
    counted = dict(line.split(": ") for line in git.output(repository, "count-objects", "-v").splitlines())
    # In KiB: what is packed, and what is not yet.
    history = 1024 * (int(counted["size-pack"]) + int(counted["size"]))
    return Sizes(sum(file.stat().st_size for file in files if file.is_file()), history)
