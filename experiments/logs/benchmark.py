"""What it costs that a broker tells of each commit: `python -m experiments.logs.benchmark --stack strategy-c`.

On a stack that is up and under its flow, the broker's logger is silent and speaks in turn, and of each time the
broker's own processor time, its log's bytes and the consumers' time for a commit are taken. Prints JSON.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from components.names import KAFKA, PLATFORM_NAMESPACE
from components.observability.names import COMMIT_LATENCY_MS
from experiments.cluster import Cluster
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.kubectl import output_of
from experiments.logs.broker_logger import telling_of_commits
from experiments.metrics import value
from experiments.progress import Progress

_POD = f"{KAFKA}-0"
# utime and stime, counted from behind the name, which may have anything in it (proc_pid_stat(5)).
_TIMES = slice(11, 13)
_SECONDS = 30.0
_FIGURES = ("cpu_seconds_per_second", "log_bytes_per_second", "commit_ms")


@dataclass(frozen=True, slots=True)
class Span:
    """What was taken in one time. telling: whether the logger spoke. commit_ms: None where the store has none."""

    telling: bool
    seconds: float
    cpu_seconds_per_second: float
    log_bytes_per_second: float
    commit_ms: float | None


def cpu_seconds(stats: str, ticks: int) -> float:
    """Processor time of the Java processes, from the lines of `/proc/*/stat`. Raises ValueError if there is none."""
    found = [line.rpartition(")")[2].split()[_TIMES] for line in stats.splitlines() if "(java)" in line]
    if not found:
        raise ValueError("no process of the broker is called java")
    return sum(int(time_) for times in found for time_ in times) / ticks


def summed_up(spans: Sequence[Span]) -> dict[str, Any]:
    """The medians of both, and what telling costs."""

    def median(figure: str, *, telling: bool) -> float | None:
        known = [getattr(one, figure) for one in spans if one.telling is telling and getattr(one, figure) is not None]
        return round(statistics.median(known), 4) if known else None

    figures: dict[str, Mapping[str, float | None]] = {}
    for figure in _FIGURES:
        silent, told = median(figure, telling=False), median(figure, telling=True)
        more = None if silent is None or told is None else round(told - silent, 4)
        figures[figure] = {"silent": silent, "telling": told, "more": more}
    return {**figures, "spans": [asdict(one) for one in spans]}


def _span(cluster: Cluster, namespace: str, seconds: float, *, telling: bool) -> Span:
    before, began, since = _cpu(), time.monotonic(), datetime.now(UTC)
    # The flow goes on meanwhile: there is nothing to watch for.
    time.sleep(seconds)
    took, used = time.monotonic() - began, _cpu() - before
    text = cluster.log(PLATFORM_NAMESPACE, _POD, f"{since:%Y-%m-%dT%H:%M:%S.%fZ}", container=KAFKA)
    late = value(cluster, f'avg(avg_over_time({COMMIT_LATENCY_MS}{{namespace="{namespace}"}}[{took:.0f}s]))')
    return Span(telling, round(took, 3), round(used / took, 4), round(len(text) / took, 1), late and round(late, 3))


def _cpu() -> float:
    command = ["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true"]
    text = output_of(PLATFORM_NAMESPACE, _POD, KAFKA, command, seconds=_SECONDS)
    return cpu_seconds(text.decode(errors="replace"), os.sysconf("SC_CLK_TCK"))


def main(arguments: Sequence[str]) -> int:
    """0: measured; 2: it could not be, and why."""
    parser = argparse.ArgumentParser(prog="python -m experiments.logs.benchmark", description=__doc__)
    parser.add_argument("--stack", default="strategy-c", help="one that is up, under its flow (default: strategy-c)")
    parser.add_argument("--rounds", type=int, default=6, help="how often each of both (default: 6)")
    parser.add_argument("--seconds", type=float, default=15.0, help="for how long (default: 15)")
    asked = parser.parse_args(arguments)
    cluster, progress, load = Cluster(), Progress(), os.getloadavg()[0]
    spans = []
    try:
        for number in range(2 * asked.rounds):
            telling = number % 2 == 1
            with ExitStack() as ends:
                if telling and not ends.enter_context(telling_of_commits(asked.stack, progress)):
                    raise ExperimentError("the broker's logger cannot be set; nothing was measured")
                spans.append(_span(cluster, asked.stack, asked.seconds, telling=telling))
    except (ExperimentError, ValueError) as error:
        emit(f"{parser.prog}: {error}", sys.stderr)
        return 2
    environment = {"cpus": os.cpu_count(), "load_before": load}
    emit(json.dumps({**summed_up(spans), "environment": environment}, indent=2), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
