"""The consumer's loop without a broker: a client that follows a script, and the loop turned by hand."""

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from tests.support.waiting import until
from workloads.common.labels import unsealed
from workloads.common.records import CONSUMED, EVENTS, EventLog, RecordLog
from workloads.common.reload import Reloader
from workloads.consumer import carrier, group, keeper, loop
from workloads.consumer.client import Ended, Listener
from workloads.consumer.loop import ConsumerLoop
from workloads.consumer.settings import ConsumerSettings
from workloads.handling import processing
from workloads.handling.carry import Commit, Found
from workloads.handling.processing import Pulse, Worker
from workloads.member.control import Answer, Command, Control, Truth, judge
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import Lifecycle, Pause, Resume, start

POD = "consumer-blue-0"


class Clock:
    """The clock of the loop and its parts, in the place of the machine's, until the test ends: a poll takes all of its
    wait, and nothing else takes any time but what a test lets pass.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        for module in (carrier, group, keeper, loop, processing):
            patch.setattr(module, "time", self)
        patch.setattr(ScriptedClient, "wait", staticmethod(self.passes))

    def passes(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return time.time_ns()


class Record:
    """What the loop and its worker ask a message for."""

    def __init__(self, partition: int, offset: int, error: KafkaError | None = None) -> None:
        self._partition = partition
        self._offset = offset
        self._error = error

    def value(self) -> bytes:
        return b'{"producer":"p","seq":%d,"payload":""}' % (self._partition * 1000 + self._offset)

    def error(self) -> KafkaError | None:
        return self._error

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset


def records(partition: int, first: int, last: int) -> list[Record]:
    """The records of a partition from offset `first` to `last`."""
    return [Record(partition, offset) for offset in range(first, last + 1)]


Happening = Sequence[Record] | Callable[[], Sequence[Record] | None]


class ScriptedClient:
    """See `GroupClient`. Each poll is the next happening of the script: records, or something to do within the poll.

    answers: whether commits are acknowledged at the next poll. polls, commits: what was asked of it.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener: Listener | None = listener
        self.late = False
        self.owned: tuple[int, ...] = ()
        self.flowing = False
        self.warm = False
        self.connected = True
        self.spent = False
        self.member_id = self.chosen_id = ""
        self.answers = True
        self.script: deque[Happening] = deque()
        self.commits: list[dict[int, int]] = []
        self.metadata: list[str] = []
        self.started: list[dict[int, int]] = []
        self.refuses_fence: KafkaError | None = None
        self.did: list[str] = []
        self._open: list[tuple[dict[int, int], Ended | None]] = []
        self._leaving = False

    @property
    def committing(self) -> bool:
        return bool(self._open)

    @property
    def left(self) -> bool:
        return not self.owned

    @property
    def detached(self) -> bool:
        return self.listener is None

    def warm_up(self) -> bool:
        self.did.append("warm_up")
        self.warm = True
        return True

    def join(self) -> None:
        self.did.append("join")
        self.member_id = self.chosen_id

    def leave(self) -> None:
        self.did.append("leave")
        self._leaving = True

    def halt(self) -> None:
        self.did.append("halt")
        self.flowing = False

    def rewind(self) -> None:
        self.did.append("rewind")
        self.flowing = True

    def start(self, offsets: Mapping[int, int]) -> None:
        self.did.append("start")
        self.started.append(dict(offsets))
        self.flowing = True

    def fence(self, numbers: Sequence[int], seconds: float) -> None:
        self.did.append(f"fence {','.join(str(number) for number in numbers)}")
        if self.refuses_fence is not None:
            raise KafkaException(self.refuses_fence)

    def detach(self) -> None:
        self.listener = None

    def close(self) -> None:
        self.did.append("close")

    def commit(self, offsets: Mapping[int, int], metadata: str, ended: Ended | None = None) -> None:
        self.did.append(f"commit {unsealed(metadata)}")
        self.commits.append(dict(offsets))
        self.metadata.append(unsealed(metadata))
        self._open.append((dict(offsets), ended))

    def wait(self, seconds: float) -> None:
        """What a poll does while nothing comes; see `Clock`."""

    def poll(self, seconds: float, most: int) -> Sequence[Message]:
        self.did.append("poll")
        self.wait(seconds)
        if self._leaving:
            self._leaving = False
            self.take()
        if self.answers:
            self.answer()
        happening = self.script.popleft() if self.script else []
        got = happening() if callable(happening) else happening
        return cast("Sequence[Message]", got or [])

    # --- what happens in the group

    def give(self, *partitions: int, generation: int = 1) -> None:
        """A classic (eager) assignment."""
        assert self.listener is not None
        self.owned = partitions
        self.member_id = f"member-{generation}"
        self.flowing = self.listener.wants_flow()
        self.listener.assigned(partitions, partitions, generation)

    def take(self) -> None:
        """A classic (eager) revocation: of everything."""
        if self.listener is not None:
            self.listener.revoked(self.owned)
        self.owned = ()

    def again(self, *partitions: int, generation: int = 2) -> None:
        """A classic rebalance: everything is taken, and these are given."""
        self.take()
        self.give(*partitions, generation=generation)

    def lose(self, reason: str = "lost", *, fenced: bool = False) -> None:
        """The membership is gone."""
        self.owned = ()
        if self.listener is not None:
            self.listener.lost(reason, fenced=fenced)

    def answer(self, error: KafkaError | None = None) -> None:
        """The broker answers the commits that are open."""
        while self._open:
            self.answer_one(error)

    def answer_one(self, error: KafkaError | None = None) -> None:
        """It answers the oldest of them."""
        offsets, ended = self._open.pop(0)
        if self.listener is not None:
            (ended or self.listener.commit_ended)(error, {} if error else offsets, 0.001)


