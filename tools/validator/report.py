"""The verdict and what it rests on, as Python objects and as the JSON of the contract."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

CLASSES = (
    "lost",
    "phantom",
    "mismatch",
    "duplicate",
    "producer_duplicate",
    "out_of_order",
    "zombie",
    "dual_active",
)
NOTES = ("unlogged", "unknown", "foreign", "stale_epoch", "torn", "clock_steps")
MAX_EXAMPLES = 20


@dataclass(frozen=True)
class Handoff:
    """One change of colour on one partition; times in seconds."""

    from_epoch: int
    to_epoch: int
    from_color: str
    to_color: str
    gap_seconds: float
    spacing_seconds: float | None

    def as_json(self) -> dict[str, Any]:
        return {
            "from_epoch": self.from_epoch,
            "to_epoch": self.to_epoch,
            "from": self.from_color,
            "to": self.to_color,
            "gap_seconds": self.gap_seconds,
            "spacing_seconds": self.spacing_seconds,
        }


@dataclass(frozen=True)
class FileCounts:
    """Files read on each side, those among them without a line, and the other files that were left alone."""

    produced: int
    consumed: int
    events: int
    empty: int
    others: int


@dataclass(frozen=True)
class Report:
    """What :func:`tools.validator.validate` found in logs that could be read.

    ``failing`` names the classes that are not 0 and fail the verdict; ``unjudged`` says, in words, what forbids a pass
    although it is no anomaly. ``examples`` are JSON objects, at most 20 a class; ``partitions`` has the hand-offs of
    each topic-partition; ``events`` counts the lifecycle events by kind.
    """

    produced: int
    acked: int
    consumed: int
    anomalies: Mapping[str, int]
    notes: Mapping[str, int]
    examples: Mapping[str, list[dict[str, Any]]]
    partitions: Mapping[str, list[Handoff]]
    files: FileCounts
    failing: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> Literal[0, 1, 2]:
        """0: nothing wrong, 1: an anomaly, 2: no anomaly, but not to be judged either."""
        return 1 if self.failing else 2 if self.unjudged else 0

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        return "pass" if self.exit_code == 0 else "fail"

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` writes."""
        return {
            "verdict": self.verdict,
            "produced": self.produced,
            "acked": self.acked,
            "consumed": self.consumed,
            "anomalies": {name: self.anomalies[name] for name in CLASSES},
            "notes": {name: self.notes[name] for name in NOTES},
            "examples": {name: self.examples[name] for name in CLASSES},
            "partitions": {name: [one.as_json() for one in found] for name, found in self.partitions.items()},
            "failing": list(self.failing),
            "unjudged": list(self.unjudged),
            "events": dict(self.events),
            "files": asdict(self.files),
        }


def refusal_as_json(reason: str, file: str | None, line: int | None) -> dict[str, Any]:
    """What ``--json`` writes when the input could not be read: every key, and no count to mistake for one."""
    return {
        "verdict": "fail",
        "error": {"reason": reason, "file": file, "line": line},
        "produced": None,
        "acked": None,
        "consumed": None,
        "anomalies": dict.fromkeys(CLASSES),
        "notes": dict.fromkeys(NOTES),
        "examples": {name: [] for name in CLASSES},
        "partitions": {},
    }
