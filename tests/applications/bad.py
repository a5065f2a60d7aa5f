"""Our consumer with one defect: `python -m tests.applications.bad DEFECT`.

Each defect breaks the contract in one place, as somebody's consumer could; which points it has to fail is in `DEFECTS`.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson

from tests.applications import bad_starts  # noqa: F401 - it registers
from tests.applications.defects import DEFECTS, defect, patch, put
from workloads.common import contract, http
from workloads.common.http import Response
from workloads.common.states import State
from workloads.consumer import __main__ as program
from workloads.consumer import loop as loops
from workloads.consumer.commits import Commits
from workloads.consumer.group import GroupListener
from workloads.consumer.kafka import KafkaClient
from workloads.handling import member
from workloads.handling.processing import Pulse, Worker
from workloads.member import api, lifecycle
from workloads.member.api import LifecycleApi
from workloads.member.control import Control
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import Lifecycle, Pause, Resume, Stalled, Step

__all__ = ["DEFECTS"]

#: The points for which it has to come to work, and say under which epoch.
_WHERE_IT_WORKS = (
    "broker.away",
    "broker.back",
    "broker.slow",
    "end.kill",
    "end.term",
    "epochs.bad",
    "epochs.equal",
    "epochs.stale",
    "fence",
    "freeze.resume",
    "freeze.thaw",
    "join.voided",
    "metrics",
    "pause.continues",
    "pause.drains",
    "pause.late",
    "pause.leaves",
    "pause.paused",
    "progress",
    "progress.markers",
    "ready.truth",
    "rebalance",
    "records.first",
    "records.form",
    "records.full",
    "records.poison",
    "resume.aborted",
    "resume.newer",
    "resume.repeated",
    "resume.too-old",
    "resume.works",
    "silence",
    "start.paused",
    "status.member",
)


def status_says(**wrong: Callable[[Any], Any]) -> None:
    """Have the status say something else of these fields."""

    def make(original: Any) -> Any:
        def body(self: LifecycleApi, truth: Any) -> dict[str, object]:
            said: dict[str, object] = original(self, truth)
            return said | {name: change(said.get(name)) for name, change in wrong.items()}

        return body

    patch(LifecycleApi, "_body", make)


def lines_are(changed: Callable[[bytes], bytes]) -> None:
    """Have the lines of records written like this."""

    def make(original: Any) -> Any:
        def write(fd: int, line: bytes) -> int:
            if b'"producer"' not in line:
                return int(original(fd, line))
            original(fd, changed(line))
            return len(line)

        return write

    patch(os, "write", make)


# --- its start and its status


@defect(
    "it is never ready",
    "start.ready",
    follows=_WHERE_IT_WORKS,
    why="each waits for it to be ready before it gives a command",
)
def never_ready() -> None:
    put(loops.ConsumerLoop, "ready", property(lambda _: False))


@defect(
    "it works without being told to",
    "start.paused",
    "end.kill",
    follows=("join.voided",),
    why="what was sent before the resume is handled before it is given",
)
def starts_by_itself() -> None:
    def make(original: Any) -> Any:
        def begin(self: Any) -> None:
            original(self)
            self._driver.control.submit(Resume(0))

        return begin

    patch(loops.ConsumerLoop, "begin", make)


@defect(
    "its status gives the epoch as text",
    "status.shape",
    follows=_WHERE_IT_WORKS,
    why="each compares the epoch in an answer, which is a status, with the one that it gave",
)
def epoch_as_text() -> None:
    status_says(epoch=str)


@defect("it speaks another version of the contract", "status.contract")
def other_contract() -> None:
    put(contract, "VERSION", 2)


@defect("its lifecycle API can be reached from everywhere", "status.loopback")
def open_to_all() -> None:
    os.environ["BG_LIFECYCLE_HOST"] = "0.0.0.0"  # noqa: S104 - that is the defect


@defect("it gives its pod's name as its member id", "status.member")
def made_up_member() -> None:
    status_says(member_id=lambda said: said and "consumer-blue-0")


@defect(
    "it stops when it was not spoken to for two seconds",
    "silence",
    follows=("rebalance", "records.full"),
    why="in both it goes on for a while without a command: another member's while, and until a line is refused",
)
def needs_company() -> None:
    def make(original: Any) -> Any:
        def upkeep(self: Any, now: float) -> None:
            original(self, now)
            if now - heard[0] > 2 and self._driver.lifecycle.state is State.ACTIVE:
                self._driver.feed(Stalled())

        return upkeep

    heard = [time.monotonic()]

    def wrap(original: Any) -> Any:
        def command(self: Any, *arguments: Any) -> Any:
            heard[0] = time.monotonic()
            return original(self, *arguments)

        return command

    patch(LifecycleApi, "_command", wrap)
    patch(loops.ConsumerLoop, "_upkeep", make)


# --- commands


@defect(
    "it begins at the end of its partitions",
    "resume.works",
    follows=(
        "broker.away",
        "broker.back",
        "broker.slow",
        "end.kill",
        "fence",
        "freeze.thaw",
        "join.voided",
        "metrics",
        "pause.continues",
        "progress",
        "records.form",
        "records.full",
        "records.poison",
        "resume.aborted",
        "resume.newer",
        "resume.repeated",
        "silence",
    ),
    why="each waits for every record that was sent, and the first ten of each partition are never handled",
)
def skips_what_was_there() -> None:
    def make(original: Any) -> Any:
        def handle(self: Worker, batch: list[Any], epoch: int) -> list[Any]:
            skipped = [m for m in batch if m.error() is None and m.offset() < 10]
            for message in skipped:
                self.positions[message.partition()] = message.offset() + 1
            rest: list[Any] = original(self, [m for m in batch if m not in skipped], epoch)
            return rest

        return handle

    patch(Worker, "handle", make)


@defect("a repeated resume has it begin anew at what is committed", "resume.repeated")
def repeats_again() -> None:
    def make(original: Any) -> Any:
        def resume(now: Lifecycle, epoch: int) -> Step:
            if now.state is State.ACTIVE and epoch == now.epoch:
                rewinding.set()
            return Step(*_parts(original(now, epoch)))

        return resume

    rewinding = threading.Event()

    def wrap(original: Any) -> Any:
        def turn(self: Any) -> bool:
            if rewinding.is_set() and self._keeper.client is not None:
                rewinding.clear()
                self._group.forget()
                self._keeper.client.rewind()
            return bool(original(self))

        return turn

    patch(lifecycle, "_resume", make)
    patch(loops.ConsumerLoop, "turn", wrap)


@defect("it keeps the epoch that it began to work under", "resume.newer")
def keeps_its_epoch() -> None:
    def make(original: Any) -> Any:
        def resume(now: Lifecycle, epoch: int) -> Step:
            step: Step = original(now, epoch)
            return (
                replace(step, lifecycle=replace(step.lifecycle, epoch=now.epoch)) if now.state is State.ACTIVE else step
            )

        return resume

    patch(lifecycle, "_resume", make)


@defect(
    "it says PAUSED before it has stopped",
    "pause.drains",
    follows=(
        "broker.away",
        "broker.slow",
        "epochs.bad",
        "epochs.equal",
        "epochs.stale",
        "pause.late",
        "pause.leaves",
    ),
    why="each takes what it answered to a pause for true, and is at work again, or compares the epoch, within a second",
)
def answers_too_early() -> None:
    def make(original: Any) -> Any:
        def command(self: LifecycleApi, request: Any, model: Any) -> Response:
            if model is not api.PauseBody or self.control.truth.lifecycle.state is not State.ACTIVE:
                answer: Response = original(self, request, model)
                return answer
            epoch = orjson.loads(request.body)["epoch"]
            later = threading.Timer(1.0, lambda: original(self, request, model))
            later.start()
            return Response(self._body(self.control.truth) | {"state": "PAUSED", "epoch": epoch, "committed": True})

        return command

    patch(LifecycleApi, "_command", make)


@defect(
    "it commits nothing when it is paused, and says that it did",
    "pause.drains",
    "pause.continues",
    "end.term",
    "broker.slow",
    follows=(
        "broker.away",
        "freeze.thaw",
        "pause.late",
    ),
    why="each ends in a drain that commits nothing: its records are handled again, or it is over without a broker",
)
def pauses_without_a_commit() -> None:
    def begin_drain(self: Commits, now: float) -> None:
        self.acked.update(self._positions)
        original(self, now)

    original = Commits.begin_drain
    put(Commits, "begin_drain", begin_drain)


@defect("paused as it is, it does not take a newer pause's epoch", "pause.paused")
def deaf_when_paused() -> None:
    def make(original: Any) -> Any:
        def pause(now: Lifecycle, command: Pause) -> Step:
            if now.state is State.PAUSED and now.paused_epoch >= 0:
                return Step(replace(now, seen_epoch=command.epoch))
            return Step(*_parts(original(now, command)))

        return pause

    patch(lifecycle, "_pause", make)


@defect("it says that it has left, and stays", "pause.leaves")
def says_it_left() -> None:
    def close(now: Lifecycle) -> Step:
        return Step(replace(now, left=True))

    put(lifecycle, "_close", close)
    put(lifecycle, "_to_close", lambda _: False)


@defect("it executes commands of old epochs", "epochs.stale")
def forgets_epochs() -> None:
    def make(original: Any) -> Any:
        def command(now: Lifecycle, command: Any) -> Step:
            return Step(*_parts(original(replace(now, seen_epoch=min(now.seen_epoch, command.epoch)), command)))

        return command

    patch(lifecycle, "_command", make)


@defect("a resume at the epoch of a pause is executed", "epochs.equal")
def resumes_what_was_paused() -> None:
    def make(original: Any) -> Any:
        def command(now: Lifecycle, command: Any) -> Step:
            if isinstance(command, Resume) and command.epoch == now.paused_epoch:
                now = replace(now, paused_epoch=-1)
            return Step(*_parts(original(now, command)))

        return command

    patch(lifecycle, "_command", make)


@defect("what is no command ends in an error of its own", "epochs.bad")
def trips_over_bad_bodies() -> None:
    def make(original: Any) -> Any:
        def body(model: Any, request: Any) -> Any:
            try:
                return original(model, request)
            except http.HttpError as error:
                raise http.HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "oops") from error

        return body

    patch(api, "_body", make)


@defect("an epoch that is no integer is rounded", "epochs.bad")
def rounds_epochs() -> None:
    def make(original: Any) -> Any:
        def json_object(self: Any) -> dict[str, object]:
            said: dict[str, object] = original(self)
            epoch = said.get("epoch")
            return said | ({"epoch": int(epoch)} if isinstance(epoch, float) and epoch.is_integer() else {})

        return json_object

    patch(http.Request, "json_object", make)


@defect("what a command says besides its epoch may be of any type", "epochs.bad")
def takes_any_type() -> None:
    def make(original: Any) -> Any:
        def json_object(self: Any) -> dict[str, object]:
            said: dict[str, object] = original(self)
            types = {"deadline_ms": int, "leave": bool, "voids": int}
            return {name: value for name, value in said.items() if type(value) is types.get(name, type(value))}

        return json_object

    patch(http.Request, "json_object", make)


@defect("a call is answered when it is done, whatever its deadline", "pause.late")
def waits_past_a_deadline() -> None:
    def make(original: Any) -> Any:
        return lambda self, command, _: original(self, command, 60.0)

    patch(Control, "wait", make)


@defect("a pause does not end a join that is under way", "join.voided")
def joins_all_the_same() -> None:
    def make(original: Any) -> Any:
        def pause(now: Lifecycle, command: Pause) -> Step:
            step: Step = original(now, command)
            if now.state is State.PAUSED and now.wanted:
                return Step(replace(step.lifecycle, wanted=True, client=now.client))
            return step

        return pause

    patch(lifecycle, "_pause", make)


# --- losses


@defect("it does not notice that it stood still", "freeze.thaw", "freeze.resume")
def sleeps_soundly() -> None:
    put(Pulse, "check", lambda self, now: setattr(self, "last", now))

    def make(original: Any) -> Any:
        def handle(self: Worker, batch: list[Any], epoch: int) -> list[Any]:
            self.pulse.stall_seconds = 1e9
            rest: list[Any] = original(self, batch, epoch)
            return rest

        return handle

    patch(Worker, "handle", make)


@defect("it does not look at what a resume was decided by", "freeze.resume")
def ignores_voids() -> None:
    def make(original: Any) -> Any:
        def command(now: Lifecycle, command: Any) -> Step:
            if isinstance(command, Resume):
                command = replace(command, voids=None)
            return Step(*_parts(original(now, command)))

        return command

    patch(lifecycle, "_command", make)


@defect("when it is fenced, it takes its place back", "fence")
def comes_back() -> None:
    rejoins_by_itself()


@defect("when its group has removed it, it joins again", "removed", membership="leave-join")
def joins_again() -> None:
    rejoins_by_itself()


def rejoins_by_itself() -> None:
    """Who was at work and loses its membership enters its group anew."""

    def make(original: Any) -> Any:
        def lost(now: Lifecycle, *, uncommitted: bool) -> Step:
            step: Step = original(now, uncommitted=uncommitted)
            if now.state is not State.ACTIVE:
                return step
            after = replace(step.lifecycle, wanted=True, client=lifecycle.Client.MEMBER)
            return Step(after, (*step.effects, lifecycle.Effect.JOIN))

        return lost

    patch(lifecycle, "_lost", make)


@defect("it goes on with what it had fetched of partitions that are another's", "rebalance")
def keeps_what_it_fetched() -> None:
    from workloads.consumer.backlog import Backlog

    def make(original: Any) -> Any:
        def revoked(self: Any, partitions: tuple[int, ...]) -> None:
            at = {p: self._positions[p] for p in partitions if p in self._positions}
            original(self, partitions)
            late.update(at)

        return revoked

    late: dict[int, int] = {}

    def wrap(original: Any) -> Any:
        def handle(self: Worker, batch: list[Any], epoch: int) -> list[Any]:
            extra = [_Again(p, offset) for p, offset in late.items()]
            late.clear()
            rest: list[Any] = original(self, [*extra, *batch], epoch)
            return rest

        return handle

    _ = Backlog
    patch(GroupListener, "revoked", make)
    patch(Worker, "handle", wrap)


# --- ends, and the broker


@defect("SIGTERM ends it at once", "end.term", "records.form")
def drops_everything() -> None:
    put(loops.ConsumerLoop, "stop", lambda _: os._exit(0))


@defect(
    "after its second resume it skips records",
    "end.kill",
    follows=(
        "freeze.thaw",
        "join.voided",
        "pause.continues",
        "resume.newer",
    ),
    why="each has it work under a second epoch, and waits for every record",
)
def loses_what_it_had_not_committed() -> None:
    def make(original: Any) -> Any:
        def handle(self: Worker, batch: list[Any], epoch: int) -> list[Any]:
            if epoch > 1:
                skipped = [m for m in batch if m.error() is None and m.offset() % 5 == 4]
                for message in skipped:
                    self.positions[message.partition()] = message.offset() + 1
                batch = [m for m in batch if m not in skipped]
            rest: list[Any] = original(self, batch, epoch)
            return rest

        return handle

    patch(Worker, "handle", make)


@defect("it says that all is committed, whatever the broker says", "broker.away")
def believes_in_its_commits() -> None:
    status_says(committed=lambda _: True)

    def make(original: Any) -> Any:
        def drained(self: Commits, now: float, client: Any) -> bool | None:
            return True if self._drain is not None and now > self._drain.deadline - 4 else original(self, now, client)

        return drained

    patch(Commits, "drained", make)


@defect("it never comes back to a broker that was away", "broker.back", "broker.away")
def gives_up() -> None:
    def make(original: Any) -> Any:
        def poll(self: KafkaClient, *arguments: Any) -> Any:
            if not self.connected and self.warm:
                self.__dict__["given_up"] = True
            return [] if self.__dict__.get("given_up") else original(self, *arguments)

        return poll

    patch(KafkaClient, "poll", make)


@defect(
    "a pause does not wait for its commit",
    "broker.slow",
    follows=("broker.away", "pause.late"),
    why="without a broker, too, it says that what it has only sent is committed",
)
def does_not_wait_for_commits() -> None:
    def make(original: Any) -> Any:
        def drained(self: Commits, now: float, client: Any) -> bool | None:
            if self._drain is not None and client is not None and client.committing:
                return True
            return original(self, now, client)  # type: ignore[no-any-return]

        return drained

    patch(Commits, "drained", make)


# --- records


@defect(
    "it writes a record down after it has committed it",
    "records.first",
    "pause.drains",
    "end.kill",
    follows=(
        "rebalance",
        "records.full",
        "resume.too-old",
        "resume.works",
    ),
    why="what is handled is known by its lines: they come 1.5 s late, in any order, and none is known to be refused",
)
def writes_too_late() -> None:
    def make(original: Any) -> Any:
        def write(fd: int, line: bytes) -> int:
            if b'"producer"' in line:
                threading.Timer(1.5, lambda: original(fd, line)).start()
                return len(line)
            return int(original(fd, line))

        return write

    patch(os, "write", make)


@defect("its lines have no epoch", "records.form", "resume.works", "resume.newer")
def lines_without_an_epoch() -> None:
    lines_are(lambda line: re.sub(rb'"epoch":\d+,', b"", line))


@defect("a seq is text in its lines", "records.form")
def lines_with_a_seq_of_text() -> None:
    lines_are(lambda line: re.sub(rb'"seq":(\d+)', rb'"seq":"\1"', line))


@defect(
    "its lines are no JSON",
    "records.form",
    follows=(
        "broker.away",
        "broker.back",
        "broker.slow",
        "end.kill",
        "end.term",
        "fence",
        "freeze.thaw",
        "join.voided",
        "metrics",
        "pause.continues",
        "pause.drains",
        "pause.late",
        "progress",
        "rebalance",
        "records.first",
        "records.full",
        "records.poison",
        "resume.aborted",
        "resume.newer",
        "resume.repeated",
        "resume.too-old",
        "resume.works",
        "silence",
    ),
    why="what is handled is known by its lines",
)
def lines_that_are_no_json() -> None:
    lines_are(lambda line: line[1:])


@defect("it goes on when a line cannot be written", "records.full")
def goes_on_without_lines() -> None:
    def make(original: Any) -> Any:
        def write(fd: int, line: bytes) -> int:
            try:
                return int(original(fd, line))
            except OSError:
                return len(line)

        return write

    patch(os, "write", make)


@defect("a record that cannot be read ends it", "records.poison")
def dies_of_poison() -> None:
    def fail(self: Worker, message: Any, failure: Exception) -> Any:
        raise OSError(f"cannot handle {message.offset()}: {failure}")

    put(Worker, "_fail", fail)


# --- probes


@defect("it is ready whatever its broker does", "ready.truth")
def always_ready() -> None:
    put(loops.ConsumerLoop, "ready", property(lambda _: True))


@defect(
    "its progress is one behind",
    "progress",
    follows=("progress.markers",),
    why="it is one behind a marker, too",
)
def one_behind() -> None:
    def make(original: Any) -> Any:
        def progress(self: Any) -> Any:
            found = original.fget(self)
            return replace(found, positions={p: max(0, offset - 1) for p, offset in found.positions.items()})

        return property(progress)

    patch(member.ApplicationMember, "progress", make)


@defect("it has no metrics", "metrics")
def no_metrics() -> None:
    put(member.ApplicationMember, "metrics", lambda _: [])


@defect("faults can be injected by anybody", "faults.off")
def faults_for_all() -> None:
    def make(original: Any) -> Any:
        def init(self: FaultInjection, faults: Any, *, enabled: bool) -> None:
            original(self, faults, enabled=True or enabled)  # noqa: SIM222

        return init

    patch(FaultInjection, "__init__", make)


class _Again:
    """A record that was fetched, and is another's by now."""

    def __init__(self, partition: int, offset: int) -> None:
        self._partition, self._offset = partition, offset

    def value(self) -> bytes:
        return b'{"producer":"p0-conformance","seq":%d,"payload":""}' % self._offset

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def error(self) -> None:
        return None


def _parts(step: Step) -> tuple[Any, ...]:
    return step.lifecycle, step.effects, step.refused


def main(name: str) -> int:
    """Run the consumer with this defect."""
    DEFECTS[name].breaks()
    return program.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
