"""The steps of a hand-off, from the logs that a run keeps."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import main
from experiments.errors import ExperimentError
from experiments.handoff import BY_CONNECTORS, BY_EVENTS, THEMSELVES, breakdown, steps
from tests.support.record_logs import log

START = 1_800_000_000.0


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ended(epoch: int = 4, **changes: Any) -> str:
    times = {"withdrawnAt": rfc3339(1.01), "grantedAt": rfc3339(1.06), "activeAt": rfc3339(1.10)}
    line = {
        "message": "switch ended",
        "outcome": "Switched",
        "epoch": epoch,
        "handoff_seconds": 0.1,
        **times,
        **changes,
    }
    return f"2026-11-25T00:00:00Z {json.dumps(line)}"


def event(color: str, name: str, epoch: int, at: float) -> str:
    return json.dumps({"color": color, "event": name, "epoch": epoch, "t": round((START + at) * 1e9)})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    log(tmp_path / "controller.log.zst", ["not JSON", "{broken", ended(), ended(6, handoff_seconds=None)])
    blue = [("DRAINING", 3, 1.03), ("PAUSED", 3, 1.04), ("COMMITTED", 3, 1.04), ("DRAINING", 1, 9.0)]
    log(tmp_path / "logs/events/consumer-blue-0.jsonl.zst", [event("blue", *what) for what in blue])
    late = [("DRAINING", 3, 1.035), ("PAUSED", 3, 1.05)]
    log(tmp_path / "logs/events/consumer-blue-1.jsonl.zst", [event("blue", *what) for what in late])
    log(tmp_path / "logs/events/consumer-green-0.jsonl.zst", [event("green", "ACTIVE", 4, 1.08)])
    return tmp_path


def test_each_step_ends_with_its_last_member(run: Path) -> None:
    ((way, (found,)),) = steps(run).items()
    assert found == pytest.approx([0.01, 0.025, 0.015, 0.01, 0.02, 0.02], abs=1e-5)
    assert way == THEMSELVES
    assert len(found) == len(way)


def test_the_table_is_in_milliseconds(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["handoff", str(run)]) == 0
    said = capsys.readouterr().out
    assert "1 switches" in said
    assert [row.split()[-1] for row in said.splitlines()[4:]] == [
        "10.0",
        "25.0",
        "15.0",
        "10.0",
        "20.0",
        "20.0",
        "100.0",
    ]


def test_members_that_do_not_say_when_they_were_told_have_no_steps(run: Path) -> None:
    for file in (run / "logs" / "events").glob("*"):
        file.unlink()
    assert steps(run) == {}
    with pytest.raises(ExperimentError, match="its members step by step"):
        breakdown(run)


def said(message: str, color: str, epoch: int, at: float, **more: Any) -> str:
    line = {"time": rfc3339(at), "message": message, "color": color, "epoch": epoch, **more}
    return f"2026-11-25T00:00:00Z {json.dumps(line)}"


@pytest.fixture
def of_connectors(tmp_path: Path) -> Path:
    """A run whose members have the work done by others."""
    log(tmp_path / "controller.log.zst", [ended()])
    log(tmp_path / "logs/events/agent-blue-0.jsonl.zst", [event("blue", "PAUSED", 3, 1.05)])
    green = [event("green", "ASSIGNED", 4, 1.075), event("green", "ACTIVE", 4, 1.096)]
    log(tmp_path / "logs/events/agent-green-0.jsonl.zst", green)
    asked = said("step", "blue", 3, 1.03, step="Stop", seconds=0.01)
    log(tmp_path / "agent-blue-0.log.zst", [said("Lease changed", "blue", 3, 1.02, holder=""), asked])
    lines = [
        said("Lease changed", "green", 3, 1.02, holder=""),
        said("Lease changed", "green", 4, 1.065, holder="green"),
        said("step", "green", 4, 1.07, step="Alter", seconds=0.005),
        said("step", "green", 4, 1.08, step="Bear", seconds=0.005),
        said("step", "green", 4, 1.085, step="Start", seconds=0.005),
    ]
    log(tmp_path / "agent-green-0.log.zst", lines)
    log(tmp_path / "blue-connect-0.log.zst", ["[2026-11-25] INFO {} (x)", 'INFO {"message": [1]}', "{broken", "{1}"])
    return tmp_path


def test_connectors_are_told_by_their_agents_logs_too(of_connectors: Path) -> None:
    ((way, (found,)),) = steps(of_connectors).items()
    assert way == BY_CONNECTORS
    in_ms = [10, 10, 10, 20, 10, 5, 10, 5, 5, 11, 4]
    assert [1000 * seconds for seconds in found] == pytest.approx(in_ms, abs=1e-2)
    assert "its connector's stop is accepted" in breakdown(of_connectors)


def test_without_agents_logs_there_are_fewer_steps(of_connectors: Path) -> None:
    for file in of_connectors.glob("agent-*.log.zst"):
        file.unlink()
    ((way, (found,)),) = steps(of_connectors).items()
    assert way == BY_EVENTS
    assert [1000 * seconds for seconds in found] == pytest.approx([10, 40, 10, 15, 21, 4], abs=1e-2)


def test_switches_that_are_told_in_two_ways_have_a_table_each(of_connectors: Path) -> None:
    log(of_connectors / "controller.log.zst", [ended(), ended(6)])
    log(
        of_connectors / "logs/events/x.jsonl.zst",
        [event("green", "PAUSED", 5, 1.05), event("blue", "ASSIGNED", 6, 1.07), event("blue", "ACTIVE", 6, 1.09)],
    )
    assert breakdown(of_connectors).count("1 switches") == 2


def test_what_is_no_run_is_named(tmp_path: Path, run: Path) -> None:
    with pytest.raises(ExperimentError, match=r"has no controller\.log\.zst"):
        breakdown(tmp_path / "nothing")
    log(run / "controller.log.zst", [ended(handoff_seconds=None)])
    with pytest.raises(ExperimentError, match="no switch that its controller saw"):
        breakdown(run)
