"""What was seen, for people and as JSON."""

from collections.abc import Sequence
from typing import Any

from experiments.conformance.suite import FAIL, LEFT_OUT, PASS, Outcome

SCHEMA = 1
KIND = "conformance"


def shown(outcomes: Sequence[Outcome]) -> str:
    """A table of the points, and a line that counts them."""
    width = max((len(one.point.name) for one in outcomes), default=0)
    lines = [
        f"{one.outcome:8s} §{one.point.clause:5s} {one.point.name:{width}s}  {one.point.says}\n"
        f"{'':{width + 18}s}{one.seen}"
        for one in outcomes
    ]
    counts = {outcome: sum(one.outcome == outcome for one in outcomes) for outcome in (PASS, FAIL, LEFT_OUT)}
    return "\n".join([*lines, "", ", ".join(f"{outcome}: {count}" for outcome, count in counts.items())])


def as_json(outcomes: Sequence[Outcome], **about: object) -> dict[str, Any]:
    """The result. about: what was tried, and with what."""
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "contract": 1,
        **about,
        "passed": all(one.outcome != FAIL for one in outcomes),
        "points": [
            {
                "name": one.point.name,
                "clause": one.point.clause,
                "says": one.point.says,
                "outcome": one.outcome,
                "seen": one.seen,
                "seconds": one.seconds,
            }
            for one in outcomes
        ],
    }
