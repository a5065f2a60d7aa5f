"""The group's lag: the broker's end offsets against the positions that the owners of the partitions report.

Position means: everything before it has been handled. A sample reads the positions first and the ends after them, so it
never says less than the truth; what was produced in between, a few milliseconds of flow, counts as lag. `caught_up`
reads the ends first: positions that have reached them have handled everything that was there when it was asked.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from components.names import HTTP_PORT
from experiments.cluster import CONSUMERS, Cluster, ClusterError
from experiments.errors import DeadlineError, ExperimentError
from experiments.measurements import LagSample

_PROBE = Path(__file__).parent / "in_pod" / "end_offsets.py"
_PERIOD_SECONDS = 1.0
_SHARP_SECONDS = 0.5
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 3.0
_STOP_SECONDS = 5.0


class EndOffsets:
    """The topic's end offsets, asked of the broker by a small program inside a pod."""

    def __init__(
        self, namespace: str, pod: str, container: str, *, bootstrap: str, topic: str, partitions: int
    ) -> None:
        self._command = ["kubectl", "exec", "-i", "-n", namespace, pod, "-c", container, "--", "python3", "-u", "-c"]
        self._command += [_PROBE.read_text(), bootstrap, topic, str(partitions)]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self) -> dict[int, int]:
        """End offset by partition, now. Raises ExperimentError if the broker, or the way to it, does not answer."""
        with self._lock:
            # A connection to a pod may be cut at any time; a program that is begun anew and ends again has a reason.
            line = self._ask() or self._ask()
        if not line:
            raise ExperimentError("the program that reads the end offsets ended; is its pod there?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ExperimentError(f"end offsets: {answer['error']}")
        return {int(partition): int(offset) for partition, offset in answer["ends"].items()}

    def _ask(self) -> bytes:
        """One answer; empty if the program ended instead."""
        process = self._running()
        stdin, stdout = _pipes(process)
        line = b""
        with suppress(OSError):
            stdin.write(b"\n")
            stdin.flush()
            line = stdout.readline()
        if not line:
            self._end(process)
        return line

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in _pipes(process):
            with suppress(OSError):  # what could not be written is still in it
                pipe.close()
        self._process = None

    def close(self) -> None:
        """End the program. It may be read again, which begins it anew."""
        process = self._process
        if process is not None:
            process.kill()  # also ends a read that another thread is in
            with self._lock:
                if self._process is process:
                    self._end(process)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise TypeError("the program was begun without pipes")
    return process.stdin, process.stdout


@dataclass(frozen=True, slots=True)
class Progressed:
    """What a consumer says of itself."""

    pod: str
    color: str
    positions: Mapping[int, int]
    process: str = ""
    """`<pod>.<boot id>`, as its logs are named."""
    handled: int = 0
    """Records that this process has handled."""


class Lag:
    """Reads and samples the lag of the consumer group."""

    def __init__(self, cluster: Cluster, namespace: str, ends: EndOffsets, partitions: int) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._ends = ends
        self._partitions = partitions
        self._known: dict[int, int] = {}
        self._samples: list[LagSample] = []
        self._failures = 0
        self._processes: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def end_offsets(self) -> dict[int, int]:
        return self._ends.read()

    def members(self) -> tuple[list[Progressed], list[str]]:
        """What each consumer says of its positions, none if it owns nothing; and the pods that did not answer."""
        found, silent = [], []
        for pod in self._cluster.pods(self._namespace, CONSUMERS):
            try:
                answer = json.loads(
                    self._cluster.through_pod(
                        self._namespace, pod.name, HTTP_PORT, "/progress", seconds=_ANSWER_SECONDS
                    )
                )
            except ClusterError:
                silent.append(pod.name)
                continue
            positions = {int(p): int(offset) for p, offset in answer["positions"].items() if offset is not None}
            process = f"{pod.name}.{answer.get('boot_id', '')}"
            found.append(Progressed(pod.name, pod.color or "", positions, process, int(answer.get("handled", 0))))
        return found, silent

    def owners(self) -> set[str]:
        """The colours of which a consumer says that it owns partitions; a paused one that stands by owns none."""
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

        Returns the seconds. Raises DeadlineError.
        """
        ends = self.end_offsets()
        return self.wait_reached(ends, seconds, color)

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
        begun = time.monotonic()
        members, silent = self.members()
        self._note_processes(members)
        now = _furthest(members)
        if silent and len(now) < self._partitions:
            raise ExperimentError(f"no answer from {', '.join(silent)}")
        for partition, offset in now.items():
            self._known[partition] = max(offset, self._known.get(partition, 0))
        ends = self.end_offsets()
        took = time.monotonic() - begun
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

    def close(self) -> None:
        """End the program that reads the end offsets."""
        self._ends.close()

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
