"""Offsets from one group to another, by the program that runs in a pod: on a real broker."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from experiments import groups
from experiments.errors import DeadlineError
from tests.support.broker import Broker, libs
from tests.support.waiting import until

PROGRAM = Path(groups.__file__).parent / "in_pod" / "group_offsets.py"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker(libs(), tmp_path_factory.mktemp("broker"))
    started.create_topic("t", 3)
    yield started
    started.kill()


def ask(broker: Broker, folder: Path, what: str, *arguments: str) -> Any:
    settings = folder / "settings.yaml"
    settings.write_text(f"bootstrap_servers: {broker.bootstrap_servers}\nrate: 100\n")
    command = [sys.executable, str(PROGRAM), what, str(settings), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def member(broker: Broker, group: str) -> Consumer:
    made = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": group, "enable.auto.commit": False})
    made.subscribe(["t"])
    while not made.assignment():
        made.poll(0.05)
    return made


@pytest.mark.e2e
def test_offsets_are_copied_to_a_group_without_members(broker: Broker, tmp_path: Path) -> None:
    blue = member(broker, "g-blue")
    wanted = [TopicPartition("t", 0, 41, "epoch=7"), TopicPartition("t", 2, 0, "epoch=7")]
    blue.commit(offsets=wanted, asynchronous=False)
    assert ask(broker, tmp_path, "empty", "g-blue", "0") == {"empty": False, "members": 1}
    blue.close()
    assert ask(broker, tmp_path, "empty", "g-blue", "10") == {"empty": True, "members": 0}
    # A partition without a commit stays without one.
    assert ask(broker, tmp_path, "copy", "g-blue", "g-green", "t", "3") == {"offsets": {"0": 41, "2": 0}}
    green = member(broker, "g-green")
    try:
        found = green.committed([TopicPartition("t", partition) for partition in range(3)], timeout=10)
        assert [where.offset for where in found] == [41, -1001, 0]
        with pytest.raises(RuntimeError, match="UNKNOWN_MEMBER_ID"):
            ask(broker, tmp_path, "copy", "g-blue", "g-green", "t", "3")
    finally:
        green.close()


@pytest.mark.e2e
def test_groups_are_told_with_what_they_have_committed_and_what_their_members_have(broker: Broker) -> None:
    program = PROGRAM.parent / "group_positions.py"
    command = [sys.executable, "-u", str(program), broker.bootstrap_servers, "t", "3", "p-blue", "p-green"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers, questions = process.stdout, process.stdin

        def asked() -> Any:
            questions.write("\n")
            questions.flush()
            return json.loads(answers.readline()).get("groups")  # none while a coordinator is being made

        def told() -> Any:
            return until("an answer", asked)

        nothing = {"committed": {}, "assigned": [], "members": 0}
        assert told() == {"p-blue": nothing, "p-green": nothing}  # groups that there are not
        blue = member(broker, "p-blue")
        blue.commit(offsets=[TopicPartition("t", 0, 41), TopicPartition("t", 2, 0)], asynchronous=False)
        standing = {"committed": {"0": 41, "2": 0}, "assigned": [], "members": 0}
        assert told() == {"p-blue": {**standing, "assigned": [0, 1, 2], "members": 1}, "p-green": nothing}
        blue.close()
        assert told()["p-blue"] == standing
        questions.close()
        assert process.wait(30) == 0


def test_the_program_is_given_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def answer(namespace: str, pod: str, container: str, command: list[str], *, seconds: float) -> bytes:
        assert (namespace, pod, container, seconds > 0) == ("strategy-x", "producer-0", "producer", True)
        asked.append(command[3:])
        return b'{"offsets": {"3": 7}, "empty": false, "members": 2}'

    monkeypatch.setattr(groups, "output_of", answer)
    assert groups.copy_offsets("strategy-x", "g-blue", "g-green", "t", 12) == {3: 7}
    with pytest.raises(DeadlineError, match=r"waited 9 s for consumer group g-green to have no members; .*2 members"):
        groups.wait_empty("strategy-x", "g-green", 9.0)
    settings = "/etc/kafka-bluegreen/settings.yaml"
    assert asked == [["copy", settings, "g-blue", "g-green", "t", "12"], ["empty", settings, "g-green", "9.0"]]
