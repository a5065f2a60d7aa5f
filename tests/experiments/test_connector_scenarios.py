"""The scenarios about connectors: what is done in which order, with everybody else replaced, and what is made of it."""

import json
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import by_hand, connector_lab, zombies
from experiments.cluster import ClusterError
from experiments.connect import RUNNING, STOPPED, State
from experiments.errors import DeadlineError, ExperimentError
from experiments.guard import ForeignChangeError
from experiments.lab import Notes
from experiments.measurements import SwitchRecord, other
from experiments.positions import Group
from experiments.scenarios import e_crash, e_pause_or_stop, e_pause_survives, e_reconcile, e_zombie, zombie
from tests.support.connectors import parts
from tests.support.noted import Freezer, NotedLab, switched_by_hand
from tests.support.record_logs import log
from tests.support.samples import FAILED

KUBELET, WORKER = 10, 30


class Connectors:
    """Two connectors, as `Connect` has them. undo: what an operator makes of a state that was asked for by REST."""

    def __init__(self, did: list[str], by_resource: bool) -> None:
        self.did = did
        self.by_resource = by_resource
        self.control = "resource" if by_resource else "REST"
        self.states = {"blue": RUNNING, "green": STOPPED}
        self.undo: Callable[[str], None] = lambda _: None

    def name(self, color: str) -> str:
        return f"strategy-e-{color}"

    def resource(self, color: str) -> str:
        return f"kafkaconnectors.kafka.strimzi.io/{self.name(color)}"

    def workers(self, color: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=f"{color}-connect-{n}") for n in range(2)]

    def state(self, color: str) -> State:
        state = self.states[color]
        return State(state, {} if state == STOPPED else {0: state})

    def ask(self, color: str, state: str, *, by_resource: bool) -> float:
        self.did.append(f"{color} {state} by {'resource' if by_resource else 'REST'}")
        self.states[color] = state
        return 0.01

    def wait(self, color: str, state: str, seconds: float) -> float:
        assert self.state(color).is_all(state), f"{color} is not {state}"
        return 0.0

    def wait_until(self, color: str, fits: Callable[[State], bool], what: str, seconds: float) -> float:
        self.undo(color)
        if not fits(self.state(color)):
            raise DeadlineError(what, seconds, self.state(color).told())
        return 0.0

    def alter_offsets(self, color: str, topic: str, offsets: Mapping[int, int]) -> int:
        self.did.append(f"alter {topic} {dict(offsets)}")
        return 200 if self.states[color] == STOPPED else 400


class World(NotedLab):
    """A lab with two connectors on two workers each."""

    def __init__(self, by_resource: bool = True) -> None:
        super().__init__(parts("strimzi" if by_resource else "rest"), 2, rate=100, topic="t")
        self.connect = Connectors(self.did, by_resource)
        self.handled = 100
        self.committed = iter(range(10, 1000, 10))
        self.cluster.wait = lambda _path, _query, _missing, what, _seconds: self.did.append(f"wait for {what}")
        self.cluster.pods = lambda *_: []
        self.lag = SimpleNamespace(
            handled=lambda _: self.handled,
            groups=lambda: {color: Group({0: next(self.committed)}, (0,), 2) for color in ("blue", "green")},
            positions=lambda _: {0: 55},
            end_offsets=lambda: {0: 40},
            wait_reached=self.wait_reached,
        )
        self.disturbance.processes = SimpleNamespace(
            send=lambda pod, what, number: self.did.append(f"{signal.Signals(number).name} {pod} {what.command}"),
            one=lambda pod, _what: WORKER,
            kubelet_of=lambda _: KUBELET,
        )

    def wait_reached(self, ends: Mapping[int, int], _seconds: float, color: str) -> float:
        self.did.append(f"{color} reaches {ends}")
        return 1.5

    def note(self, record: SwitchRecord) -> None:
        if record.switched:
            self.connect.states = {self.active: STOPPED, other(self.active): RUNNING}
        super().note(record)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return arranged(World(), monkeypatch)


