"""The order of things around a zombie, with everybody else replaced; and what is found of it in its logs."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.names import COLORS
from components.strategies.consumers import PARTS
from experiments.errors import CollectionError, PreconditionError
from experiments.positions import Progressed
from experiments.scenarios import zombie
from tests.support.noted import Freezer, NotedLab, switched_by_hand
from tests.support.record_logs import log
from tests.support.samples import FAILED

KUBELET, SIDECAR, CONSUMER = 10, 20, 30
NAMES = {KUBELET: "kubelet", SIDECAR: "sidecar", CONSUMER: "consumer"}


class World(NotedLab):
    """Three consumers for each colour, of which the last one has partition 8. `did` has the guard's looks, too.

    folder: where the consumers' records are.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(PARTS)
        self.freezer = Freezer(self, NAMES, CONSUMER, patch)
        self.freezer.goes_on = self.goes_on
        self.records = folder
        self.guard.check = lambda own=None: self.did.append(f"check {sorted(own or {})}")
        self.lag = SimpleNamespace(
            members=lambda: ([Progressed(self.zombie, self.active, {8: 5}, self.process)], []),
            end_offsets=lambda: {8: 5},
            wait_reached=lambda ends, _seconds, color: self.did.append(f"{color} reaches {ends}"),
        )
        self.disturbance.processes = SimpleNamespace(
            one=lambda _pod, what: SIDECAR if what == "sidecar" else {"consumer": CONSUMER}[what.container],
            kubelet_of=lambda pid: {CONSUMER: KUBELET}[pid],
            records=lambda _pid, kind: self.records / kind,
        )

    @property
    def zombie(self) -> str:
        return self.pod(self.active, 2)

    @property
    def process(self) -> str:
        return f"{self.zombie}.abc"

    def goes_on(self) -> None:
        """The zombie, thawed."""
        events = self.records / "events"
        events.mkdir(exist_ok=True)
        lines = [{"event": "COMMITTED", "t": 1}, {"event": "PAUSED", "t": 2}, {"event": "FENCED", "t": time.time_ns()}]
        text = "".join(f"{json.dumps(line)}\n" for line in lines) + '{"torn'
        for color in COLORS:
            (events / f"{self.pod(color, 2)}.abc.jsonl").write_text(text)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    switched_by_hand(monkeypatch)
    return World(tmp_path, monkeypatch)


def begin(color: str) -> list[str]:
    return [
        "check []",
        "freeze kubelet",
        f"scale {color} 2",
        f"check [('StatefulSet', 'consumer-{color}')]",
        f"consumer-{color}-2 is going",
        "freeze sidecar",
        "freeze consumer",
        f"delete consumer-{color}-2, by force",
    ]


def end(color: str) -> list[str]:
    return [
        "thaw consumer",
        "thaw sidecar",
        "thaw kubelet",
        f"scale {color} 3",
        f"check [('StatefulSet', 'consumer-{color}')]",
        f"pods {{'{color}': 3}}",
    ]


def test_the_one_that_the_loop_notices_and_the_one_that_it_does_not(world: World) -> None:
    lab: Any = world
    zombie.perform(lab, 2)
    long, short = world.did[1 : world.did.index("spell", 1)], world.did[world.did.index("spell", 1) + 1 : -1]
    assert long == [*begin("blue"), "switch from blue", "green reaches {8: 6}", *end("blue")]
    assert short == [*begin("green"), "patch from green", *end("green"), "level"]
    assert [record.commanded for record in world.notes.switches] == ["up", "patch"]
    told = world.notes.tables["zombies"]
    assert [(one["noticeable"], one["stopped_by"], one["pid"]) for one in told] == [
        (True, "FENCED", CONSUMER),
        (False, "FENCED", CONSUMER),
    ]
    assert all(one["frozen_ns"] <= one["thawed_ns"] <= one["stopped_ns"] for one in told)


def test_a_process_that_did_not_live_is_no_zombie_and_the_set_is_whole_again(world: World) -> None:
    world.freezer.alive = False
    lab: Any = world
    with pytest.raises(PreconditionError, match="consumer-blue-2 was not there, or not stopped"):
        zombie.perform(lab, 2)
    assert world.did[-3:] == ["thaw sidecar", "thaw kubelet", "scale blue 3"]


def test_a_switch_that_failed_makes_no_zombie(world: World) -> None:
    world.record = FAILED
    lab: Any = world
    zombie.perform(lab, 2)
    assert world.did[-6:] == end("blue")
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
    world.lag.members = lambda: ([Progressed(world.zombie, "blue", {}, world.process)], [])
    lab: Any = world
    with pytest.raises(PreconditionError, match="owns no partition"):
        zombie.perform(lab, 2)
    assert not [what for what in world.did if what.startswith("freeze")]


def test_one_that_nothing_stops_is_said_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zombie, "_WATCHED_SECONDS", 0.1)
    world.freezer.goes_on = lambda: None
    lab: Any = world
    zombie.perform(lab, 2)
    assert [one["stopped_by"] for one in world.notes.tables["zombies"]] == [None, None]


def test_what_it_handled_is_counted_in_its_own_log(world: World, tmp_path: Path) -> None:
    lab: Any = world
    zombie.perform(lab, 2)
    long, short = world.notes.tables["zombies"]
    logs = tmp_path / "logs"
    with pytest.raises(CollectionError, match=long["process"]):
        zombie.observe(replace(world.notes, tables=dict(world.notes.tables)), logs)
    for made, later in ((long, (-1, 1, 2, 3)), (short, (-1, 0, 1))):
        lines = [json.dumps({"offset": n, "t": made["thawed_ns"] + t}) for n, t in enumerate(later)]
        log(logs / "consumed" / f"{made['process']}.jsonl.zst", lines)
        log(logs / "consumed" / f"{made['pod']}.abcd.jsonl.zst", lines)
    told = zombie.observe(world.notes, logs)
    assert told["zombie_short_handled_worst"] == 2
    assert [one["handled_after_thaw"] for one in world.notes.tables["zombies"]] == [3, 2]
