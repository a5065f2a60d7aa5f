"""Values that several tests begin from."""

from dataclasses import replace
from typing import Any

from experiments.measurements import LastSwitch, SwitchRecord
from experiments.results import Criterion, RunResult, SwitchResult

LAST = LastSwitch(
    source="blue",
    target="green",
    epoch=8,
    outcome="Switched",
    reason="",
    generation=3,
    started_at=100.2,
    active_at=101.5,
    ended_at=101.5,
    handoff_seconds=0.04,
)
SWITCH = SwitchRecord(source="blue", target="green", commanded_at=100.0, up_seconds=2.2, last=LAST)
FAILED = replace(
    SWITCH,
    last=replace(LAST, outcome="Failed", reason="DrainTimeout: consumer-blue-1", active_at=None),
    error="update failed",
)

RESULT = RunResult(
    run="20261123T120000Z-c-1",
    strategy="c",
    scenario="1",
    membership="takeover",
    group_protocol="classic",
    started_at="2026-11-23T12:00:00+00:00",
    finished_at="2026-11-23T12:02:00+00:00",
    passed=True,
    criteria=[Criterion("lost", "= 0", 0, True)],
    switches=[
        SwitchResult("blue-green", 1.5, 2.2, 0.04, 0.05, 0.12, "Switched"),
        SwitchResult("green-blue", 1.4, 2.1, None, None, None, "Switched"),
    ],
    measurements={"lost": 0, "duplicates": 0, "switches_asked": 2},
    environment={"rate": 100, "partitions": 12, "replicas": 3},
    command="python -m experiments run --strategy c --scenario 1",
)


def result(**changes: Any) -> RunResult:
    return replace(RESULT, **changes)
