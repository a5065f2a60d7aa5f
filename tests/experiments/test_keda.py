"""Scenario `keda`: what it waits for, in order, and what it is judged by; and a run beside a scaler that writes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import strategy_settings
from experiments import by_hand
from experiments.cluster import ClusterError, LiveSwitch
from experiments.commands import of_this_command
from experiments.criteria import passed
from experiments.errors import DeadlineError
from experiments.guard import SWITCH as KEY
from experiments.guard import ForeignChangeError, Mark, foreign, writers_of
from experiments.lab import Notes
from experiments.measurements import LastSwitch
from experiments.scenarios import SCENARIOS, keda
from tests.experiments.test_criteria import GOOD
from tests.support.samples import SWITCH

SCALER = '{"min": 3, "max": 6}'


def live(
    pods: int,
    asked: int,
    generation: int = 4,
    last: dict[str, Any] | None = None,
    *,
    scaled: bool = True,
    history: Sequence[dict[str, Any]] = (),
) -> LiveSwitch:
    conditions = [
        {"type": kind, "status": "True", "reason": "Switched", "message": "", "observedGeneration": generation}
        for kind in ("Ready", "Settled")
    ]
    return LiveSwitch.of(
        {
            "metadata": {"generation": generation, "name": "consumer"},
            "spec": {
                "active": "blue",
                "replicas": asked,
                **{color: {"set": f"consumer-{color}"} if scaled else {} for color in ("blue", "green")},
            },
            "status": {
                "active": "blue",
                "shape": f"{pods}x12 w",
                "conditions": conditions,
                "lastSwitch": last,
                "history": list(history),
            },
        }
    )


class World:
    """A pair whose pods follow the rate at once, as far as `follows`; what was done is in `did`."""

    def __init__(self, *, follows: bool = True) -> None:
        self.did: list[str] = []
        self.follows = follows
        self.pods = 3
        self.asked = 3
        self.namespace = "strategy-c-run"
        self.clock_offset = 0.0
        self.settings = SimpleNamespace(rate=100)
        self.notes = Notes()
        self.producer = SimpleNamespace(set_rate=self.set_rate)
        self.progress = SimpleNamespace(say=lambda _: None)
        self.cluster = SimpleNamespace(switch=lambda _: self.live(), wait_switch=self.wait, get=self.get)

    def live(self) -> LiveSwitch:
        return live(self.pods, self.asked)

    def set_rate(self, rate: int) -> None:
        self.did.append(f"rate {rate}")
        self.asked = {320: 6, 40: 3}.get(rate, self.asked)

    def wait(self, _: str, missing: Callable[[LiveSwitch], str | None], what: str, seconds: float) -> None:
        if missing(self.live()) is not None and self.follows:
            self.pods = self.asked
        if (said := missing(self.live())) is not None:
            raise DeadlineError(what, seconds, said)
        self.did.append(what)

    def get(self, path: str) -> dict[str, Any]:
        self.did.append(f"looked for {path.rpartition('/')[2]}")
        raise ClusterError("gone", 404)

    def spell(self) -> bool:
        return True

    def switch(self) -> Any:
        self.did.append(f"switch at {self.pods}")
        self.notes.switches.append(SWITCH)
        return SWITCH

    def report(self, *_: object) -> None:
        pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(by_hand, "touch", lambda _, what, name, value: made.did.append(f"{what} {name}={value}"))
    return made


def test_three_six_three_and_six_with_a_switch_at_six_and_one_on_the_way(world: World) -> None:
    SCENARIOS["keda"].perform(world, 2)  # type: ignore[arg-type]
    assert world.did == [
        "rate 320",
        "6 pods at work",
        "switch at 6",
        "rate 40",
        "3 pods at work",
        "rate 320",
        "a number on its way",
        "switch at 3",
        "6 pods at work",
        "scaledobjects.keda.sh/consumer-switch autoscaling.keda.sh/paused=true",
        "looked for consumer-switch",
        "rate 100",
    ]
    rows = world.notes.tables["changes"]
    assert [row["pods"] for row in rows] == [6, 6, 3, 6]
    assert world.notes.measured == {"changes_planned": 4, "pods_when_switched": 3}


def test_a_number_that_never_comes_ends_the_changes_and_leaves_nobody_scaling(world: World) -> None:
    world.follows = False
    SCENARIOS["keda"].perform(world, 2)  # type: ignore[arg-type]
    (row,) = world.notes.tables["changes"]
    assert "3 pods at work of 6 asked for" in row["error"]
    assert world.did[-1] == "rate 100"


def test_it_is_judged_by_what_no_partition_may_wait_for_and_by_no_rate() -> None:
    measured = {"changes_planned": 4, "changes_made": 4, "unowned_seconds_max": 0.3, "pods_least": 3, "pods_most": 6}
    good = replace(GOOD, measured=measured, produced_rate=3.0)
    assert passed(keda.judge(good))
    for name, wrong in {"unowned_seconds_max": 0.6, "pods_most": 5, "changes_made": 3}.items():
        found = {c.name for c in keda.judge(replace(good, measured={**measured, name: wrong})) if not c.passed}
        assert found == {name}


def test_its_configuration_is_one_of_strategy_c() -> None:
    given = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in SCENARIOS["keda"].configured("c").items()
    }
    settings = strategy_settings({"strategy": "c", **given}, "strategy-c-run")
    assert settings.scaling is not None
    assert settings.replicas == settings.scaling.min


# -- a run beside a scaler -------------------------------------------------------------------------------------------


def test_what_a_scaler_writes_is_nobody_elses_change() -> None:
    before = {KEY: Mark("u", 4, {"pulumi": "T1"}), ("StatefulSet", "consumer-blue"): Mark("v", 2, {"pulumi": "T1"})}
    scaled = {key: replace(mark, generation=9) for key, mark in before.items()}
    with_scaler = writers_of(strategy_settings({"strategy": "c", "scaler": SCALER}, "strategy-c"), None)
    without = writers_of(strategy_settings({"strategy": "c"}, "strategy-c"), None)
    assert foreign(before, scaled, {}, with_scaler) == []
    assert len(foreign(before, scaled, {}, without)) == 2
    patched = {**before, KEY: Mark("u", 5, {"pulumi": "T1", "kubectl-patch": "T2"})}
    assert "kubectl-patch" in foreign(before, patched, {}, with_scaler)[0]


def test_that_the_run_writes_meanwhile_excuses_nobody_beside_a_scaler() -> None:
    before = {KEY: Mark("u", 4, {"pulumi-kubernetes-1f0c": "T1"})}
    with_scaler = writers_of(strategy_settings({"strategy": "c", "scaler": SCALER}, "strategy-c"), None)
    switched = {"pulumi-kubernetes-1f0c": "T2"}
    assert foreign(before, {KEY: Mark("u", 9, switched)}, {KEY: 1}, with_scaler) == []
    (said,) = foreign(before, {KEY: Mark("u", 9, {**switched, "kubectl-patch": "T3"})}, {KEY: 1}, with_scaler)
    assert said == "KafkaConsumerSwitch consumer was written by field manager 'kubectl-patch' at T3"


COMMANDED = 1795860000.0  # 2026-11-28T10:00:00Z


def entry(generation: int, source: str, target: str, outcome: str = "Switched", second: int = 1) -> dict[str, Any]:
    started = f"2026-11-28T10:00:{second:02}Z" if second >= 0 else "2026-11-28T09:59:59Z"
    told = {"from": source, "to": target, "epoch": 6, "outcome": outcome, "generation": generation}
    return {**told, "reason": "", "startedAt": started}


BEFORE = [entry(3, "green", "blue", second=-1)]


def of_it(*history: dict[str, Any], last: dict[str, Any] | None = None) -> LastSwitch | None:
    """What is taken for the switch to green that was commanded when the object's generation was 4."""
    found = live(6, 6, 9, last or (history or BEFORE[:1])[0], history=[*history, *BEFORE])
    return of_this_command(found, "blue", "green", before=4, generation=9, earliest=COMMANDED)


