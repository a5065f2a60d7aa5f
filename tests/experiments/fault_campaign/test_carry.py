"""A planned switch is commanded, and hit in its phase; what comes of it is noted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import by_hand
from experiments.by_hand import ByHandError
from experiments.disturbance import PHASES
from experiments.errors import DeadlineError
from experiments.fault_campaign import carry as room
from experiments.fault_campaign import injection
from experiments.fault_campaign.carry import carry
from experiments.fault_campaign.kinds import HELD, Phase
from experiments.fault_campaign.plan import Commanded, Injection, Step
from experiments.fault_campaign.scene import Scene
from experiments.stacks import Update
from tests.support import connectors


class World:
    """What is done to a pair, in order."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.holding = dict.fromkeys(PHASES, PARTS.members)
        self.generation = 4
        self.refuses = 0
        self.error: str | None = None
        self.reached = True
        configuration = SimpleNamespace(set=lambda **keys: self.did.append(f"configured {keys}"))
        lab: Any = SimpleNamespace(
            namespace="ns",
            parts=PARTS,
            settings=SimpleNamespace(partitions=6),
            stack=SimpleNamespace(configuration=configuration, up=self.up),
            disturbance=SimpleNamespace(held=self.held, holding=lambda phase: self.holding[phase]),
            cluster=SimpleNamespace(switch=lambda _: self.live(), wait_switch=self.wait),
        )
        self.scene = Scene(lab, "kafka:9092", "blue", "green")
        self.witness: Any = SimpleNamespace(note=lambda _: None, phase=lambda: "Pausing")

    def live(self) -> Any:
        return SimpleNamespace(
            generation=self.generation, raw={"spec": {"attempt": 6}}, describe=lambda: f"generation {self.generation}"
        )

    def up(self) -> Update:
        self.generation += 1
        self.did.append("up")
        return Update(1.0, 7.5, self.error)

    def ask(self, _namespace: str, **spec: object) -> None:
        if self.refuses:
            self.refuses -= 1
            raise ByHandError("kubectl patch: connection refused")
        self.generation += 1
        self.did.append(f"asked for {spec}")

    def wait(self, _: str, missing: Callable[[Any], str | None], what: str, seconds: float) -> Any:
        if (said := missing(self.live())) is not None:
            raise DeadlineError(what, seconds, said)
        return self.live()

    @contextmanager
    def held(self, phase: str, source: str, target: str, begin: Callable[[], None]) -> Iterator[None]:
        begin()
        if not self.reached:
            raise DeadlineError(f"phase {phase}", 60, "phase Ready")
        self.did.append(f"{phase} begins, {source} to {target}")
        yield
        self.did.append(f"{phase} ends")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    @contextmanager
    def fault(*_: object) -> Iterator[str]:
        made.did.append("fault")
        yield "consumer-blue-0"
        made.did.append("fault over")

    monkeypatch.setattr(injection, "INJECT", {"worker-freeze": fault})
    monkeypatch.setattr(by_hand, "ask", made.ask)
    monkeypatch.setattr(room, "_HELD_SECONDS", 0.0)
    monkeypatch.setattr(room, "_RETRY_SECONDS", 0.0)
    return made


def step(phase: Phase, commanded: Commanded = "patch") -> Step:
    return Step(3, phase, commanded, (Injection("worker-freeze", "old", 0, 0.0, 0.0),))


def asked(policy: str) -> str:
    return f"asked for {{'active': 'green', 'attempt': 7, 'lagPolicy': '{policy}'}}"


@pytest.mark.parametrize(
    ("phase", "policy", "said"),
    [
        (Phase.WAITING, "wait", "WaitingForLag"),
        (Phase.PAUSING, "immediate", "Pausing"),
        (Phase.RESUMING, "immediate", "Resuming"),
        (Phase.ROLLING_BACK, "immediate", "RollingBack"),
    ],
)
def test_a_phase_is_held_until_its_faults_are_there(world: World, phase: Phase, policy: str, said: str) -> None:
    done = carry(world.scene, step(phase), world.witness)
    assert world.did == [
        asked(policy),
        f"{said} begins, blue to green",
        "fault",
        f"{said} ends",
        "fault over",
    ]
    assert [(hit.hit, hit.phase) for hit in done.hits] == [("consumer-blue-0", "Pausing")]
    assert "consumer-blue-0" in done.held
    assert (done.error, done.notes, done.before) == (None, [], 4)


@pytest.mark.parametrize(
    ("phase", "held"),
    [
        (Phase.WAITING, ("blue-connect-0",)),
        (Phase.PAUSING, ()),
        (Phase.RESUMING, ()),
        (Phase.STEADY, ()),
    ],
)
def test_only_of_who_handles_records_it_counts_that_he_stood_still(
    world: World, phase: Phase, held: tuple[str, ...]
) -> None:
    """An agent that stands still explains no duplicate."""
    own: Any = world.scene.lab
    own.parts = connectors.parts()
    world.holding = dict.fromkeys(PHASES, own.parts.members) | {"WaitingForLag": own.parts.workers}
    assert carry(world.scene, step(phase), world.witness).held == held


def test_a_steady_pair_is_hit_before_it_is_asked(world: World) -> None:
    done = carry(world.scene, step(Phase.STEADY), world.witness)
    assert world.did == ["fault", asked("wait"), "fault over"]
    assert done.held == ()


def test_at_any_moment_is_after_the_command(world: World) -> None:
    carry(world.scene, step(Phase.MOMENT), world.witness)
    assert world.did == [asked("wait"), "fault", "fault over"]


def test_an_update_goes_on_meanwhile_and_is_waited_for(world: World) -> None:
    world.error = "it failed"
    done = carry(world.scene, step(Phase.STEADY, "up"), world.witness)
    configured = "configured {'active': 'green', 'attempt': 7, 'lagPolicy': 'wait'}"
    assert world.did[:2] == ["fault", configured]
    assert sorted(world.did[2:]) == ["fault over", "up"]
    assert (done.error, done.seconds, done.returned) == ("it failed", 7.5, 8.5)


def test_another_shape_is_asked_for_by_the_same_update(world: World) -> None:
    asked_for = replace(step(Phase.STEADY, "up"), replicas=3, partitions=1)
    carry(world.scene, asked_for, world.witness)
    assert world.did[1] == (
        "configured {'active': 'green', 'attempt': 7, 'lagPolicy': 'wait', 'replicas': 3, 'partitions': 7}"
    )


@pytest.mark.parametrize("phase", HELD)
def test_a_phase_that_is_not_reached_is_noted(world: World, phase: Phase) -> None:
    world.reached = False
    done = carry(world.scene, step(phase), world.witness)
    assert "fault" not in world.did
    assert [note.startswith(f"{phase} was not reached: waited 60 s") for note in done.notes] == [True]


def test_an_api_server_that_stands_still_is_asked_again(world: World) -> None:
    world.refuses = 3
    done = carry(world.scene, step(Phase.STEADY), world.witness)
    assert asked("wait") in world.did
    assert done.error is None


def test_one_that_never_answers_is_noted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_COMMAND_SECONDS", 0.0)
    world.refuses = 10**9
    done = carry(world.scene, step(Phase.MOMENT), world.witness)
    assert done.error == "kubectl patch: connection refused"
    assert "the new generation" in done.notes[0]
