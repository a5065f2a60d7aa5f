"""The verdict and what it rests on, as Python objects and as the JSON of the contract."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SCHEMA = 2
MEANINGS = {
    "lost": "acked, but never handled; or committed by a consumer whose whole log does not have it",
    "phantom": "handled, but its producer was told that it failed, or no producer wrote it down",
    "mismatch": "the two logs give one offset of a partition to different records",
    "duplicate": "processed again (n times count n-1); does not fail with --allow-duplicates",
    "producer_duplicate": "one record acked at several offsets",
    "out_of_order": "a consumer handled a lower offset of a partition after a higher one, for the first time",
    "zombie": "handled after a record of the same partition that has a newer epoch and the other colour",
    "dual_active": "an epoch with a record after the first of a newer epoch of the other colour, or with two colours",
}
CLASSES = tuple(MEANINGS)
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
class Handled:
    """How many records were handled, with or without error, and how many of them with one."""

    handled: int
    failed: int


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
    although it is no anomaly. ``handled`` is by colour and version (empty where lines bear none). ``examples`` are JSON
    objects, at most 20 a class; ``partitions`` has the hand-offs of each topic-partition; ``events`` counts the
    lifecycle events by kind.
    """

    produced: int
    acked: int
    consumed: int
    anomalies: Mapping[str, int]
    notes: Mapping[str, int]
    examples: Mapping[str, list[dict[str, Any]]]
    partitions: Mapping[str, list[Handoff]]
    files: FileCounts
    handled: Mapping[str, Mapping[str, Handled]] = field(default_factory=dict)
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

    @property
    def failed(self) -> int:
        """Records whose processing failed: handled, not processed."""
        return sum(one.failed for versions in self.handled.values() for one in versions.values())

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` writes."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "produced": self.produced,
            "acked": self.acked,
            "consumed": self.consumed,
            "failed": self.failed,
            "handled": {
                color: {version: asdict(one) for version, one in versions.items()}
                for color, versions in self.handled.items()
            },
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
        "schema": SCHEMA,
        "verdict": "fail",
        "error": {"reason": reason, "file": file, "line": line},
        "produced": None,
        "acked": None,
        "consumed": None,
        "failed": None,
        "handled": {},
        "anomalies": dict.fromkeys(CLASSES),
        "notes": dict.fromkeys(NOTES),
        "examples": {name: [] for name in CLASSES},
        "partitions": {},
    }