def test_the_one_switch_since_the_command_is_its_own_whatever_a_scaler_wrote() -> None:
    found = of_it(entry(7, "blue", "green"))
    assert found is not None
    assert found.generation == 7
    assert of_it() is None  # the controller took no note of it
    under_way = of_it(last=entry(7, "blue", "green", ""))
    assert under_way is not None
    assert under_way.outcome == ""


def test_a_number_that_a_scaler_wrote_while_it_waited_makes_no_second_switch() -> None:
    """The controller ends the generation before as superseded, and goes on with the same switch."""
    found = of_it(entry(7, "blue", "green", second=3), entry(5, "blue", "green", "Superseded"))
    assert found is not None
    assert found.generation == 7


@pytest.mark.parametrize(
    "history",
    [
        # there and back by somebody else, and there again
        [entry(8, "blue", "green", second=9), entry(7, "green", "blue", second=5), entry(6, "blue", "green")],
        [entry(7, "green", "blue")],
        [entry(7, "blue", "green", second=5), entry(6, "blue", "green", "Failed")],
        [entry(7, "blue", "green", second=-1)],
    ],
)
def test_what_else_was_switched_since_the_command_is_somebody_elses(history: list[dict[str, Any]]) -> None:
    with pytest.raises(ForeignChangeError, match=r"KafkaConsumerSwitch consumer: .*generation [678]"):
        of_it(*history)


def test_a_number_that_a_scaler_has_left_behind_excuses_no_newer_generation() -> None:
    with pytest.raises(ForeignChangeError, match="generation 8 -> 9"):
        of_this_command(live(6, 6, 9, scaled=False), "blue", "green", before=4, generation=8, earliest=None)
