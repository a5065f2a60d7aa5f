"""Prints the value of a setting as the brokers have it. Arguments: `<settings> <name>`; the settings file of the
workload that it runs beside says where the brokers are.
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import admin as kafka_admin

_REQUEST_SECONDS = 10.0


def main(settings: str, name: str) -> None:
    servers = yaml.safe_load(Path(settings).read_text())["bootstrap_servers"]
    api: Any = kafka_admin  # its stubs leave out what is asked for here
    admin = api.AdminClient({"bootstrap.servers": servers})
    broker = str(min(admin.list_topics(timeout=_REQUEST_SECONDS).brokers))
    asked = api.ConfigResource(api.ResourceType.BROKER, broker)
    (future,) = admin.describe_configs([asked], request_timeout=_REQUEST_SECONDS).values()
    print(future.result(_REQUEST_SECONDS)[name].value, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
