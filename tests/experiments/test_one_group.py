"""Strategy A: what a switch by one group costs, what is done for it, and what it may be told as."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import plain_group
from experiments.criteria import passed
from experiments.errors import ExperimentError
from experiments.one_group import Cost, cost, duplicates, unhandled
from experiments.records import PRODUCED, write_compressed
from experiments.scenarios import one_group as scenario
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_ownership import SECOND, acked
from tests.support.noted import NotedLab


def record(partition: int, offset: int, at: float) -> dict[str, Any]:
    return {"partition": partition, "offset": offset, "t": int(at * SECOND)}


def change(event: str, at: float, *partitions: int) -> dict[str, Any]:
    return {"event": event, "partitions": list(partitions), "t": int(at * SECOND)}


def test_both_are_at_work_between_the_new_ones_first_and_the_old_ones_last() -> None:
    """Told at 10: partition 0 moves at 12 with half a second without records, partition 1 at 15."""
    old = [record(0, 0, 11.0), record(1, 0, 11.0), record(0, 1, 12.0), record(1, 1, 15.0), change("REVOKED", 12, 0)]
    new = [change("ASSIGNED", 12, 0), change("ASSIGNED", 13), record(0, 2, 12.5), record(0, 3, 16), record(1, 2, 15.25)]
    assert cost(10 * SECOND, 20 * SECOND, old, new, 2) == Cost(
        switch_seconds=5.25, gap_seconds=0.5, both_at_work_seconds=2.5, silent_seconds=4.0, changes=2
    )


def test_a_pause_between_the_two_is_no_overlap() -> None:
    told = cost(10 * SECOND, 20 * SECOND, [record(0, 0, 11)], [record(0, 1, 14)], 1)
    assert told is not None
    assert (told.both_at_work_seconds, told.gap_seconds, told.silent_seconds) == (-3.0, 3.0, 3.0)


def test_a_partition_that_the_new_colour_never_had_is_no_switch() -> None:
    assert cost(0, 20 * SECOND, [record(0, 0, 1)], [record(0, 1, 2)], 2) is None
    assert cost(0, 2 * SECOND, [record(0, 0, 1)], [record(0, 1, 2)], 1) is None


def test_what_was_handled_twice_and_what_by_nobody() -> None:
    lines = [record(0, 0, 1), record(0, 0, 2), record(0, 2, 3), change("LEFT", 4)]
    assert duplicates(lines) == 1
    # The last one is behind what was handled: it was still to come.
    assert unhandled([acked(0, n, n) for n in range(5)], lines) == 1


class Member:
    """Of a made-up group."""

    def __init__(self, world: "World", pod: str) -> None:
        self.world, self.pod = world, pod
        self.lines: list[dict[str, Any]] = [change("READY", 0)]

    @property
    def owned(self) -> frozenset[int]:
        return plain_group.owned(self.lines)

    def has_said(self, event: str) -> bool:
        return any(line.get("event") == event for line in self.lines)

    def tell(self, word: str) -> None:
        self.world.did.append(f"{self.pod}: {word}")
        self.world.told(self, word)


class World(NotedLab):
    def __init__(self) -> None:
        super().__init__(
            PARTS, replicas=1, partitions=2, topic="t", own=lambda name: {"group_protocol": "classic"}[name]
        )
        self.inside: list[Member] = []
        self.gives = True

    def begin(self, command: Sequence[str], pod: str) -> Member:
        assert command[-4:-2] == ["t", "t-plain"]
        assert command[-1] == "classic"
        return Member(self, pod)

    def told(self, member: Member, word: str) -> None:
        now = time.time()
        if word == "join":
            self.inside.append(member)
        else:
            self.inside.remove(member)
            member.lines.append(change("LEFT", now))
        if self.gives:
            self._share(now)

    def _share(self, now: float) -> None:
        for number in (0, 1):
            owner = self.inside[number % len(self.inside)]
            for member in self.inside:
                if number in member.owned and member is not owner:
                    member.lines.append(change("REVOKED", now, number))
            if number not in owner.owned:
                owner.lines.append(change("ASSIGNED", now, number))

    def wait(self, missing: Any, what: str, seconds: float) -> None:
        for _ in range(2):
            for member in self.inside:
                member.lines += [record(p, len(member.lines), time.time()) for p in sorted(member.owned)]
            if missing() is None:
                return
        raise TimeoutError(f"{what}, {seconds}: {missing()}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    @contextmanager
    def group() -> Iterator[World]:
        try:
            yield made
        finally:
            made.did.append("ended")

    monkeypatch.setattr(scenario, "plain_group", group)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return made


def test_the_new_ones_join_before_the_old_ones_leave(world: World) -> None:
    lab: Any = world
    scenario.perform(lab, 2)
    assert world.did == [
        "spell",
        "consumer-blue-0: join",
        *("consumer-green-0: join", "consumer-blue-0: leave"),
        *("consumer-blue-0: join", "consumer-green-0: leave"),
        "ended",
        "spell",
    ]
    table = world.notes.tables["one_group"]
    assert [row["to"] for row in table] == ["green", "blue"]
    assert all(row["switch_seconds"] is not None for row in table)


def test_a_group_that_gives_nothing_is_no_switch(world: World) -> None:
    world.gives = False
    lab: Any = world
    with pytest.raises(TimeoutError, match="2 partitions to have one plain owner each"):
        scenario.perform(lab, 1)
    assert world.did[-1] == "ended"


def test_its_figures_and_its_lines_are_kept(world: World, tmp_path: Path) -> None:
    lab: Any = world
    scenario.perform(lab, 2)
    (tmp_path / PRODUCED).mkdir()
    text = "".join(f"{json.dumps(acked(0, n, n))}\n" for n in range(3))
    write_compressed(tmp_path / PRODUCED / "p.jsonl.zst", text.encode())
    measured = scenario.observe(world.notes, tmp_path)
    assert measured["one_group_switches"] == 2
    assert measured["one_group_records"] != 0
    assert "plain_lines" not in world.notes.tables
    assert (tmp_path / "plain" / "members.jsonl.zst").exists()


def test_a_run_without_its_switches_is_told_so() -> None:
    good = {"one_group_switches": 2, "one_group_records": 500, "one_group_unhandled": 0}
    assert passed(scenario.judge(replace(GOOD, measured=good)))
    for name, value in (
        ("one_group_switches", 1),
        ("one_group_switches", None),
        ("one_group_records", 0),
        ("one_group_unhandled", 1),
        ("one_group_unhandled", None),
    ):
        missed = [one.name for one in scenario.judge(replace(GOOD, measured=good | {name: value})) if not one.passed]
        assert missed == [name]


CLIENT = '''
"""Stands for confluent_kafka: a group that gives everything to whoever subscribes."""
from types import SimpleNamespace as Of
class Consumer:
    def __init__(self, configuration):
        assert configuration["bootstrap.servers"] == "broker:1", configuration
        assert configuration["partition.assignment.strategy"] == "cooperative-sticky"
        self.left = 3
    def list_topics(self, topic, timeout):
        assert topic == "t"
    def subscribe(self, topics, on_assign, on_revoke, on_lost):
        self.revoked = on_revoke
        on_assign(self, [Of(partition=1), Of(partition=0)])
    def poll(self, timeout):
        self.left -= 1
        if self.left >= 0:
            return Of(error=lambda: None, partition=lambda: 0, offset=lambda: 2 - self.left)
    def close(self):
        self.revoked(self, [Of(partition=1), Of(partition=0)])
'''


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What begins the members' own program, with a client of ours."""
    (tmp_path / "confluent_kafka.py").write_text(CLIENT)
    (tmp_path / "settings.yaml").write_text("bootstrap_servers: broker:1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = Path(plain_group.__file__).parent / "in_pod" / "plain_consumer.py"
    return [sys.executable, "-u", str(file), str(tmp_path / "settings.yaml"), "t", "g", "c", "classic"]


def test_a_plain_member_joins_and_leaves_when_it_is_told_to(program: list[str]) -> None:
    with plain_group.plain_group() as group:
        member = group.begin(program, "pod-0")
        group.wait(lambda: None if member.has_said("READY") else "not ready", "it to be ready", 30)
        assert not member.owned
        member.tell("join")
        group.wait(lambda: None if len(member.lines) >= 5 else "few lines", "its records", 30)
        assert member.owned == {0, 1}
        assert [line["offset"] for line in member.lines if "offset" in line] == [0, 1, 2]
        member.tell("leave")
        group.wait(lambda: None if member.has_said("LEFT") else "not left", "it to leave", 30)
        assert not member.owned
    assert member.ended


def test_a_member_that_ends_without_having_left_is_named(program: list[str]) -> None:
    with plain_group.plain_group() as group:
        group.begin([*program[:-1], "no-protocol"], "pod-7")
        with pytest.raises(ExperimentError, match="ended without having left: pod-7"):
            group.wait(lambda: "never", "nothing", 30)


def test_its_program_is_begun_in_the_pod_with_the_pods_own_settings() -> None:
    told = plain_group.command("n", "consumer-blue-0", "consumer", ["t", "g", "c", "classic"])
    assert told[:8] == ["kubectl", "exec", "-i", "-n", "n", "consumer-blue-0", "-c", "consumer"]
    assert told[-5].endswith("settings.yaml")
    assert SimpleNamespace(ok=compile(told[-6], "program", "exec")).ok
