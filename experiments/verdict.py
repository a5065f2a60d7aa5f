"""The validator's verdict on the collected logs, and what a run takes from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import CollectionError
from experiments.measurements import Handoff
from experiments.records import CONSUMED, EVENTS, PRODUCED
from tools import validator

_NOT_TO_BE_JUDGED = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """The validator's JSON, as far as a run's result is made of it."""

    verdict: str
    produced: int
    acked: int
    consumed: int
    anomalies: Mapping[str, int]
    handoffs: Mapping[int, Handoff]
    """By the epoch of the new grant."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Verdict":
        return cls(
            verdict=str(raw["verdict"]),
            produced=int(raw["produced"]),
            acked=int(raw["acked"]),
            consumed=int(raw["consumed"]),
            anomalies={str(name): int(count) for name, count in raw["anomalies"].items()},
            handoffs=handoffs(raw["partitions"]),
        )


def handoffs(partitions: Mapping[str, Any]) -> dict[int, Handoff]:
    """The hand-offs of all partitions, joined by the new colour's first epoch.

    The worst gap and the worst mean spacing.
    """
    joined: dict[int, list[Mapping[str, Any]]] = {}
    for entries in partitions.values():
        for entry in entries:
            joined.setdefault(int(entry["to_epoch"]), []).append(entry)
    return {
        epoch: Handoff(
            epoch=epoch,
            partitions=len(entries),
            gap_seconds=max(float(entry["gap_seconds"]) for entry in entries),
            spacing_seconds=max(
                (float(e["spacing_seconds"]) for e in entries if e["spacing_seconds"] is not None), default=None
            ),
        )
        for epoch, entries in joined.items()
    }


def validate(logs: Path, producer: str, target: Path) -> Verdict:
    """Judge the logs of one producer and write the validator's JSON to `target`.

    Raises CollectionError if they can't be judged.
    """
    events = logs / EVENTS
    try:
        report = validator.validate(
            produced=[logs / PRODUCED],
            consumed=[logs / CONSUMED],
            events=[events] if events.exists() else [],
            producers=[producer],
        )
    except validator.InputError as error:
        raise CollectionError(f"the record logs cannot be judged: {error}") from error
    raw = report.as_json()
    target.write_text(json.dumps(raw, indent=1) + "\n")
    if report.exit_code == _NOT_TO_BE_JUDGED:
        raise CollectionError(f"the record logs cannot be judged: {'; '.join(report.unjudged)}")
    return Verdict.of(raw)
