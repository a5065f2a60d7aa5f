"""The group's lag: the broker's end offsets against the positions of the owners of the partitions (`positions`).

Position means: everything before it has been handled. A sample reads the positions first and the ends after them, so it
never says less than the truth; what was produced in between, a few milliseconds of flow, counts as lag. `caught_up`
reads the ends first: positions that have reached them have handled everything that was there when it was asked.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from components.names import Color
from experiments.errors import DeadlineError, ExperimentError
from experiments.measurements import LagSample
from experiments.positions import Group, Positions, Progressed
from experiments.probe import Probe

_PROBE = Path(__file__).parent / "in_pod" / "end_offsets.py"
_PERIOD_SECONDS = 1.0
_SHARP_SECONDS = 0.5
_POLL_SECONDS = 0.1
_STOP_SECONDS = 5.0


class EndOffsets:
    """The topic's end offsets, asked of the broker by a small program inside a pod."""

    def __init__(
        self, namespace: str, pod: str, container: str, *, bootstrap: str, topic: str, partitions: int
    ) -> None:
        self._arguments = [bootstrap, topic]
        self._where = {"namespace": namespace, "pod": pod, "container": container}
        self.of_partitions(partitions)

    def of_partitions(self, partitions: int) -> None:
        """Ask for so many partitions from now on."""
        arguments = [*self._arguments, str(partitions)]
        self._probe = Probe("end offsets", _PROBE, arguments=arguments, **self._where)

    def read(self) -> dict[int, int]:
        """End offset by partition, now. Raises ExperimentError if the broker, or the way to it, does not answer."""
        return {int(partition): int(offset) for partition, offset in self._probe.ask()["ends"].items()}

    def close(self) -> None:
        """End the program. It may be read again, which begins it anew."""
        self._probe.close()