class ScriptedOffsets:
    """See `Offsets`, which it is: what stands in both groups, as a test sets it.

    own, other, bounds: by partition. slow: what is asked now is never answered. unstable: so many looks find a
    transaction that is not finished. notes: the fence register, by number. asked: the partitions of each question.
    """

    def __init__(self) -> None:
        self.own: dict[int, Commit] = {}
        self.other: dict[int, Commit] = {}
        self.bounds: dict[int, tuple[int, int]] = {}
        self.slow = False
        self.unstable = 0
        self.fails: KafkaError | None = None
        self.notes: dict[int, int] = {}
        self.asked: list[tuple[int, ...]] = []

    def ask(self, partitions: Sequence[int], seconds: float) -> "_Answered":
        self.asked.append(tuple(partitions))
        return _Answered(self, partitions)

    def register(self, numbers: Sequence[int], epoch: int, seconds: float) -> "_Answered":
        self.notes.update(dict.fromkeys(numbers, epoch))
        return _Answered(self, ())

    def registered(self, seconds: float) -> Mapping[int, int]:
        return self.notes


class _Answered:
    def __init__(self, offsets: ScriptedOffsets, partitions: Sequence[int]) -> None:
        self._offsets, self._partitions = offsets, partitions
        self._slow = offsets.slow

    def done(self) -> bool:
        told = self._offsets
        told.unstable -= told.unstable > 0
        return not self._slow and not told.unstable

    def answer(self, seconds: float) -> Any:
        told = self._offsets
        if told.fails is not None:
            raise KafkaException(told.fails)
        if self._partitions and (self._slow or told.unstable):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return {p: Found(told.own.get(p), told.other.get(p), *told.bounds.get(p, (0, 1000))) for p in self._partitions}


class Bench:
    """A loop on a scratch folder with scripted clients; `clients` are all that it made, the last is the present one."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        usual = {"bootstrap_servers": "k", "topic": "t", "group_id": "g", "color": "blue", "strategy": "x"}
        self.folder = folder
        self.settings = ConsumerSettings.model_validate(
            usual | {"pod_name": POD, "records_dir": folder, "faults_enabled": True, "stall_seconds": 60} | settings
        )
        self.faults = FaultInjection(self.settings.faults, enabled=True)
        self.control = Control(start(self.settings.membership, self.settings.group_protocol).lifecycle)
        self.worker = Worker(
            RecordLog(folder, CONSUMED, POD, "b"),
            color="blue",
            pod=POD,
            version="7",
            topic="t",
            faults=self.faults,
            pulse=Pulse(self.settings.stall_seconds),
            inbox=self.control.inbox,
            slow_seconds=1.0,
        )
        self.clients: list[ScriptedClient] = []
        self.offsets = ScriptedOffsets()
        self.loop = ConsumerLoop(
            settings=self.settings,
            worker=self.worker,
            events=EventLog(folder, "blue", POD, "b", version="7"),
            faults=self.faults,
            control=self.control,
            reloader=Reloader(folder / "none.yaml", lambda: self.settings),
            make_client=self._client,
            make_offsets=lambda _: self.offsets,
        )
        self.loop.begin()

    def _client(self, _: ConsumerSettings, listener: Listener) -> ScriptedClient:
        self.clients.append(ScriptedClient(listener))
        return self.clients[-1]

    @property
    def client(self) -> ScriptedClient:
        """The present one."""
        return self.clients[-1]

    @property
    def truth(self) -> Truth:
        return self.control.truth

    @property
    def lifecycle(self) -> Lifecycle:
        return self.control.truth.lifecycle

    def turn(self, *happenings: Happening) -> None:
        """One turn for each happening, which its poll brings; one turn when there is none."""
        self.client.script.extend(happenings)
        for _ in range(max(1, len(happenings))):
            self.loop.turn()

    def until(self, what: str, check: Callable[[], Any]) -> None:
        """Turn until this is so."""

        def turned() -> Any:
            self.loop.turn()
            return check()

        until(what, turned)

    def command(self, event: Pause | Resume) -> Command:
        """Submit a command, and turn once."""
        command = self.control.submit(event)
        self.turn()
        return command

    def answer(self, command: Command) -> Answer | None:
        return judge(command, self.truth)

    def active(self, epoch: int, *partitions: int) -> "Bench":
        """Resume, and be given these."""
        command = self.command(Resume(epoch))
        self.turn(lambda: self.client.give(*partitions))
        assert self.answer(command) is Answer.DONE
        return self

    def lines(self) -> list[tuple[int, int]]:
        """(partition, offset) of every handled record, in order."""
        return [(line["partition"], line["offset"]) for line in self._read(CONSUMED) if "end" not in line]

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """All lifecycle events, or those of one name."""
        return [event for event in self._read(EVENTS) if name in {None, event["event"]}]

    def _read(self, kind: str) -> list[dict[str, Any]]:
        file = self.folder / kind / f"{POD}.b.jsonl"
        return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []
