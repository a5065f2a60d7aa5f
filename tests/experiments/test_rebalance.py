"""A restart in the middle of a switch: in which phase, of whom, and what it is judged by."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.disturbance import PHASES
from experiments.lab import Notes
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, EVENTS, write_compressed
from experiments.scenarios import rebalance
from experiments.scenarios.rebalance import judge
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_pauses import event
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, LAST, SWITCH

ROLLED_BACK = replace(SWITCH, last=replace(LAST, outcome="RolledBack", reason="ResumeTimeout"), error="blue is active")


class World(NotedLab):
    """back: how a switch ends that is held on its way back; any other as `record`."""

    def __init__(
        self, record: SwitchRecord = SWITCH, back: SwitchRecord = ROLLED_BACK, own: dict[str, str] | None = None
    ) -> None:
        own = own or {"membership": "leave-join", "group_protocol": "classic"}
        super().__init__(PARTS, own=lambda name: own.get(name, ""))
        self.record, self._forward, self._back = record, record, back
        self.policies: list[object] = []
        self.standby = "Outside"
        self.cluster.switch = lambda _: SimpleNamespace(
            groups={"blue": "g", "green": "g"}, raw={"spec": {"standby": self.standby}}
        )
        self.disturbance.held = self._held
        self.disturbance.wait_phase = lambda phase: self.did.append(f"it is {phase}")
        self.disturbance.wait_holder = lambda color, _: self.did.append(f"{color} holds it again")

    @contextlib.contextmanager
    def _held(self, phase: str, source: str, target: str) -> Iterator[None]:
        self.did.append(f"{source} to {target} is held in {phase}")
        self.record = self._back if phase == "RollingBack" else self._forward
        yield
        self.did.append("it goes on")

    def switch(self, *, during: Any = None, **changes: object) -> SwitchRecord:
        self.policies.append(changes.pop("lagPolicy"))
        assert not changes
        return super().switch(during=during)

    def stay(self) -> Update:
        self.did.append("stay")
        return Update(0.0, 1.0, None)


@pytest.fixture(autouse=True)
def _slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def behind(lab: Any, records: int) -> Iterator[Any]:
        lab.did.append(f"slow, more than {records}")
        yield lambda: lab.did.append("quick")

    monkeypatch.setattr(rebalance, "behind", behind)


def performed(world: World, switches: int = 8) -> World:
    lab: Any = world
    rebalance.perform(lab, switches)
    return world


def test_each_phase_and_each_side_in_turn() -> None:
    world = performed(World())
    done = [what for what in world.did if what.startswith(("delete", "blue", "green", "slow", "quick", "it "))]
    waiting = ["slow, more than 500", "it is WaitingForLag", "delete consumer-blue-1", "it is WaitingForLag", "quick"]
    assert done == [
        *waiting,
        *waiting,
        *("blue to green is held in Pausing", "delete consumer-blue-1", "it goes on"),
        *("green to blue is held in Pausing", "delete consumer-blue-1", "it goes on"),
        *("blue to green is held in Resuming", "delete consumer-blue-1", "it goes on"),
        *("green to blue is held in Resuming", "delete consumer-blue-1", "it goes on"),
        *("blue to green is held in RollingBack", "delete consumer-blue-1", "it goes on", "blue holds it again"),
        *("blue to green is held in RollingBack", "delete consumer-green-1", "it goes on", "blue holds it again"),
    ]
    # It waits for the lag only where that is what it is held in: beyond it, a frozen consumer never catches up.
    assert world.policies == ["wait"] * 2 + ["immediate"] * 6
    assert world.did.count("stay") == 2
    rows = world.notes.tables["restarts_in_a_switch"]
    assert [(row["phase"], row["side"]) for row in rows] == [
        (phase, side) for phase in PHASES for side in ("old", "new")
    ]
    assert not any(row["wrong"] for row in rows)


def test_what_is_slow_is_quick_again_once_the_pods_next_process_is_there() -> None:
    did = performed(World(), 1).did
    assert did[did.index("delete consumer-blue-1") :][:5] == [
        *("delete consumer-blue-1", "consumer-blue-1 is going", "pods {'blue': 3, 'green': 3}"),
        *("it is WaitingForLag", "quick"),
    ]


def test_a_switch_that_is_taken_back_counts_and_its_configuration_follows() -> None:
    world = World(replace(FAILED, error="blue is active, not green"))
    lab: Any = world
    rebalance.in_turn(lab, 4, [("Pausing", "old"), ("Resuming", "new")], rebalance._restart)
    assert world.did.count("stay") == 4


def test_a_way_back_that_was_none_ends_the_run() -> None:
    world = performed(World(back=SWITCH))
    assert len(world.notes.switches) == 7
    assert world.notes.tables["restarts_in_a_switch"][-1]["wrong"].startswith("the switch ended as Switched")


def test_a_wait_that_ended_otherwise_ends_the_run() -> None:
    world = performed(World(FAILED))
    assert len(world.notes.switches) == 1
    assert world.notes.tables["restarts_in_a_switch"][-1]["wrong"].startswith("the switch ended as")


def test_a_switch_without_an_outcome_ends_the_run() -> None:
    world = World(replace(SWITCH, last=None, error="timed out"))
    lab: Any = world
    rebalance.perform(lab, 4)
    assert len(world.notes.switches) == 1
    assert world.notes.tables["restarts_in_a_switch"][0]["wrong"] == "the switch ended as NotSeen: timed out"


COMMON = {"switches_with_a_restart": 4, "switch_wrong": None, "handled_while_resting": 0}
LEAVE_JOIN = COMMON | {"static": 0, "turns_expecting_a_departure": 2, "turns_with_the_departure": 2}
TAKEOVER = COMMON | {"static": 1, "turns_expecting_a_departure": 0, "left_by_the_pods": 0, "rebalances_in_turns": 0}
B_848 = LEAVE_JOIN | {"waiting_members_own_partitions": 1, "revoked_while_resting": 6}


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        (LEAVE_JOIN, [("turns_with_the_departure", 1), ("turns_expecting_a_departure", 0)]),
        (TAKEOVER, [("left_by_the_pods", 1), ("rebalances_in_turns", 1), ("rebalances_in_turns", None)]),
        (B_848, [("turns_with_the_departure", 1), ("revoked_while_resting", 0), ("revoked_while_resting", None)]),
    ],
    ids=["leave-join", "takeover", "a group each by KIP-848"],
)
def test_what_the_restarts_did_to_the_group(good: dict[str, Any], wrong: list[tuple[str, Any]]) -> None:
    seen = replace(GOOD, switches_asked=4, measured=good)
    assert passed(judge(seen))
    for name, value in wrong:
        assert not passed(judge(replace(seen, measured=good | {name: value}))), name


def test_static_members_of_kip_848_rebalance_by_the_switch_itself() -> None:
    told = TAKEOVER | {"own_rebalances": 1, "rebalances_in_turns": 12}
    assert passed(judge(replace(GOOD, switches_asked=4, measured=told)))


def test_runs_before_are_judged_as_they_were() -> None:
    good = COMMON | {"switches_with_a_rebalance": 4}
    seen = replace(GOOD, switches_asked=4, measured=good)
    assert passed(judge(seen))
    for name, value in (
        ("switches_with_a_restart", 3),
        ("switches_with_a_rebalance", 3),
        ("handled_while_resting", 1),
        ("handled_while_resting", None),
    ):
        assert not passed(judge(replace(seen, measured=good | {name: value}))), name
    assert not passed(judge(replace(seen, anomalies={**seen.anomalies, "dual_active": 1})))


ID = "64f4e95c-d8d4-4da7-b93b-db37aa511ca1"


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def kept(folder: Path, begun: float, brokers: list[str], controller: list[tuple[float, str, int]]) -> None:
    """The logs that a run keeps; each line with the seconds after a moment."""
    lines = [
        f"{stamp(begun + float(at))} [..] INFO {text}\n" for at, _, text in (one.partition(" ") for one in brokers)
    ]
    write_compressed(folder / "kafka.log.zst", "".join(lines).encode())
    told = [
        f"{stamp(begun + at)} {json.dumps({'time': stamp(begun + at), 'message': said, 'epoch': epoch})}\n"
        for at, said, epoch in controller
    ]
    write_compressed(folder / "controller.log.zst", "".join(told).encode())


def left(pod: str) -> str:
    return f"[Group g] Member {pod}-{ID} has left group through explicit `LeaveGroup` request"


ROW = {
    "phase": "Pausing",
    "side": "old",
    "pod": "blue-1",
    "group": "g",
    "wrong": "",
    "outcome": "Switched",
    "begun": 1000.0,
    "disturbed_at": 1001.0,
    "ended": 1009.0,
    "stays_a_member": 0,
    "departure_expected": 1,
    "names": ["blue-1", "g-1", "g-blue-1"],
}
GRANT = [(3.0, "Lease released", 7), (4.0, "Lease acquired", 8)]
MEMBER = "Member umQtKchaSzu45yigPOgqyg"


@pytest.mark.parametrize(
    ("said", "changes", "found"),
    [
        # The switch's own two: what the criterion counted, and nobody was restarted in the group.
        ([f"3.5 {left('blue-1')}", f"3.6 {left('blue-0')}"], {}, 0),
        ([f"2.0 {left('blue-1')}"], {}, 1),
        ([f"5.0 {left('blue-1')}"], {}, 1),
        ([f"5.0 {left('blue-0')}"], {}, 0),
        ([f"0.5 {left('blue-1')}"], {}, 0),  # before it was restarted
        ([f"3.5 {left('blue-1')}"], {"stays_a_member": 1}, 1),
        ([f"5.0 Member g-1-{ID} in group g has failed, removing it from the group."], {}, 1),
        ([f"5.0 [GroupId g] {MEMBER} left the consumer group."], {"names": None}, 1),
        ([f"3.5 [GroupId g] {MEMBER} left the consumer group."], {"names": None}, 0),
    ],
)
def test_what_the_restart_did_is_told_from_what_the_switch_does(
    tmp_path: Path, said: list[str], changes: dict[str, Any], found: int
) -> None:
    kept(tmp_path, 1000.0, said, GRANT)
    notes = Notes(tables={"restarts_in_a_switch": [ROW | changes]})
    measured = rebalance.observe(notes, tmp_path / "logs")
    assert (measured["left_by_the_pods"], measured["turns_with_the_departure"]) == (found, found)


def test_rebalances_are_told_by_where_the_grant_was(tmp_path: Path) -> None:
    text = "Preparing to rebalance group g in state Stable (reason: x)"
    kept(tmp_path, 1000.0, [f"{at} {text}" for at in (2, 3.2, 3.4, 5, 6, 7)], GRANT)
    notes = Notes(tables={"restarts_in_a_switch": [dict(ROW)]})
    rebalance.observe(notes, tmp_path / "logs")
    (row,) = notes.tables["restarts_in_a_switch"]
    assert [row[f"rebalances_{when}"] for when in ("before", "withdrawn", "after")] == [1, 2, 3]


def test_a_member_that_rested_through_a_rebalance_is_another_one(tmp_path: Path) -> None:
    kept(tmp_path, 1000.0, [], GRANT)
    for pod in ("blue-1", "blue-2"):
        (tmp_path / "logs" / EVENTS).mkdir(parents=True, exist_ok=True)
        lines = [event(f"{pod}.a", "PAUSED", 5)[1], event(f"{pod}.a", "REVOKED", 1012 * 10**9)[1]]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_compressed(tmp_path / "logs" / EVENTS / f"{pod}.a.jsonl.zst", text.encode())
    measured = rebalance.observe(Notes(tables={"restarts_in_a_switch": [dict(ROW)]}), tmp_path / "logs")
    assert measured["revoked_while_resting"] == 1


@pytest.mark.parametrize(
    ("own", "standby", "expected"),
    [
        ({"membership": "leave-join", "group_protocol": "classic"}, "Outside", [1, 0, 0, 0, 0, 1, 0, 0]),
        ({"membership": "leave-join", "group_protocol": "consumer"}, "Outside", [1, 0, 0, 0, 0, 1, 0, 0]),
        ({"membership": "takeover", "group_protocol": "classic"}, "Outside", [0] * 8),
        ({"group_protocol": "classic"}, "Assigned", [0] * 8),  # each with a place of its own
        ({"group_protocol": "consumer"}, "Assigned", [1] * 8),
    ],
)
def test_in_which_turns_a_restart_rebalances_the_group(own: dict[str, str], standby: str, expected: list[int]) -> None:
    world = World(own=own)
    world.standby = standby
    rows = performed(world).notes.tables["restarts_in_a_switch"]
    assert [row["departure_expected"] for row in rows] == expected
    assert all(row["disturbed_at"] is not None for row in rows)


def test_what_members_did_is_read_from_the_logs(tmp_path: Path) -> None:
    world = World()
    lab: Any = world
    rebalance.perform(lab, 4)
    row = world.notes.tables["restarts_in_a_switch"][0]
    row["ended"] = row["begun"] + 1
    kept(tmp_path, row["begun"], ["0.5 Preparing to rebalance group g in state Stable (reason: Adding new member)"], [])
    for kind, lines in (
        (EVENTS, [event("blue-0.a", "PAUSED", 5)[1], event("blue-0.a", "ASSIGNED", 30)[1]]),
        (CONSUMED, [{"t": 31, "offset": 7}, {"end": 1}]),
    ):
        (tmp_path / "logs" / kind).mkdir(parents=True)
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_compressed(tmp_path / "logs" / kind / "blue-0.a.jsonl.zst", text.encode())
    measured = rebalance.observe(world.notes, tmp_path / "logs")
    assert measured["handled_while_resting"] == measured["assigned_while_resting"] == 1
    assert measured["switches_with_a_rebalance"] == 1
    assert world.notes.tables["assignments"][0]["handled_after"] == 1
