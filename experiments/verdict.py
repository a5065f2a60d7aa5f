"""The validator's verdict on the collected logs, and what a run takes from it."""

import json
from collections.abc import Sequence
from pathlib import Path

from experiments.errors import CollectionError
from experiments.measurements import Verdict
from experiments.records import CONSUMED, EVENTS, PRODUCED
from tools import validator

_NOT_TO_BE_JUDGED = 2


def validate(logs: Path, producers: Sequence[str], target: Path, *, clock_error_ms: float = 0.0) -> Verdict:
    """Judge the logs of these producers and write the validator's JSON to `target`.

    clock_error_ms: how far the clocks of the nodes may be apart. Raises CollectionError if the logs can't be judged.
    """
    events = logs / EVENTS
    try:
        report = validator.validate(
            produced=[logs / PRODUCED],
            consumed=[logs / CONSUMED],
            events=[events] if events.exists() else [],
            producers=list(producers),
            clock_error_ms=clock_error_ms,
        )
    except validator.InputError as error:
        raise CollectionError(f"the record logs cannot be judged: {error}") from error
    raw = report.as_json()
    # Files by where they are in the run's folder, which is kept, and not on this machine.
    target.write_text(json.dumps(raw, indent=1).replace(json.dumps(f"{logs.parent}/")[1:-1], "") + "\n")
    if report.exit_code == _NOT_TO_BE_JUDGED:
        raise CollectionError(f"the record logs cannot be judged: {'; '.join(report.unjudged)}")
    return Verdict.of(raw)
