"""A piece of a campaign goes on where the one before ended, and makes shorter what failed; the pair is replaced."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import environment
from experiments.alerts import Raised
from experiments.errors import ExperimentError, PreconditionError
from experiments.fault_campaign import campaign as room
from experiments.fault_campaign import shapes
from experiments.fault_campaign.alarms import Looked
from experiments.fault_campaign.campaign import Asked, Ended, Piece, execute
from experiments.fault_campaign.carry import Carried
from experiments.fault_campaign.journal import JOURNAL, SUMMARY
from experiments.fault_campaign.judge import Judged
from experiments.fault_campaign.plan import Planner, Step, planned
from experiments.fault_campaign.scene import roles
from experiments.interrupts import Interrupted
from tests.experiments.fault_campaign import samples

Fails = Callable[[Step], bool]
WITHOUT = planned(3, 6, roles("c", PARTS))


class World:
    """Switches that fail as a test says; `broken`: and then the pair does not get well by itself."""

    def __init__(self) -> None:
        self.carried: list[tuple[int, tuple[str, ...]]] = []
        self.fails: Fails = lambda _: False
        self.finds: Callable[[Step], str] = lambda _: "invariant 5: lost 1"
        self.interrupted_at = 0
        self.ends_by: BaseException = Interrupted()
        self.broken = False
        self.alerts: list[Looked] = []
        self.left: list[str] = []
        self.spans = 0
        self.did: list[str] = []
        self.said: list[str] = []
        switch = SimpleNamespace(active="blue")
        self.lab: Any = SimpleNamespace(
            namespace="ns",
            parts=PARTS,
            whole={},
            active="blue",
            wait_pods=lambda _: None,
            cluster=SimpleNamespace(wait_switch=lambda *_: switch),
            lag=SimpleNamespace(close=lambda: None),
        )

    def carry(self, _scene: object, step: Step, _witness: object) -> Carried:
        if step.number == self.interrupted_at:
            raise self.ends_by
        self.carried.append((step.number, tuple(one.way for one in step.injections)))
        return samples.carried(step)

    def judge(self, _span: object, carried: Carried) -> Judged:
        if not self.fails(carried.step):
            return samples.judged()
        found = samples.judged(self.finds(carried.step), outcome="Failed")
        return Judged(found.findings, "Failed", "", None, 7, {"lost": 1}, []) if self.broken else found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    class Stage:
        name = "strategy-c-faults"
        bootstrap = "kafka:9092"

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def prepare(self) -> Any:
            made.did.append("prepare")
            return made.lab

        def anew(self) -> Any:
            made.did.append("anew")
            return made.lab

        def end(self) -> None:
            made.did.append("take away")

    def look() -> Looked:
        return made.alerts.pop(0) if made.alerts else Looked()

    witness = SimpleNamespace(start=lambda: None, stop=lambda: None, note=lambda _: None, phase=str)
    monkeypatch.setattr(room, "preflight", lambda: None)
    monkeypatch.setattr(room, "only_one", lambda _: nullcontext())
    monkeypatch.setattr(room, "Stage", Stage)
    monkeypatch.setattr(room, "Witness", lambda *_: witness)
    monkeypatch.setattr(room, "carry", made.carry)

    def begin(*_: object) -> None:
        made.spans += 1

    monkeypatch.setattr(room, "begin", begin)
    judge = SimpleNamespace(judge=made.judge, last=lambda _: samples.judged())
    monkeypatch.setattr(room, "Judge", lambda *_: judge)
    monkeypatch.setattr(room, "take_back", lambda _: [made.left.pop()] if made.left else [])
    monkeypatch.setattr(room, "Alarms", lambda *_: SimpleNamespace(look=look))
    monkeypatch.setattr(shapes, "look", lambda _: None)
    monkeypatch.setattr(environment, "commit", lambda: "abc")
    return made


def piece(world: World, out: Path, switches: int = 6, **more: Any) -> Ended:
    progress: Any = SimpleNamespace(say=world.said.append, step=lambda _: nullcontext())
    asked = Asked("c", switches, 3, out, Path(), **more)
    return execute(asked, SimpleNamespace(shielded=nullcontext), progress)  # type: ignore[arg-type]


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / SUMMARY).read_text())
    return found


def test_all_switches_are_carried_out_and_the_pair_is_taken_away(world: World, tmp_path: Path) -> None:
    ended = piece(world, tmp_path)
    assert [number for number, _ in world.carried] == [1, 2, 3, 4, 5, 6]
    assert (ended.findings, ended.done) == (0, 6)
    assert world.did == ["prepare", "take away"]
    assert summary(tmp_path)["pieces"][0]["code"] == "abc"
    assert summary(tmp_path)["acked"] == 1200


def test_it_may_stay(world: World, tmp_path: Path) -> None:
    piece(world, tmp_path, keep=True)
    assert world.did == ["prepare"]


@pytest.mark.parametrize("ends_by", [Interrupted(), ExperimentError("the API server does not answer")])
def test_what_ended_early_goes_on_where_it_was(world: World, tmp_path: Path, ends_by: BaseException) -> None:
    world.interrupted_at, world.ends_by = 3, ends_by
    with pytest.raises(type(ends_by)):
        piece(world, tmp_path)
    assert summary(tmp_path)["switches"] == 2
    assert world.did == ["prepare"], "the pair stays"
    world.interrupted_at = 0
    piece(world, tmp_path)
    assert [number for number, _ in world.carried] == [1, 2, 3, 4, 5, 6]
    assert [(one["from"], one["to"]) for one in summary(tmp_path)["pieces"]] == [(1, 2), (3, 6)]


def test_what_one_that_was_killed_has_left_set_is_taken_back_first(world: World, tmp_path: Path) -> None:
    world.left = ["2 controllers"]
    piece(world, tmp_path, switches=1)
    assert world.said[0] == "left by a campaign that was killed, and taken back: 2 controllers"
    assert world.left == []


def test_when_the_time_is_over_no_further_switch_is_begun(world: World, tmp_path: Path) -> None:
    ended = piece(world, tmp_path, minutes=0.01)
    assert (ended.done, world.carried) == (0, [])
    assert world.did == ["prepare"]
    assert "the same command goes on" in world.said[-1]


def test_what_failed_is_made_shorter_and_the_campaign_goes_on(world: World, tmp_path: Path) -> None:
    guilty: list[str] = []

    def fails(step: Step) -> bool:
        if step.number == 3 and not guilty:
            guilty.append(step.injections[1].way)
        return bool(guilty) and step.number == 3 and guilty[0] in [one.way for one in step.injections]

    world.fails = fails
    ended = piece(world, tmp_path)
    assert (ended.findings, ended.done) == (1, 6)
    (shorter,) = summary(tmp_path)["shorter"]
    assert (shorter["number"], shorter["minimal"], shorter["failed_again"]) == (3, True, True)
    assert [[one["way"] for one in step["injections"]] for step in shorter["steps"]] == [guilty]
    (found,) = summary(tmp_path)["findings"]
    assert found == {"switch": 3, "findings": ["invariant 5: lost 1"], "timeline": ["1000.000 Lease: blue at epoch 2"]}
    said = "\n".join(world.said)
    assert "FOUND, with seed 3, switch 3" in said
    assert "1000.000 Lease: blue at epoch 2" in said


def test_it_is_not_made_shorter_where_nobody_wants_it(world: World, tmp_path: Path) -> None:
    world.fails = lambda step: step.number == 2
    assert piece(world, tmp_path, shrinks=False).findings == 1
    assert len(world.carried) == 6


def test_a_pair_that_does_not_get_well_is_replaced(world: World, tmp_path: Path) -> None:
    world.broken = True
    world.fails = lambda step: step.number == 2
    piece(world, tmp_path, shrinks=False)
    assert world.did == ["prepare", "anew", "take away"]
    assert summary(tmp_path)["anomalies"]["lost"] == 1


def test_a_sequence_is_carried_out_in_place_of_the_seeds(world: World, tmp_path: Path) -> None:
    piece(world, tmp_path, switches=2, sequence=tuple(samples.STEPS[3:5]))
    assert [ways for _, ways in world.carried] == [
        tuple(one.way for one in step.injections) for step in samples.STEPS[3:5]
    ]
    assert [number for number, _ in world.carried] == [1, 2]
    assert (tmp_path / JOURNAL).exists()


def test_a_sequence_is_another_campaign_than_the_seeds(world: World, tmp_path: Path) -> None:
    piece(world, tmp_path / "seed", switches=2)
    with pytest.raises(PreconditionError, match="another campaign's"):
        piece(world, tmp_path / "seed", switches=2, sequence=tuple(samples.STEPS[3:5]))
    piece(world, tmp_path / "steps", switches=2, sequence=tuple(samples.STEPS[3:5]))
    with pytest.raises(PreconditionError, match="another campaign's"):
        piece(world, tmp_path / "steps", switches=2)


@pytest.mark.parametrize("killed_in", [2, 5])
def test_one_that_was_killed_outright_goes_on_with_the_switch_that_was_under_way(
    world: World, tmp_path: Path, killed_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written at its end: the journal has what was judged, and half a line of what was not."""
    world.interrupted_at, world.ends_by = killed_in, ExperimentError("killed")
    with monkeypatch.context() as killed:
        killed.setattr(Piece, "_write_piece", lambda _: None)
        with pytest.raises(ExperimentError):
            piece(world, tmp_path)
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"kind": "swi')
    world.interrupted_at = 0
    assert piece(world, tmp_path).done == 6
    assert [number for number, _ in world.carried] == [1, 2, 3, 4, 5, 6]
    assert [steps for _, steps in world.carried] == [tuple(one.way for one in step.injections) for step in WITHOUT], (
        "the same as without"
    )


