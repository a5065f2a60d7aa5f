"""A run's switch is the one that its own command made, and nobody else's."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import strategy_settings
from components.strategies.consumers import PARTS
from experiments.clocks import Clocks
from experiments.cluster import Cluster
from experiments.errors import DeadlineError, PreconditionError
from experiments.guard import ForeignChangeError, Guard, writers_of
from experiments.lab import Lab
from experiments.progress import Progress
from experiments.stacks import Update
from tests.experiments.test_cluster import listed, pod
from tests.experiments.test_guard import managed
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi

NAMESPACE = "strategy-c"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
SWITCH = f"/apis/kafka-bluegreen.io/v1alpha1/namespaces/{NAMESPACE}/kafkaconsumerswitches/consumer"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/consumer-switch"
COMMANDED = 1_764_000_000.0


class World:
    """The live objects, and a stack whose `up` changes them as a test says."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.generation = 4
        self.active = "blue"
        self.last: dict[str, Any] | None = None
        self.history: list[dict[str, Any]] = []
        self.set_generation = 1
        self.spec: dict[str, Any] = {}
        self.members: list[dict[str, Any]] = []
        self.up: Any = self.switched
        self.configuration = SimpleNamespace(set=lambda **_: None)
        self.name = NAMESPACE
        api.answers["GET", f"{APPS}/statefulsets"] = lambda _: (
            200,
            {"items": [managed("consumer-blue", self.set_generation, ("kubectl-scale", "T5", ""))]},
        )
        api.answers["GET", f"{APPS}/deployments"] = (200, {"items": []})
        api.answers["GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps"] = (200, {"items": []})
        api.answers["GET", LEASE] = (200, {"metadata": {"name": "consumer-switch", "uid": "l"}})
        api.answers["GET", SWITCH] = lambda _: (200, self.object())

    def wait_switching(self) -> None:
        """An update here writes the switch at once."""

    def object(self) -> dict[str, Any]:
        status = {"active": self.active, "history": self.history, **({"lastSwitch": self.last} if self.last else {})}
        raw = managed("consumer", self.generation, ("pulumi-kubernetes", "T9", ""))
        return {**raw, "spec": {"active": self.active, **self.spec}, "status": {**status, "members": self.members}}

    def change(self, target: str, started: str = "2025-11-24T16:00:01Z") -> None:
        source, self.active, self.generation = self.active, target, self.generation + 1
        self.last = {
            "from": source,
            "to": target,
            "epoch": 8,
            "outcome": "Switched",
            "generation": self.generation,
            "startedAt": started,
            "activeAt": started,
        }
        self.history.insert(0, self.last)

    def switched(self) -> Update:
        self.change("green" if self.active == "blue" else "blue")
        return Update(COMMANDED, 2.0, None)


@pytest.fixture
def world(api: FakeApi) -> World:
    return World(api)


@pytest.fixture
def lab(world: World, cluster: Cluster) -> Lab:
    guard = Guard(cluster, NAMESPACE)
    guard.begin()
    fake: Any = world
    none: Any = None
    made = Lab(
        cluster=cluster,
        stack=fake,
        settings=strategy_settings({"strategy": "c"}, NAMESPACE),
        parts=PARTS,
        producer=none,
        lag=none,
        progress=Progress(),
        guard=guard,
        spell_seconds=0.0,
    )
    made.clocks = Clocks(offset=0.0, error=0.01, between_nodes=0.0, nodes=1)
    return made


def test_the_switch_of_the_runs_own_command_is_noted(lab: Lab) -> None:
    record = lab.switch()
    assert (record.source, record.target, record.outcome) == ("blue", "green", "Switched")
    assert record.last is not None
    assert record.last.generation == 5
    assert lab.active == "green"
    assert lab.switch(rollback=True).direction == "green-blue"
    assert len(lab.notes.rollbacks) == 1