class Lag:
    """Reads and samples the lag of the consumer groups.

    positions: of whoever handles records. clock: seconds, by which a sample knows that it took too long.
    """

    def __init__(
        self,
        positions: Positions,
        ends: EndOffsets,
        partitions: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._positions = positions
        self._ends = ends
        self._partitions = partitions
        self._known: dict[int, int] = {}
        self._samples: list[LagSample] = []
        self._failures = 0
        self._processes: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def of_partitions(self, partitions: int) -> None:
        """The topic has so many partitions from now on."""
        self._ends.close()
        self._ends.of_partitions(partitions)
        self._partitions = partitions

    def end_offsets(self) -> dict[int, int]:
        return self._ends.read()

    def members(self) -> tuple[list[Progressed], list[str]]:
        """What is known of everybody's positions, none if they own nothing; and the pods that did not answer."""
        return self._positions.read()

    def owners(self) -> set[str]:
        """The colours that own partitions; a paused one that stands by owns none."""
        return {member.color for member in self.members()[0] if member.positions}

    def positions(self, color: str | None = None) -> dict[int, int]:
        """The furthest position of each partition that an owner (of a colour) reports now."""
        members, _ = self.members()
        return _furthest(member for member in members if color in (None, member.color))

    def behind(self, ends: Mapping[int, int], color: str | None = None) -> dict[int, int | None]:
        """Partitions whose owner (of a colour) has not reached these offsets: records missing, None where nobody
        reports a position.

        A partition that never had a record needs no position.
        """
        now = self.positions(color)
        return {
            partition: (end - now[partition] if partition in now else None)
            for partition, end in ends.items()
            if end > 0 and now.get(partition, -1) < end
        }

    def wait_caught_up(self, seconds: float, color: str | None = None) -> float:
        """Wait until each partition's position has reached the end that is read now.

        Returns the seconds. Raises DeadlineError, also when the broker does not tell the ends in that time: just after
        its start it may know no leaders yet.
        """
        begun = time.monotonic()
        while True:
            try:
                ends = self.end_offsets()
                break
            except ExperimentError as error:
                if time.monotonic() - begun >= seconds:
                    raise DeadlineError("the ends of the partitions", seconds, str(error)) from error
                time.sleep(_POLL_SECONDS)
        return time.monotonic() - begun + self.wait_reached(ends, seconds, color)

    def wait_flow(self, seconds: float, color: str | None = None) -> float:
        """Wait until a record that comes from now on was handled on each partition; returns the seconds. Raises
        DeadlineError.
        """
        return self.wait_reached({p: end + 1 for p, end in self.end_offsets().items()}, seconds, color)

    def wait_reached(self, ends: Mapping[int, int], seconds: float, color: str | None = None) -> float:
        """Wait until each partition's position has reached these offsets; returns the seconds. Raises DeadlineError."""
        begun = time.monotonic()
        missing = self.behind(ends, color)
        while missing and time.monotonic() - begun < seconds:
            time.sleep(_POLL_SECONDS)
            missing = self.behind(ends, color)
        if missing:
            told = ", ".join(
                f"{p}: {'nobody reports it' if n is None else f'{n} behind'}" for p, n in sorted(missing.items())
            )
            raise DeadlineError(f"{color or 'the consumers'} to have caught up", seconds, f"partitions {told}")
        return time.monotonic() - begun

    # Sampling

    def sample(self) -> LagSample:
        """One sample. While a partition changes hands its last known position counts.

        Raises ExperimentError when a consumer did not answer that may own what nobody else reports (its last known
        position would show as lag what is only a missing answer), and when the reading took so long that the records
        that came meanwhile would show as lag.
        """
        begun = self._clock()
        members, silent = self.members()
        self._note_processes(members)
        now = _furthest(members)
        if silent and len(now) < self._partitions:
            raise ExperimentError(f"no answer from {', '.join(silent)}")
        for partition, offset in now.items():
            self._known[partition] = max(offset, self._known.get(partition, 0))
        ends = self.end_offsets()
        took = self._clock() - begun
        if took > _SHARP_SECONDS:
            raise ExperimentError(f"reading positions and end offsets took {took:.1f} s: the flow went on between them")
        behind = [max(0, end - self._known.get(partition, end)) for partition, end in ends.items()]
        return LagSample(time.time(), sum(behind), max(behind, default=0))

    def _note_processes(self, members: Iterable[Progressed]) -> None:
        with self._lock:
            first = not self._processes
            for member in members:
                # Whoever comes later has handled nothing before.
                base, _ = self._processes.get(member.process, (member.handled if first else 0, 0))
                self._processes[member.process] = (base, member.handled)

    @property
    def worked(self) -> list[str]:
        """The processes (`<pod>.<boot id>`) that were seen to handle records since the first sample."""
        with self._lock:
            return sorted(process for process, (base, now) in self._processes.items() if now > base)

    def start(self) -> None:
        """Sample about once a second until `stop`, in a thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_SECONDS):
            try:
                sample = self.sample()
            except ExperimentError:
                with self._lock:
                    self._failures += 1
                continue
            with self._lock:
                self._samples.append(sample)

    def groups(self) -> Mapping[Color, Group]:
        """Each colour's consumer group as the brokers have it. Raises ExperimentError, also where nobody asks them."""
        return self._positions.groups()

    def handled(self, color: str) -> int:
        """Records that the processes of a colour that answer now have handled."""
        return sum(member.handled for member in self.members()[0] if member.color == color)

    def close(self) -> None:
        """End the programs that read offsets."""
        self._ends.close()
        self._positions.close()

    def stop(self) -> None:
        """End the sampling. Fine if there is none."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            self._thread = None

    @property
    def samples(self) -> list[LagSample]:
        """All samples so far, oldest first."""
        with self._lock:
            return list(self._samples)

    @property
    def failures(self) -> int:
        """How many samples could not be taken."""
        with self._lock:
            return self._failures


def _furthest(members: Iterable[Progressed]) -> dict[int, int]:
    furthest: dict[int, int] = {}
    for member in members:
        for partition, offset in member.positions.items():
            furthest[partition] = max(offset, furthest.get(partition, 0))
    return furthest
