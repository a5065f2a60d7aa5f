"""What the consumer does with records: read who sent each, do its effect (none, for the data are random; in a second
version the value is checked), write it down.

The hot path of the consumer: plain counters, one clock reading and one system call a record.
"""

import logging
import os
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TypeVar
from zlib import crc32

import orjson

from workloads.common.logs import fields
from workloads.common.metrics import Buckets
from workloads.common.records import RecordLog, RecordLogError, quoted
from workloads.handling.record import Record
from workloads.member.control import Command
from workloads.member.faults import FaultInjection, Faults

logger = logging.getLogger("workloads.consumer")

R = TypeVar("R", bound=Record)

_HEAD = b'{"producer":"'
_MIDDLE = b'","seq":'
_ZERO = ord("0")
# What a line says of a record whose value carries no producer.
_UNREADABLE = b"unreadable"
# Failures are logged with their stack; more than so many a second would be a load of its own.
_LOGGED_A_SECOND = 10
# After so long the loop gets a look at its client, whatever is left of a batch: it has to be polled, and commits have
# to go out.
_LONGEST_SECONDS = 0.1
# An injected delay is slept in slices: a gap in them is a freeze and not the delay.
_SLICE_SECONDS = 0.02
_EPOCHS_REMEMBERED = 8
_LINE = b'%b%b","seq":%b,"partition":%d,"offset":%d,"t":%d%b}\n'


class ProcessingError(RuntimeError):
    """A record could not be processed. There is no retry: it is written down with this error, and committed past."""


