"""That the validator sees what it is asked for, before anything is judged by it: small logs with everything wrong in
them that a campaign must not miss.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments import verdict
from experiments.errors import PreconditionError
from experiments.records import CONSUMED, PRODUCED

_NS = 1_000_000_000
_PRODUCER = "calibration"
#: What is in the logs, by the validator's classes.
WRONG = {"lost": 1, "duplicate": 1, "dual_active": 1, "zombie": 1}


def calibrate(folder: Path) -> None:
    """Raises PreconditionError that names what was there and was not counted, or was counted otherwise."""
    _write(folder / PRODUCED / f"{_PRODUCER}.jsonl", (_produced(seq) for seq in range(5)))
    # Of five records the last is nobody's; blue handles one under its old epoch, green has it already.
    _write(folder / CONSUMED / "blue-0.a.jsonl", [_consumed("blue", 2, 0, 1), _consumed("blue", 2, 1, 9)])
    _write(folder / CONSUMED / "green-0.b.jsonl", [_consumed("green", 4, seq, seq + 4) for seq in (1, 2, 3)])
    counted = verdict.validate(folder, [_PRODUCER], folder / "validator.json").anomalies
    if wrong := {name: counted.get(name) for name, count in WRONG.items() if counted.get(name) != count}:
        told = ", ".join(f"{name}: {WRONG[name]} in the logs, {count} counted" for name, count in wrong.items())
        raise PreconditionError(f"the validator does not see what it has to, so nothing is judged by it: {told}")


def _produced(seq: int) -> dict[str, Any]:
    place = {"topic": "t", "partition": 0, "offset": seq}
    return {"producer": _PRODUCER, "seq": seq, **place, "status": "acked", "t": seq * _NS}


def _consumed(color: str, epoch: int, seq: int, at: int) -> dict[str, Any]:
    line = {"color": color, "pod": f"{color}-0", "epoch": epoch, "producer": _PRODUCER, "seq": seq}
    return {**line, "topic": "t", "partition": 0, "offset": seq, "t": at * _NS}


def _write(file: Path, lines: Iterable[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