def test_a_switch_back_by_hand_is_not_taken_for_the_runs_own(lab: Lab, world: World) -> None:
    """What passed with -3.27 s: a `pulumi up` by hand switched back, and the run's own command had nothing to do."""
    lab.switch()
    world.change("blue")
    world.up = lambda: Update(COMMANDED, 0.5, None)
    with pytest.raises(
        ForeignChangeError, match=r"generation 5 -> 6 \(last written by field manager 'pulumi-kubernetes'"
    ):
        lab.switch(rollback=True)
    assert lab.notes.rollbacks == []


def test_a_change_by_hand_within_the_runs_own_update_is_found(lab: Lab, world: World) -> None:
    def both() -> Update:
        world.switched()
        return world.switched()

    world.up = both
    with pytest.raises(ForeignChangeError, match="generation 4 -> 6, of which this run made 1"):
        lab.switch()


def test_a_switch_there_and_back_beside_a_scaler_is_found(lab: Lab, world: World, cluster: Cluster) -> None:
    """Who writes generations as it likes leaves none to count."""
    settings = strategy_settings({"strategy": "c", "scaler": '{"min": 3, "max": 6}'}, NAMESPACE)
    lab.guard = Guard(cluster, NAMESPACE, writers=writers_of(settings, None))
    lab.guard.begin()
    world.spec = {color: {"set": f"consumer-{color}"} for color in ("blue", "green")}

    def scaled_and_switched() -> Update:
        world.generation += 3
        return world.switched()

    world.up = scaled_and_switched
    record = lab.switch()
    assert (record.outcome, record.direction) == ("Switched", "blue-green")

    def there_and_back() -> Update:
        world.switched()
        world.switched()
        return world.switched()

    world.up = there_and_back
    with pytest.raises(
        ForeignChangeError, match=r"switched besides the run's own command: generation 9, .* generation 10, .*"
    ):
        lab.switch()


def test_a_switch_that_began_before_its_command_is_somebody_elses(lab: Lab, world: World) -> None:
    def early() -> Update:
        world.change("green", started="2025-11-24T15:59:56Z")
        return Update(COMMANDED, 2.0, None)

    world.up = early
    with pytest.raises(ForeignChangeError, match=r"began 3\.990 s before"):
        lab.switch()


def test_clocks_that_are_known_to_differ_are_allowed_for(lab: Lab, world: World) -> None:
    def early() -> Update:
        world.change("green", started="2025-11-24T15:59:56Z")
        return Update(COMMANDED, 2.0, None)

    world.up = early
    lab.clocks = Clocks(offset=-4.5, error=0.1, between_nodes=0.0, nodes=1)
    record = lab.switch()
    assert record.switch_seconds is not None
    assert record.switch_seconds < 0  # which the run's criteria refuse


def test_a_set_that_was_scaled_by_hand_ends_the_run(lab: Lab, world: World) -> None:
    world.set_generation = 2
    with pytest.raises(ForeignChangeError, match=r"StatefulSet consumer-blue: generation 1 -> 2 .*'kubectl-scale'"):
        lab.switch()


def test_an_update_that_wrote_nothing_made_no_switch(lab: Lab, world: World) -> None:
    world.up = lambda: Update(COMMANDED, 2.0, "the program failed")
    record = lab.switch()
    assert (record.outcome, record.switched) == ("NotSeen", False)


def pods(*names: str, app: str) -> list[dict[str, Any]]:
    raws = [pod(name) for name in names]
    for raw in raws:
        raw["metadata"]["labels"]["app.kubernetes.io/name"] = app
    return raws


WHOLE = [
    *pods("blue-connect-0", "blue-connect-1", app="kafka-connect"),
    *pods("agent-blue-0", app="agent"),
    *pods("recorder-blue-0", "recorder-green-0", app="recorder"),
]


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (WHOLE, None),
        (WHOLE[1:], "blue-connect 1 of 2 ready, 1 there"),
        ([*WHOLE[:2], *WHOLE[3:]], "agent-blue 0 of 1 ready, 0 there"),
        ([*WHOLE, *pods("green-connect-0", app="kafka-connect")], "green-connect 1 of 0 ready, 1 there"),
        # Another program's pod whose name happens to begin like that.
        ([*WHOLE, *pods("green-connect-0", app="other")], None),
        (WHOLE[:3], "recorder-blue 0 of 1 ready, 0 there; recorder-green 0 of 1 ready, 0 there"),
    ],
)
def test_everything_that_belongs_to_a_colour_is_waited_for(
    lab: Lab, api: FakeApi, monkeypatch: pytest.MonkeyPatch, there: list[dict[str, Any]], missing: str | None
) -> None:
    monkeypatch.setattr("experiments.lab._PODS_SECONDS", 60 if missing is None else 0.05)
    lab.parts = parts()
    api.answers["GET", f"/api/v1/namespaces/{NAMESPACE}/pods"] = (200, listed(*there))
    api.events.put(None)
    if missing is None:
        lab.wait_pods({"blue": 2, "green": 0})
    else:
        with pytest.raises(DeadlineError, match=missing):
            lab.wait_pods({"blue": 2, "green": 0})


