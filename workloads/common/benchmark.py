"""What the workloads' benchmarks share: a broker and a topic of their own, a workload started as in a pod."""

import argparse
import json
import os
import platform
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that every benchmark has."""
    servers = os.environ.get("BOOTSTRAP_SERVERS")
    parser.add_argument("--bootstrap-servers", default=servers, help="of the broker (default: BOOTSTRAP_SERVERS)")
    parser.add_argument("--message-bytes", type=int, default=512, help="size of a record's value (default: 512)")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic that is made for it (default: 12)")


@contextmanager
def topic(options: argparse.Namespace) -> Iterator[str]:
    """A topic for the time of the block; options: as parsed."""
    admin = AdminClient({"bootstrap.servers": options.bootstrap_servers})
    name = f"benchmark-{uuid.uuid4().hex[:8]}"
    admin.create_topics([NewTopic(name, options.partitions, 1)])[name].result()
    try:
        yield name
    finally:
        admin.delete_topics([name])[name].result()


def start(module: str, pod: str, settings: Mapping[str, object], folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A workload as a process of its own, with these settings and its records below `folder`; and its log."""
    file, log = folder / "settings.yaml", folder / f"{pod}.log"
    own = {"records_dir": str(folder), "http_host": "127.0.0.1", "http_port": 0}
    file.write_text(json.dumps({**settings, **own}), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BG_")}
    environment |= {"SETTINGS_FILE": str(file), "POD_NAME": pod}
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=output, stderr=output), log


def show(result: Mapping[str, object], options: argparse.Namespace) -> None:
    """Print the result as JSON, with what it was measured by."""
    environment = {
        "python": platform.python_version(),
        "confluent_kafka": confluent_kafka.__version__,
        "librdkafka": confluent_kafka.libversion()[0],
        "cpus": os.cpu_count(),
    }
    sizes = {"message_bytes": options.message_bytes, "partitions": options.partitions}
    print(json.dumps({**result, **sizes, "environment": environment}, indent=2))
