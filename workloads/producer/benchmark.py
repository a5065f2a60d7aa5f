"""How steady the producer is: `python3 -m workloads.producer.benchmark --bootstrap-servers HOST:PORT`.

The producer runs as it does in a pod, once for each rate, against a topic of its own. What is counted is its own log:
the records acknowledged in each second, by the time of their acknowledgement, without the first and the last second.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import confluent_kafka
import orjson
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

_STOP_SECONDS = 60.0


def measure(servers: str, topic: str, rate: int, seconds: int, size: int) -> dict[str, object]:
    """One run at `rate` for `seconds`: records per second and what became of all records."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        file = folder / "settings.yaml"
        settings = {"bootstrap_servers": servers, "topic": topic, "rate": rate, "message_bytes": size}
        file.write_text(
            json.dumps(settings | {"records_dir": str(folder), "http_host": "127.0.0.1", "http_port": 0}),
            encoding="utf-8",
        )
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BG_")}
        environment |= {"SETTINGS_FILE": str(file), "POD_NAME": "producer-0"}
        with (folder / "producer.log").open("wb") as log:
            command = [sys.executable, "-m", "workloads.producer"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
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
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS"))
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 20_000])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--message-bytes", type=int, default=512)
    parser.add_argument("--partitions", type=int, default=12)
    options = parser.parse_args(arguments)
    if not options.bootstrap_servers:
        parser.error("--bootstrap-servers (or BOOTSTRAP_SERVERS) must name a broker")
    admin = AdminClient({"bootstrap.servers": options.bootstrap_servers})
    topic = f"benchmark-{uuid.uuid4().hex[:8]}"
    admin.create_topics([NewTopic(topic, options.partitions, 1)])[topic].result()
    runs = []
    for rate in options.rates:
        runs.append(measure(options.bootstrap_servers, topic, rate, options.seconds, options.message_bytes))
        print(f"{rate} records/s: {runs[-1]['records_in_each_second']}", file=sys.stderr)
    admin.delete_topics([topic])[topic].result()
    result = {
        "runs": runs,
        "message_bytes": options.message_bytes,
        "partitions": options.partitions,
        "environment": {
            "python": platform.python_version(),
            "confluent_kafka": confluent_kafka.__version__,
            "librdkafka": confluent_kafka.libversion()[0],
            "cpus": os.cpu_count(),
        },
    }
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