def test_only_the_pods_at_work_are_waited_for_where_that_is_asked(lab: Lab, api: FakeApi) -> None:
    lab.parts = parts()
    api.answers["GET", f"/api/v1/namespaces/{NAMESPACE}/pods"] = (200, listed(*WHOLE[:2]))
    lab.wait_pods({"blue": 2}, [lab.parts.at_work])


def test_the_pods_that_both_colours_share_are_nobodys_to_take_away(lab: Lab) -> None:
    lab.parts = parts(connect="shared")
    with pytest.raises(PreconditionError, match="both colours have the pods of shared"):
        lab.scale_down_and_back()


def test_what_a_run_scales_by_hand_is_what_says_the_number(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr("experiments.lab.by_hand.scale", lambda *what: told.append(what))
    lab.resize("green", 2)
    lab.parts = parts()
    lab.resize("green", 2)
    assert told == [
        (NAMESPACE, "statefulsets.apps/consumer-green", 2),
        (NAMESPACE, "kafkaconnects.kafka.strimzi.io/green", 2),
    ]
    assert lab.sized("green") == ("KafkaConnect", "green")


def test_a_switch_can_be_disturbed_while_it_runs(lab: Lab, world: World, tmp_path: Path) -> None:
    done: list[str] = []
    record = lab.switch(during=lambda disturbance: done.append(type(disturbance).__name__))
    assert done == ["Disturbance"]
    assert record.switched


@pytest.mark.parametrize(
    ("standby", "owned", "missing"),
    [
        ("Assigned", {"blue": [0, 1, 2], "green": [0, 2]}, "partitions [1] are nobody's"),
        ("Assigned", {"blue": [0], "green": [0, 1, 2]}, None),
        ("Outside", {"blue": [0, 1, 2], "green": []}, None),
    ],
)
def test_a_colour_that_waits_in_its_own_group_is_to_own_all_of_it(
    lab: Lab, world: World, standby: str, owned: dict[str, list[int]], missing: str | None
) -> None:
    world.spec = {"standby": standby, "partitions": 3}
    world.members = [{"color": color, "partitions": [p]} for color, partitions in owned.items() for p in partitions]
    world.api.answers["GET", SWITCH.rpartition("/")[0]] = lambda _: (200, listed(world.object()))
    if missing is None:
        lab.wait_assigned("green")
        return
    with pytest.raises(DeadlineError, match=re.escape(missing)):
        lab.wait_assigned("green", 0.2)


def test_a_colour_without_pods_is_not_waited_for(lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It owns nothing, and nobody asks for it."""
    lab.settings = strategy_settings({"strategy": "b", "green": '{"replicas": 0}'}, "strategy-b")
    lab.active = "blue"
    waited: list[str] = []
    monkeypatch.setattr(lab, "wait_pods", lambda *_: None)
    monkeypatch.setattr(lab, "wait_steady", lambda: lab.cluster.switch(NAMESPACE))
    monkeypatch.setattr(lab, "wait_assigned", waited.append)
    lag: Any = SimpleNamespace(wait_caught_up=lambda *_: 0.0, owners=lambda: {"blue"})
    lab.lag = lag
    lab.preconditions()
    assert waited == []
    lab.settings = strategy_settings({"strategy": "b"}, "strategy-b")
    lab.preconditions()
    assert waited == ["green"]