def arranged(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(connector_lab, "connect_of", lambda _: made.connect)
    monkeypatch.setattr(connector_lab, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(connector_lab, "wait_handling", lambda *_: 0.25)
    monkeypatch.setattr(by_hand, "scale", lambda _, what, n: made.did.append(f"{n} {what.rpartition('/')[2]}"))
    monkeypatch.setattr(by_hand, "touch", lambda _, what, *_more: made.did.append(f"touch {what.rpartition('/')[2]}"))
    switched_by_hand(monkeypatch)
    monkeypatch.setattr(e_pause_survives, "_WATCHED_SECONDS", 0.01)
    monkeypatch.setattr(e_pause_survives, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(e_reconcile, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(e_reconcile, "_WATCHED_SECONDS", 0.05)
    monkeypatch.setattr(e_zombie, "_WATCHED_SECONDS", 0.0)
    return made


AWAY = ["0 agent-blue", "wait for agent-blue-0 to be gone"]
BACK = ["1 agent-blue", "pods {'blue': 2}", "steady"]


# The agent


def test_an_agent_is_back_and_its_connector_runs_whatever_was_done(world: World) -> None:
    lab: Any = world
    connect: Any = world.connect
    with connector_lab.agent_away(lab, connect, "blue"):
        world.connect.states["blue"] = STOPPED
    assert world.did == [*AWAY, "blue RUNNING by resource", *BACK]
    assert world.own == [{}, {("StatefulSet", "agent-blue"): 2, ("KafkaConnector", "strategy-e-blue"): 1}]


def test_an_agent_is_back_when_something_goes_wrong(world: World) -> None:
    lab: Any = world
    connect: Any = world.connect
    with pytest.raises(KeyError), connector_lab.agent_away(lab, connect, "blue"):
        raise KeyError
    assert world.did == [*AWAY, "1 agent-blue"]


def test_a_change_by_somebody_else_meanwhile_is_found(world: World) -> None:
    def check(own: Any = None) -> None:
        if own:
            raise ForeignChangeError(["StatefulSet agent-blue"])

    world.guard.check = check
    lab: Any = world
    connect: Any = world.connect
    with pytest.raises(ForeignChangeError), connector_lab.agent_away(lab, connect, "blue"):
        pass


# A pause that survives


def test_every_worker_of_either_colour_is_restarted(world: World) -> None:
    lab: Any = world
    e_pause_survives.perform(lab, 1)
    assert world.did == [
        "spell",
        "delete green-connect-0",
        "delete green-connect-1",
        "pods {'green': 2}: kafka-connect",
        *AWAY,
        "blue PAUSED by resource",
        "delete blue-connect-0",
        "delete blue-connect-1",
        "pods {'blue': 2}: kafka-connect",
        "blue RUNNING by resource",
        *BACK,
        "spell",
        "switch from blue",
        "spell",
    ]
    stopped, paused = world.notes.tables["pauses"]
    assert (stopped["state"], stopped["survived"], paused["state"], paused["survived"]) == (
        "STOPPED",
        True,
        "PAUSED",
        True,
    )
    measured = world.notes.measured
    assert (measured["pauses_tried"], measured["pauses_survived"], measured["stops_survived"]) == (1, 1, 1)
    assert measured["pause_handled_meanwhile"] == 0


def test_a_pause_that_is_forgotten_is_seen(world: World) -> None:
    def deleted(_namespace: str, pod: str) -> None:
        world.connect.states["green"] = RUNNING
        world.handled += 7

    world.cluster.delete_pod = deleted
    lab: Any = world
    connect: Any = world.connect
    row = e_pause_survives._restarted(lab, connect, "green", STOPPED)
    assert (row["survived"], row["handled"], row["other_states"]) == (False, 14, ["RUNNING (tasks 0 RUNNING)"])


# PAUSED or STOPPED


def test_both_ways_are_gone_there_and_back(world: World) -> None:
    lab: Any = world
    e_pause_or_stop.perform(lab, 1)
    assert [what for what in world.did if what.startswith(("blue", "alter"))] == [
        "blue PAUSED by resource",
        "alter t {0: 10}",
        "blue RUNNING by resource",
        "blue STOPPED by resource",
        "alter t {0: 30}",
        "blue RUNNING by resource",
    ]
    assert [(row["way"], row["alter_status"], row["group_members"]) for row in world.notes.tables["ways"]] == [
        ("PAUSED", 400, 2),
        ("STOPPED", 200, 2),
    ]
    measured = world.notes.measured
    assert (measured["pause_alter_status"], measured["stop_alter_status"]) == ("400", "200")
    assert measured["stop_handling_seconds_worst"] == pytest.approx(0.25, abs=0.1)
    assert world.did[-2:] == ["switch from blue", "spell"]


# Reconciles


def test_a_pause_by_rest_is_taken_back_by_the_operator(world: World) -> None:
    world.connect.undo = lambda color: world.connect.states.update({color: RUNNING})
    lab: Any = world
    e_reconcile.perform(lab, 1)
    assert [what for what in world.did if "strategy-e-blue" in what or what.startswith("blue")] == [
        "blue PAUSED by REST",  # the timer's turn, before an event has others follow it
        "blue PAUSED by REST",
        "touch strategy-e-blue",
    ]
    measured = world.notes.measured
    assert (measured["rest_pauses_reverted_by_the_event"], measured["rest_pauses_reverted_by_the_timer"]) == (1, 1)
    assert measured["switches_undone_by_a_reconcile"] == 0
    assert measured["reconciles_watched"] is None  # nobody counts them here


def test_where_there_is_nobody_to_take_it_back_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = arranged(World(by_resource=False), monkeypatch)
    lab: Any = world
    e_reconcile.perform(lab, 1)
    assert [what for what in world.did if what.startswith("blue")] == ["blue PAUSED by REST", "blue RUNNING by REST"]
    measured = world.notes.measured
    assert (measured["rest_pauses_left_to_the_timer"], measured["rest_pauses_reverted_by_the_timer"]) == (1, 0)
    assert measured["rest_pauses_left_to_the_event"] == 0


def test_a_status_that_is_not_there_is_no_reconcile(world: World) -> None:
    world.connect.undo = lambda color: world.connect.states.update({color: "ABSENT"})
    lab: Any = world
    connect: Any = world.connect
    assert e_reconcile._paused_by_rest(lab, connect, "blue", "timer")["reverted"] is False


def test_reconciles_are_watched_until_five_were_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e_reconcile, "_WATCHED_SECONDS", 30.0)
    counts = iter(range(7, 100))
    scrape = 'strimzi_reconciliations_periodical_total{{kind="KafkaConnect"}} {}\n'
    world.cluster.pods = lambda *_: [SimpleNamespace(name="connect-operator-x")]
    world.cluster.through_pod = lambda *_: scrape.format(next(counts)).encode()
    lab: Any = world
    connect: Any = world.connect
    row = e_reconcile._watched(lab, connect, "blue")
    assert (row["reconciles"], row["undone"]) == (5, [])
    world.connect.states["green"] = RUNNING
    assert e_reconcile._watched(lab, connect, "blue")["undone"] == ["strategy-e-green RUNNING (tasks 0 RUNNING)"]


def test_an_operator_that_does_not_answer_counts_nothing(world: World) -> None:
    def refused(*_: object) -> bytes:
        raise ClusterError("no", 503)

    world.cluster.pods = lambda *_: [SimpleNamespace(name="connect-operator-x")]
    world.cluster.through_pod = refused
    lab: Any = world
    connect: Any = world.connect
    assert e_reconcile._watched(lab, connect, "blue")["reconciles"] is None


# A crash


def test_a_worker_is_killed_late_between_two_commits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    lab: Any = world
    e_crash.perform(lab, 2)
    assert world.did[:8] == [
        "spell",
        "SIGKILL blue-connect-0 org.apache.kafka.connect.cli.ConnectDistributed",
        "blue reaches {0: 41}",
        "pods {'blue': 2, 'green': 2}",
        "steady",
        "spell",
        "switch from blue",
        "spell",
    ]
    assert slept == [pytest.approx(0.8)] * 2
    first, second = world.notes.tables["crashes"]
    # Committed up to 50 when it was looked at last, and 55 was reached.
    assert (first["in_hand"], first["bound"], first["recovery_seconds"]) == (5, 100, 1.5)
    assert (second["pod"], second["in_hand"]) == ("green-connect-0", 0)


def test_a_colour_that_commits_nothing_has_no_moment_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e_crash, "_COMMIT_DEADLINE_SECONDS", 0.05)
    world.lag.groups = lambda: {"blue": Group({0: 10}, (0,), 2)}
    lab: Any = world
    with pytest.raises(DeadlineError, match="blue to commit"):
        e_crash.perform(lab, 2)
    assert not [what for what in world.did if what.startswith("SIGKILL")]


def test_what_was_repeated_is_counted_in_the_logs(world: World, tmp_path: Path) -> None:
    lab: Any = world
    e_crash.perform(lab, 2)
    at = world.notes.tables["crashes"][0]["at_ns"]
    lines = [{"topic": "t", "partition": 0, "offset": 5, "t": t} for t in (at - 1, at + 1)]
    log(tmp_path / "consumed" / "blue-connect-0.aa.jsonl.zst", map(json.dumps, lines))
    found = e_crash.observe(world.notes, tmp_path)
    assert (found["crashes"], found["crash_repeated_total"], found["crashes_beyond_bound"]) == (2, 1, 0)


# A zombie


@pytest.fixture
def frozen(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    Freezer(world, {KUBELET: "kubelet", WORKER: "worker"}, WORKER, monkeypatch)
    return world


CUT_OFF = [
    "freeze kubelet",
    "scale {0} 1",
    "{0}-connect-1 is going",
    "freeze worker",
    "delete {0}-connect-1, by force",
    "{1} from {0}",
    "thaw worker",
    "thaw kubelet",
    "scale {0} 2",
    "pods {{'{0}': 2}}",
]


def test_a_worker_is_given_up_and_goes_on(frozen: World) -> None:
    lab: Any = frozen
    e_zombie.perform(lab, 2)
    by_up, by_patch = ([step.format(*names) for step in CUT_OFF] for names in (("blue", "switch"), ("green", "patch")))
    assert frozen.did == ["spell", *by_up, "spell", *by_patch, "level", "spell"]
    assert [record.commanded for record in frozen.notes.switches] == ["up", "patch"]
    assert [one["pod"] for one in frozen.notes.tables["zombies"]] == ["blue-connect-1", "green-connect-1"]


def test_workers_are_whole_again_when_something_goes_wrong(frozen: World) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ExperimentError("no")

    frozen.cluster.delete_pod = refused
    lab: Any = frozen
    with pytest.raises(ExperimentError):
        e_zombie.perform(lab, 2)
    assert frozen.did[-3:] == ["thaw worker", "thaw kubelet", "scale blue 2"]


def test_a_switch_that_failed_makes_no_zombie(frozen: World) -> None:
    frozen.record = FAILED
    lab: Any = frozen
    e_zombie.perform(lab, 2)
    assert "zombies" not in frozen.notes.tables
    assert frozen.did[-2:] == ["scale blue 2", "pods {'blue': 2}"]


def test_what_a_zombie_writes_is_counted_until_it_is_ended(frozen: World, tmp_path: Path) -> None:
    lab: Any = frozen
    e_zombie.perform(lab, 1)
    (made,) = frozen.notes.tables["zombies"]
    made["watched_until_ns"] = made["thawed_ns"] + 10
    times = [made["thawed_ns"] + later for later in (-1, 1, 10, 11)]
    lines = [{"offset": n, "t": t, "epoch": 7} for n, t in enumerate(times)]
    log(tmp_path / "consumed" / "blue-connect-1.aa.jsonl.zst", map(json.dumps, lines))
    log(tmp_path / "consumed" / "blue-connect-11.bb.jsonl.zst", map(json.dumps, lines))
    found = e_zombie.observe(frozen.notes, tmp_path)
    assert (found["zombies_made"], found["zombie_written_worst"]) == (1, 2)
    assert frozen.notes.tables["zombies"][0]["epochs_written_under"] == [7]


# What is shown of them


def test_the_figures_that_a_measurement_stands_for_are_measured(tmp_path: Path) -> None:
    measured: dict[Any, Mapping[str, object]] = {
        e_pause_survives: e_pause_survives.measurements([]),
        e_pause_or_stop: e_pause_or_stop.measurements([]),
        e_reconcile: e_reconcile.measurements([], []),
        e_crash: e_crash.observe(Notes(), tmp_path),
        e_zombie: e_zombie.observe(Notes(), tmp_path),
        zombie: zombies.measurements([]),
    }
    for module, found in measured.items():
        assert module.SCENARIO.shows
        assert set(module.SCENARIO.shows) <= set(found), module.SCENARIO.name
