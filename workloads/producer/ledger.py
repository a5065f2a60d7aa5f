"""What became of each record: the `produced` log, its counts, and what is still on its way."""

import time
from pathlib import Path

import orjson

from workloads.common.records import PRODUCED, RecordLog, Space

_ACKED = b'{"producer":%b,"seq":%d,"topic":%b,"partition":%d,"offset":%d,"status":"acked","t":%d}\n'
_OTHER = b'{"producer":%b,"seq":%d,"topic":%b,"partition":null,"offset":null,"status":"%b","t":%d}\n'
_END = b'{"producer":%b,"end":%d}\n'


class Ledger:
    """Collects lines, and writes them at `write_down`: one system call for what one poll of the client brought. One
    thread owns it.
    """

    def __init__(
        self, folder: Path, pod: str, boot_id: str, producer: str, topic: str, *, space: Space | None = None
    ) -> None:
        self._log = RecordLog(folder, PRODUCED, pod, boot_id, space)
        self._producer = orjson.dumps(producer)
        self._topic = orjson.dumps(topic)
        self._lines: list[bytes] = []
        self._open: set[int] = set()
        self.acked = 0
        self.failed = 0
        self.unknown = 0

    @property
    def in_flight(self) -> int:
        """Records whose fate is not known yet."""
        return len(self._open)

    def sent(self, seq: int) -> None:
        """The client has taken it."""
        self._open.add(seq)

    def is_acked(self, seq: int, partition: int, offset: int) -> None:
        """The broker has it."""
        self._open.discard(seq)
        self.acked += 1
        self._lines.append(_ACKED % (self._producer, seq, self._topic, partition, offset, time.time_ns()))

    def is_failed(self, seq: int) -> None:
        """It was never sent."""
        self.failed += 1
        self._lines.append(_OTHER % (self._producer, seq, self._topic, b"failed", time.time_ns()))

    def is_unknown(self, seq: int) -> None:
        """It may have been sent; nobody can tell."""
        self._open.discard(seq)
        self.unknown += 1
        self._lines.append(_OTHER % (self._producer, seq, self._topic, b"unknown", time.time_ns()))

    def write_down(self) -> None:
        """Hand what was collected to the kernel. Raises `RecordLogError`."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._log.write(b"".join(lines))

    def end(self, count: int) -> None:
        """A clean end after `count` sequences: what is still open becomes unknown, then the end line. Raises
        `RecordLogError`.
        """
        for seq in sorted(self._open):
            self.is_unknown(seq)
        self._lines.append(_END % (self._producer, count))
        self.write_down()
        self._log.close()
