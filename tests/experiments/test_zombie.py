"""The order of things around a zombie, with everybody else replaced; and what is found of it in its logs."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import freezing, switching
from experiments.errors import CollectionError, PreconditionError
from experiments.freezing import Process
from experiments.lab import Notes
from experiments.measurements import SwitchRecord
from experiments.positions import Progressed
from experiments.progress import Progress
from experiments.scenarios import zombie
from tests.experiments.test_handoff import log
from tests.support.samples import FAILED, SWITCH

POD = "consumer-blue-2"
PROCESS = f"{POD}.abc"
KUBELET, SIDECAR, CONSUMER = 10, 20, 30
NAMES = {KUBELET: "kubelet", SIDECAR: "sidecar", CONSUMER: "consumer"}


class World:
    """A lab of which everything that is done is noted."""

    def __init__(self, folder: Path) -> None:
        self.did: list[str] = []
        self.notes = Notes()
        self.active, self.namespace = "blue", "strategy-x"
        self.settings = SimpleNamespace(replicas=3)
        self.progress = Progress()
        self.records = folder
        self.parts = PARTS
        self.record: SwitchRecord = SWITCH
        self.alive = True
        self.guard = SimpleNamespace(check=lambda own=None: self.did.append(f"check {sorted(own or {})}"))
        self.lag = SimpleNamespace(
            members=lambda: ([Progressed(POD, "blue", {8: 5}, PROCESS)], []),
            end_offsets=lambda: {8: 5},
            wait_reached=lambda ends, _seconds, color: self.did.append(f"{color} reaches {ends}"),
        )
        self.cluster = SimpleNamespace(
            delete_pod=lambda _namespace, pod, force: self.did.append(f"delete {pod}, force {force}"),
        )
        self.disturbance = SimpleNamespace(
            wait_going=lambda pod: self.did.append(f"wait for {pod} to be asked to end"),
            processes=SimpleNamespace(
                one=lambda _pod, what: SIDECAR if what == "sidecar" else {"consumer": CONSUMER}[what.container],
                kubelet_of=lambda pid: {CONSUMER: KUBELET}[pid],
                records=lambda _pid, kind: self.records / kind,
            ),
        )

    def pod(self, color: str, number: int) -> str:
        return f"consumer-{color}-{number}"

    def sized(self, color: str) -> tuple[str, str]:
        return "StatefulSet", f"consumer-{color}"

    def resize(self, color: str, replicas: int) -> None:
        self.did.append(f"scale {color} {replicas}")

    def spell(self) -> None:
        self.did.append("spell")

    def switch(self) -> SwitchRecord:
        self.did.append("up")
        self.note(self.record)
        return self.record

    def note(self, record: SwitchRecord) -> None:
        self.notes.switches.append(record)

    def report(self, *_: object) -> None:
        pass

    def wait_pods(self, replicas: dict[str, int]) -> None:
        self.did.append(f"pods {replicas}")

    def by_patch(self) -> SwitchRecord:
        self.did.append("patch")
        return replace(self.record, commanded="patch")

    @contextlib.contextmanager
    def frozen(self, pids: Sequence[int], seconds: float) -> Iterator[None]:
        assert 0 < seconds < 40
        self.did.append(f"freeze {NAMES[pids[0]]}")
        try:
            yield
        finally:
            self.did.append(f"thaw {NAMES[pids[0]]}")
            if pids[0] == CONSUMER:
                self.goes_on()

    def goes_on(self) -> None:
        """The zombie, thawed."""
        events = self.records / "events"
        events.mkdir(exist_ok=True)
        lines = [{"event": "COMMITTED", "t": 1}, {"event": "PAUSED", "t": 2}, {"event": "FENCED", "t": time.time_ns()}]
        (events / f"{PROCESS}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"torn')


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(freezing, "frozen", made.frozen)
    monkeypatch.setattr(freezing, "identify", lambda pid: Process(pid, 4711))
    monkeypatch.setattr(freezing, "stopped", lambda process: made.alive and process == Process(CONSUMER, 4711))
    monkeypatch.setattr(switching, "by_patch", lambda lab: lab.by_patch())
    monkeypatch.setattr(switching, "level", lambda lab, record: lab.did.append("level") or record)
    return made


BEGIN = [
    "check []",
    "freeze kubelet",
    "scale blue 2",
    "check [('StatefulSet', 'consumer-blue')]",
    "wait for consumer-blue-2 to be asked to end",
    "freeze sidecar",
    "freeze consumer",
    "delete consumer-blue-2, force True",
]
END = [
    "thaw consumer",
    "thaw sidecar",
    "thaw kubelet",
    "scale blue 3",
    "check [('StatefulSet', 'consumer-blue')]",
    "pods {'blue': 3}",
]


def test_the_one_that_the_loop_notices_and_the_one_that_it_does_not(world: World) -> None:
    lab: Any = world
    zombie.perform(lab, 2)
    long, short = world.did[1 : world.did.index("spell", 1)], world.did[world.did.index("spell", 1) + 1 : -1]
    assert long == [*BEGIN, "up", "green reaches {8: 6}", *END]
    assert short == [*BEGIN, "patch", *END, "level"]
    assert [record.commanded for record in world.notes.switches] == ["up", "patch"]
    told = world.notes.tables["zombies"]
    assert [(one["noticeable"], one["stopped_by"], one["pid"]) for one in told] == [
        (True, "FENCED", CONSUMER),
        (False, "FENCED", CONSUMER),
    ]
    assert all(one["frozen_ns"] <= one["thawed_ns"] <= one["stopped_ns"] for one in told)


def test_a_process_that_did_not_live_is_no_zombie_and_the_set_is_whole_again(world: World) -> None:
    world.alive = False
    lab: Any = world
    with pytest.raises(PreconditionError, match="consumer-blue-2 was not there, or not stopped"):
        zombie.perform(lab, 2)
    assert world.did[-3:] == ["thaw sidecar", "thaw kubelet", "scale blue 3"]


def test_a_switch_that_failed_makes_no_zombie(world: World) -> None:
    world.record = FAILED
    lab: Any = world
    zombie.perform(lab, 2)
    assert world.did[-6:] == END
    assert "zombies" not in world.notes.tables


def test_an_interrupt_leaves_everything_going(world: World) -> None:
    def pressed(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    world.cluster.delete_pod = pressed
    lab: Any = world
    with pytest.raises(KeyboardInterrupt):
        zombie.perform(lab, 2)
    assert world.did[-4:] == ["thaw consumer", "thaw sidecar", "thaw kubelet", "scale blue 3"]


def test_a_member_without_partitions_has_nothing_to_do(world: World) -> None:
    world.lag.members = lambda: ([Progressed(POD, "blue", {}, PROCESS)], [])
    lab: Any = world
    with pytest.raises(PreconditionError, match="owns no partition"):
        zombie.perform(lab, 2)
    assert not [what for what in world.did if what.startswith("freeze")]


def test_one_that_nothing_stops_is_said_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zombie, "_WATCHED_SECONDS", 0.1)
    world.goes_on = lambda: None  # type: ignore[method-assign]
    lab: Any = world
    zombie.perform(lab, 2)
    assert [one["stopped_by"] for one in world.notes.tables["zombies"]] == [None, None]


def test_what_it_handled_is_counted_in_its_own_log(world: World, tmp_path: Path) -> None:
    lab: Any = world
    zombie.perform(lab, 2)
    long, short = world.notes.tables["zombies"]
    logs = tmp_path / "logs"
    times = [long["thawed_ns"] - 1, long["thawed_ns"] + 1, short["thawed_ns"] + 1, short["thawed_ns"] + 2]
    lines = [json.dumps({"offset": n, "t": t}) for n, t in enumerate(times)]
    with pytest.raises(CollectionError, match=PROCESS):
        zombie.observe(replace(world.notes, tables=dict(world.notes.tables)), logs)
    log(logs / "consumed" / f"{PROCESS}.jsonl.zst", lines)
    log(logs / "consumed" / "consumer-blue-2.abcd.jsonl.zst", lines)
    told = zombie.observe(world.notes, logs)
    assert told["zombie_short_handled_worst"] == 2
    assert [one["handled_after_thaw"] for one in world.notes.tables["zombies"]] == [3, 2]