def test_an_alert_that_both_colours_are_at_work_is_a_finding_of_its_switch(world: World, tmp_path: Path) -> None:
    """Found by an audit: alerts were looked at once, at the end of a piece, where no rules were installed."""
    lag, never = (Raised(name, "", 5.0, 9.0) for name in ("ConsumerLag", "DualActiveConsumers"))
    world.alerts = [Looked(), Looked([lag]), Looked([never]), Looked(why="the platform has no alerts")]
    assert piece(world, tmp_path, switches=3, shrinks=False).findings == 1
    made = summary(tmp_path)
    (found,) = made["findings"]
    assert (found["switch"], found["findings"]) == (2, ["invariant 1: alert DualActiveConsumers fired from 5 to 9"])
    assert made["alerts"] == {"ConsumerLag": 1, "DualActiveConsumers": 1}
    assert "  alert ConsumerLag from 5 to 9" in world.said


def test_where_nobody_evaluates_alerts_that_is_told(world: World, tmp_path: Path) -> None:
    world.alerts = [Looked(why="the platform has no alerts")] * 9
    piece(world, tmp_path, switches=2)
    assert summary(tmp_path)["alerts"] == "not evaluated"
    assert "  alerts: not evaluated: the platform has no alerts" in world.said


def test_another_finding_is_no_shorter_sequence_of_this_one(world: World, tmp_path: Path) -> None:
    """Found by an audit: a trial that found anything at all was filed under what was to be made shorter."""
    world.fails = lambda step: step.number == 3
    whole = planned(3, 3, roles("c", PARTS))[-1]
    world.finds = lambda step: (
        "invariant 5: lost 1" if len(step.injections) == len(whole.injections) else "invariant 1: dual_active 1"
    )
    ended = piece(world, tmp_path, switches=3)
    made = summary(tmp_path)
    (shorter,) = made["shorter"]
    assert [len(step["injections"]) for step in shorter["steps"]] == [len(whole.injections)]
    assert (shorter["findings"], shorter["found"]) == (["invariant 5: lost 1"], ["invariant 5: lost 1"])
    (beside,) = made["found_beside"]
    assert beside["findings"] == ["invariant 1: dual_active 1"]
    assert len(beside["steps"][-1]["injections"]) < len(whole.injections)
    assert ended.findings == 2
    assert any("FOUND besides: invariant 1: dual_active 1" in line for line in world.said)


def test_what_missed_is_planned_again_in_the_next_piece(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def carry(_scene: object, step: Step, _witness: object) -> Carried:
        world.carried.append((step.number, tuple(one.way for one in step.injections)))
        return samples.carried(step, missed=True)

    with monkeypatch.context() as missing:
        missing.setattr(room, "carry", carry)
        piece(world, tmp_path, switches=2, keep=True)
    ended = piece(world, tmp_path, switches=3)
    planner = Planner(3, roles("c", PARTS))
    for number in (1, 2):
        planner.count(planner.step(number), [])
    assert world.carried[-1] == (3, tuple(one.way for one in planner.step(3).injections))
    assert not ended.covered
    assert f"{summary(tmp_path)['switches_needed']} more switches are needed" in ended.coverage


def test_not_more_is_judged_together_than_can_be_in_a_moment(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All records of a span are judged again with each of its switches."""
    monkeypatch.setattr(room, "_SPAN_SWITCHES", 2)
    piece(world, tmp_path, switches=5)
    assert world.spans == 3
    assert summary(tmp_path)["acked"] == 3 * 1200
