"""The record logs as they grow, copied from where they are written: only what was added since the last time.

Every pod's volume is reached through a process of it (`LocalProcesses.records`), so it has to be this machine's. Whole
lines only: the last one of a process that writes is on its way, and the last one of a process that was killed may be
torn.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from components.strategies.parts import Parts, Program, ours
from experiments.errors import CollectionError
from experiments.processes import LocalProcesses
from experiments.producer import CONTAINER, POD
from experiments.records import CONSUMED, EVENTS, PRODUCED

_SUFFIX = ".jsonl"
_NS = 1_000_000_000
_MARGIN_SECONDS = 5.0


#: Events are kept here until the end: a live process has committed more than what was copied of its log before them.
_EVENTS_SO_FAR = "events-so-far"


@dataclass(frozen=True, slots=True)
class Stepped:
    """A pod's clock was so many seconds off between two moments (wall clock seconds) of one that was right.

    So many that no time that it wrote down meanwhile is one that is right: longer than anything is judged together.
    """

    pod: str
    seconds: int
    began: float
    ended: float

    def holds(self, at_ns: int) -> bool:
        """Whether a time was written down by it."""
        first, last = (moment + self.seconds for moment in (self.began, self.ended))
        return first - _MARGIN_SECONDS <= at_ns / _NS <= last + _MARGIN_SECONDS


def _right(stepped: Iterable[Stepped], line: bytes) -> bytes:
    content = json.loads(line)
    off = next((one.seconds for one in stepped if one.holds(content.get("t", 0))), None)
    return line if off is None else json.dumps(content | {"t": content["t"] - off * _NS}).encode() + b"\n"


class Tail:
    """A copy of the logs that were written to since its beginning, in `folder`, as `<kind>/<name>.jsonl`.

    since: wall clock seconds; what was not written to since is left out.
    """

    def __init__(self, processes: LocalProcesses, parts: Parts, folder: Path, since: float) -> None:
        self.folder = folder
        self._processes = processes
        self._parts = parts
        self._since = since
        self._stepped: list[Stepped] = []
        self._known: dict[tuple[str, str, str], int] = {}
        self._folders: dict[tuple[str, str], int] = {}

    def close(self) -> None:
        """Let go of the volumes."""
        while self._folders:
            os.close(self._folders.popitem()[1])

    def put_right(self, stepped: Iterable[Stepped]) -> None:
        """Of what is copied from now on, the times are put right that were written down by these clocks."""
        self._stepped += stepped

    def copy_produced(self) -> None:
        """What the producer has written by now. Raises CollectionError if its volume is not reached."""
        if not self._copy(POD, ours(CONTAINER), PRODUCED):
            raise CollectionError(f"no process of {POD} on this machine: its record logs are not reached")

    def copy_consumed(self, pods: Mapping[str, Program]) -> list[str]:
        """What was handled, and what happened to whom, by now. pods: those that write it, with what runs in them.
        Returns those whose volume is not reached, for no process of them is there just now. Of them, and of pods that a
        change of shape has taken away, what they wrote at their end is copied all the same: a volume outlives its pod.
        """
        unreached = [
            pod
            for pod, program in pods.items()
            if not all(self._copy(pod, program, kind) for kind in (CONSUMED, EVENTS))
        ]
        for pod, kind in list(self._folders):
            if kind != PRODUCED and (pod in unreached or pod not in pods):
                with suppress(OSError):
                    self._grown(pod, kind, Path(f"/proc/self/fd/{self._folders[pod, kind]}"))
        return unreached

    def _copy(self, pod: str, program: Program, kind: str) -> bool:
        for pid in self._processes.of(pod, program):
            source = self._processes.records(pid, kind)
            with suppress(OSError):
                held = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
                if (before := self._folders.pop((pod, kind), None)) is not None:
                    os.close(before)
                self._folders[pod, kind] = held
                self._grown(pod, kind, source)
                return True
        return False

    def _grown(self, pod: str, kind: str, source: Path) -> None:
        for file in sorted(source.glob(f"*{_SUFFIX}")):
            self._grow(pod, kind, file)

    def _grow(self, pod: str, kind: str, file: Path) -> None:
        at = self._known.get((pod, kind, file.name), 0)
        with suppress(FileNotFoundError), file.open("rb") as log:  # it may have had to make room
            if not at and file.stat().st_mtime < self._since:
                return
            log.seek(at)
            whole, newline, _ = log.read().rpartition(b"\n")
            if not newline:
                return
            target = self.folder / (_EVENTS_SO_FAR if kind == EVENTS else kind) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as copy:
                copy.write(self._right(pod, whole + newline))
            self._known[pod, kind, file.name] = at + len(whole) + 1

    def _right(self, pod: str, lines: bytes) -> bytes:
        own = [one for one in self._stepped if one.pod == pod]
        return b"".join(map(partial(_right, own), lines.splitlines(keepends=True))) if own else lines

    def complete(self) -> None:
        """Nobody is at work any more: from now on the events count, too, as the validator takes them."""
        so_far = self.folder / _EVENTS_SO_FAR
        if so_far.exists():
            so_far.rename(self.folder / EVENTS)

    def producers(self, since_ns: int) -> list[str]:
        """Who produced since then (nanoseconds), by name."""
        names = {
            line["producer"] for _, line in self.lines(PRODUCED) if "producer" in line and line.get("t", 0) >= since_ns
        }
        return sorted(names)

    def lines(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The lines of a kind, each with whose it is: `<pod>.<boot id>`."""
        folder = self.folder / kind
        if kind == EVENTS and not folder.exists():
            folder = self.folder / _EVENTS_SO_FAR
        for file in sorted(folder.glob(f"*{_SUFFIX}")):
            name = ".".join(file.name.split(".")[:2])
            with file.open() as lines:
                for line in lines:
                    yield name, json.loads(line)
