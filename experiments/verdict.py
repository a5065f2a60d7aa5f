"""The validator's verdict on the collected logs, and what a run takes from it."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from experiments.errors import CollectionError
from experiments.measurements import Verdict
from experiments.records import CONSUMED, EVENTS, PRODUCED
from tools import validator


def validate(
    logs: Path,
    producers: Sequence[str],
    target: Path,
    *,
    clock_error_ms: float = 0.0,
    tolerated: Collection[str] = (),
) -> Verdict:
    """Judge the logs of these producers and write the validator's JSON to `target`.

    clock_error_ms: how far the clocks of the nodes may be apart. tolerated: the classes that fail nobody who asks.
    Raises CollectionError if the logs can't be judged; if they can in part, unless a class that is not tolerated fails:
    that stays true, whatever else there may be.
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
    # Files by where they are in the run's folder, which is kept, and not on this machine.
    told = json.dumps(report.as_json(), indent=1).replace(json.dumps(f"{logs.parent}/")[1:-1], "")
    target.write_text(f"{told}\n")
    judged = Verdict.of(json.loads(told))
    if judged.unjudged and set(judged.failing) <= set(tolerated):
        raise CollectionError(f"the record logs cannot be judged: {'; '.join(judged.unjudged)}")
    return judged