def identity(value: bytes | None) -> tuple[bytes, bytes]:
    """(producer, seq) of a record, as they stand in a JSON line. Raises `ProcessingError` when the value does not carry
    them.
    """
    if value is not None and value.startswith(_HEAD):
        end = value.find(b'"', len(_HEAD))
        if value.startswith(_MIDDLE, end):
            start = end + len(_MIDDLE)
            seq = value[start : value.find(b",", start)]
            producer = value[len(_HEAD) : end]
            if seq.isdigit() and (seq[0] != _ZERO or len(seq) == 1) and stands_for_itself(producer):
                return producer, seq
    try:
        content = orjson.loads(value or b"")
        producer, number = content["producer"], content["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ProcessingError(f"the record's value carries no producer and seq: {error!r}") from error
    if not isinstance(producer, str) or type(number) is not int or number < 0:
        raise ProcessingError("the record's producer must be a string, and its seq an integer from 0")
    return orjson.dumps(producer)[1:-1], b"%d" % number


_seen: set[bytes] = set()


def stands_for_itself(name: bytes) -> bool:
    """Whether a producer's name stands for itself inside a JSON string; remembered, for the names are few."""
    if name in _seen:
        return True
    try:
        plain = quoted(name) == name
    except UnicodeDecodeError:
        return False
    if plain:
        if len(_seen) >= 1000:
            _seen.clear()
        _seen.add(name)
    return plain


class Stall(Exception):  # noqa: N818 - not an error: the loop acts on it
    """The loop stood still: `args[0]` seconds passed where none should have."""


class Abandoned(Exception):  # noqa: N818 - not an error: the process is ending
    """The record in hand was not handled, because the process ends during a delay that was injected into it."""


@dataclass(slots=True)
class Pulse:
    """When the poll loop was last seen to move, in monotonic seconds, and how long it may stand still."""

    stall_seconds: float
    last: float = field(default_factory=time.monotonic)

    def check(self, now: float) -> None:
        """Note that it moves. Raises `Stall` when it had not for too long."""
        gap, self.last = now - self.last, now
        if gap > self.stall_seconds:
            raise Stall(gap)


class _Failures:
    """Logs failures with their stack, the first few of each second; the rest are counted."""

    def __init__(self) -> None:
        self._second, self._logged = 0, 0

    def log(self, message: Record, failure: ProcessingError) -> None:
        second = int(time.monotonic())
        if second != self._second:
            if self._logged > _LOGGED_A_SECOND:
                logger.warning("further failures were not logged", extra=fields(count=self._logged - _LOGGED_A_SECOND))
            self._second, self._logged = second, 0
        self._logged += 1
        if self._logged <= _LOGGED_A_SECOND:
            logger.error(
                "processing failed",
                exc_info=failure,
                extra=fields(partition=message.partition(), offset=message.offset(), error=str(failure)),
            )


class Worker:
    """Handles batches, and knows how far it came. Owned by the poll loop; metrics read its counters.

    More than a dozen attributes: a record must not cost a look through another object.

    positions: by partition, the next offset: after the newest handled record, or where the partition ended behind it.
    first_at, last_at: by epoch, time of the first and last handled record (ns). failed is a part of handled. checksum:
    the CRC-32 of all values, if it `checks`.
    """

    def __init__(
        self,
        log: RecordLog,
        *,
        color: str,
        pod: str,
        version: str,
        topic: str,
        faults: FaultInjection,
        pulse: Pulse,
        inbox: deque[Command],
        slow_seconds: float,
        checks: bool = False,
    ) -> None:
        self._log = log
        self._pod = orjson.dumps(pod)
        self._frame = b'{"color":%b,"pod":%b,"version":%b,"topic":%b,"epoch":' % tuple(
            orjson.dumps(text) for text in (color, pod, version, topic)
        )
        self._faults = faults
        self.pulse = pulse
        self._inbox = inbox
        self._slow_seconds = slow_seconds
        self._process = self._checked if checks else identity
        self.checksum = 0
        self._failures = _Failures()
        self.stopping = False
        self.positions: dict[int, int] = {}
        self.handled = 0
        self.failed = 0
        self.first_at: dict[int, int] = {}
        self.last_at: dict[int, int] = {}
        self.seconds = Buckets((0.0001, 0.001, 0.01, 0.1, 1.0, 10.0))

    def handle(self, batch: list[R], epoch: int) -> list[R]:
        """Handle records until the batch is done, a command waits, an error is next, or it is time to poll; gives the
        rest.

        A record counts as handled, and may be committed past, once its line is with the kernel. Raises `RecordLogError`
        (the line was not taken), `Stall` or `Abandoned`; the record in hand is not handled then.
        """
        monotonic, time_ns, write = time.monotonic, time.time_ns, os.write
        inbox, positions, faults, seconds = self._inbox, self.positions, self._faults, self.seconds
        process = self._process
        stall, quickest = self.pulse.stall_seconds, seconds.bounds[0]
        head = b'%b%d,"producer":"' % (self._frame, epoch)
        last = monotonic()
        self.pulse.check(last)
        until = last + _LONGEST_SECONDS
        done, quick, first, t = 0, 0, 0, 0
        try:
            fd = self._log.descriptor()
            for index, message in enumerate(batch):
                if inbox or message.error() is not None:
                    return batch[index:]
                slept, error = 0.0, b""
                try:
                    if faults.active is not None:
                        slept = self._inject(faults.active)
                    producer, seq = process(message.value())
                except ProcessingError as failure:
                    producer, seq = self._fail(message, failure)
                    error = b',"error":' + orjson.dumps(str(failure))
                partition: int = message.partition()  # type: ignore[assignment]  # None only without a record
                offset: int = message.offset()  # type: ignore[assignment]
                # The one look at the clock stands right before the effect: after a freeze, the record in hand is left
                # alone.
                now = monotonic()
                took = now - last
                if took - slept > stall:
                    raise Stall(took - slept)
                last = now
                t = time_ns()
                line = _LINE % (head, producer, seq, partition, offset, t, error)
                written = write(fd, line)
                if written != len(line):
                    self._log.short(line, written)
                positions[partition] = offset + 1
                done += 1
                first = first or t
                if took < quickest:
                    quick += 1
                else:
                    seconds.observe(took)
                if now > until:
                    return batch[index + 1 :]
        except OSError as refused:
            raise RecordLogError(f"cannot write to {self._log.path}: {refused.strerror or refused}") from refused
        finally:
            self.pulse.last = last
            self._count(epoch, done, quick, first, t)
        return []

    def passed(self, end: Record) -> None:
        """A partition was read up to here, which passes what no application is handed: markers of transactions, aborted
        records, compacted ones.
        """
        partition, offset = end.partition(), end.offset()
        if partition is not None and offset is not None:
            self.positions[partition] = offset

    def end(self) -> None:
        """Nothing more will be handled: write the end line, if there is a log to end. Raises `RecordLogError`."""
        if self.handled:
            self._log.write(b'{"pod":%b,"end":%d}\n' % (self._pod, self.handled))

    def _count(self, epoch: int, done: int, quick: int, first: int, last: int) -> None:
        if not done:
            return
        self.handled += done
        self.seconds.counts[0] += quick
        self.first_at.setdefault(epoch, first)
        self.last_at[epoch] = last
        for times in (self.first_at, self.last_at):
            while len(times) > _EPOCHS_REMEMBERED:
                del times[min(times)]

    def _checked(self, value: bytes | None) -> tuple[bytes, bytes]:
        """`identity`, and the value is checked."""
        self.checksum = crc32(value or b"", self.checksum)
        return identity(value)

    def _inject(self, faults: Faults) -> float:
        """Do to the record in hand what is asked for; gives the seconds that it took on purpose. Raises
        `ProcessingError`.
        """
        seconds = faults.processing_delay_ms / 1000
        if faults.exceed_max_poll_interval:
            seconds = max(seconds, self._slow_seconds)
        if seconds:
            self._sleep(seconds)
        if faults.failure_rate and random.random() < faults.failure_rate:  # noqa: S311 - a fault, not a secret
            raise ProcessingError(f"injected failure (failure_rate {faults.failure_rate:g})")
        return seconds

    def _sleep(self, seconds: float) -> None:
        now = time.monotonic()
        until = now + seconds
        while now < until:
            if self.stopping:
                raise Abandoned
            self.pulse.last = now
            time.sleep(min(_SLICE_SECONDS, until - now))
            now = time.monotonic()
            self.pulse.check(now)

    def _fail(self, message: Record, failure: ProcessingError) -> tuple[bytes, bytes]:
        """Count and log a failed record; gives who sent it, as far as it says so."""
        self.failed += 1
        self._failures.log(message, failure)
        try:
            return identity(message.value())
        except ProcessingError:
            return _UNREADABLE, b"%d" % (message.offset() or 0)
