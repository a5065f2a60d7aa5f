"""What a run was judged by besides its logs, kept in its folder as `observed.json`, so that it can be judged again.

With the record logs, `switches.json` and `lag.json.zst` it is all that `conclude` is told. Runs before 28 November 2026
do not have it: of them, what the other files say is known, and the rest is not.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from components.strategies.base import Criteria
from experiments.conclusion import Seen, Subject
from experiments.measurements import Apart, LagSample, LastSwitch, ProducerSeen, SwitchRecord, Verdict
from experiments.records import compressed_text
from experiments.results import RunResult

FILE = "observed.json"
_SWITCHES, _LAG = "switches.json", "lag.json.zst"
#: Attributes of `Seen` that files of their own have, or that are made anew.
_ELSEWHERE = frozenset({"switches", "rollbacks", "samples", "judged", "environment"})
_MADE_OF_LOGS = "rollbacks"
#: Measurements that are concluded from files which every run has.
CONCLUDED = (
    "lost", "duplicates", "dual_active", "zombies", "failed", "max_lag", "lag_samples", "produced", "acked", "consumed",
)  # fmt: skip


def as_json(seen: Seen) -> dict[str, Any]:
    """What is kept of it. The ways back are told by their place among the switches."""
    told = {one.name: getattr(seen, one.name) for one in fields(seen) if one.name not in _ELSEWHERE}
    told["producer"] = asdict(seen.producer)
    told["clocks"] = asdict(seen.clocks) if seen.clocks else None
    told["measured"] = dict(seen.measured)
    told[_MADE_OF_LOGS] = [number for number, one in enumerate(seen.switches) if one in seen.rollbacks]
    return told


def subject_of(result: RunResult, limits: Criteria) -> Subject:
    """What was run, as its result tells it. limits: what is said today that it is judged by."""
    rate, asked = result.environment.get("rate"), result.measurements.get("switches_asked")
    return Subject(
        run=result.run,
        strategy=result.strategy,
        scenario=result.scenario,
        membership=result.membership,
        group_protocol=result.group_protocol,
        started_at=result.started_at,
        finished_at=result.finished_at,
        command=result.command,
        kind=result.kind,
        limits=limits,
        rate=rate if isinstance(rate, int) else 0,
        switches_asked=asked if isinstance(asked, int) else 0,
    )


def whole(folder: Path) -> bool:
    """Whether a run's folder has everything that it was judged by besides its logs."""
    return (folder / FILE).is_file()


def of(folder: Path, result: RunResult, judged: Verdict) -> Seen:
    """What was seen of a run. judged: what the validator says of its logs. Where the run does not have `observed.json`,
    None stands for what no other file tells.
    """
    switches = [_switch(raw) for raw in json.loads((folder / _SWITCHES).read_text())]
    samples = [LagSample(**raw) for raw in json.loads(compressed_text(folder / _LAG))]
    if not whole(folder):
        return _from_the_rest(result, judged, switches, samples)
    told = json.loads((folder / FILE).read_text())
    backs = told.pop(_MADE_OF_LOGS)
    window = told.pop("scale_down_window")
    return Seen(
        **{
            **told,
            "producer": ProducerSeen(**told["producer"]),
            "clocks": _apart(told["clocks"]) if told["clocks"] else None,
            "scale_down_window": tuple(window) if window else None,
        },
        switches=switches,
        rollbacks=[switches[number] for number in backs],
        samples=samples,
        judged=judged,
        environment=result.environment,
    )


def _apart(raw: dict[str, float]) -> Apart:
    """Until 29 November 2026 it was about nodes alone; where others write down what is handled, no run has it so."""
    return Apart(raw["workstation"], raw["between_lines" if "between_lines" in raw else "between_nodes"])


def _switch(raw: dict[str, Any]) -> SwitchRecord:
    return SwitchRecord(**{**raw, "last": LastSwitch(**raw["last"]) if raw["last"] else None})


def _from_the_rest(
    result: RunResult, judged: Verdict, switches: Sequence[SwitchRecord], samples: Sequence[LagSample]
) -> Seen:
    told = result.measurements
    backs = switches[1::2] if told.get("rollback_seconds") is not None else []
    rate, apart = told.get("produced_rate"), told.get("clock_error_ms")
    return Seen(
        started=0.0,
        finished=0.0,
        switches=switches,
        rollbacks=backs,
        spells=0,
        spells_asked=0,
        scale_down_seconds=None,
        scale_down_window=None,
        samples=samples,
        judged=judged,
        producer=ProducerSeen((), None, ()),
        produced_rate=rate if isinstance(rate, int | float) else None,
        clocks=Apart(0.0, apart / 1000) if isinstance(apart, int | float) else None,
        measured={name: value for name, value in told.items() if name not in CONCLUDED},
        environment=result.environment,
    )
