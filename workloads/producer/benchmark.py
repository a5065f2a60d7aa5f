"""How steady the producer is: `python3 -m workloads.producer.benchmark --bootstrap-servers HOST:PORT`.

The producer runs as it does in a pod, once for each rate, against a topic of its own. What is counted is its own log:
the records acknowledged in each second, by the time of their acknowledgement, without the first and the last second.
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson

from workloads.common import benchmark

_STOP_SECONDS = 60.0


def measure(servers: str, topic: str, rate: int, seconds: int, size: int) -> dict[str, object]:
    """One run at `rate` for `seconds`: records per second and what became of all records."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        settings = {"bootstrap_servers": servers, "topic": topic, "rate": rate, "message_bytes": size}
        process, _ = benchmark.start("workloads.producer", "producer-0", settings, folder)
        try:
            time.sleep(seconds + 2)  # what is measured is what it does in this time
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
        status: Counter[str] = Counter()
        by_second: Counter[int] = Counter()
        for path in folder.glob("produced/*.jsonl"):
            with path.open("rb") as lines:
                for line in lines:
                    record = orjson.loads(line)
                    if "status" in record:
                        status[record["status"]] += 1
                        by_second[record["t"] // 1_000_000_000] += 1
    full = [count for _, count in sorted(by_second.items())][1:-1]
    return {
        "rate": rate,
        "records_in_each_second": full,
        "median": statistics.median(full),
        "min": min(full),
        "max": max(full),
        "records": dict(status),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the result is JSON on standard output, progress goes to standard error."""
    parser = argparse.ArgumentParser(
        prog="python3 -m workloads.producer.benchmark", description=__doc__.splitlines()[0]
    )
    benchmark.add_common(parser)
    parser.add_argument(
        "--rates", type=int, nargs="+", default=[100, 20_000], help="records a second (default: 100 20000)"
    )
    parser.add_argument("--seconds", type=int, default=20, help="for how long at each rate (default: 20)")
    options = parser.parse_args(arguments)
    if not options.bootstrap_servers:
        parser.error("--bootstrap-servers (or BOOTSTRAP_SERVERS) must name a broker")
    runs = []
    with benchmark.topic(options) as topic:
        for rate in options.rates:
            runs.append(measure(options.bootstrap_servers, topic, rate, options.seconds, options.message_bytes))
            print(f"{rate} records/s: {runs[-1]['records_in_each_second']}", file=sys.stderr)
    benchmark.show({"runs": runs}, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
