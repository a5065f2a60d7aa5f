"""Sets the level of a logger in every broker. Arguments: `<settings> <logger> <level>`; an empty level is that of the
broker's own configuration again. The settings file of the workload that it runs beside says where the brokers are.

By kafka-python, for librdkafka's admin client knows no loggers. A level that is set so lasts until the broker ends.
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from kafka import admin as kafka_admin


def main(settings: str, logger: str, level: str) -> None:
    servers = yaml.safe_load(Path(settings).read_text())["bootstrap_servers"]
    api: Any = kafka_admin  # it has no stubs
    admin = api.KafkaAdminClient(bootstrap_servers=servers)
    try:
        change = (api.AlterConfigOp.SET, level) if level else (api.AlterConfigOp.DELETE, None)
        for broker in admin.describe_cluster()["brokers"]:
            name = str(broker["broker_id"])
            wanted = api.ConfigResource(api.ConfigResourceType.BROKER_LOGGER, name, {logger: change})
            answer = admin.alter_configs([wanted], raise_on_unknown=False)["broker_logger"][name]
            if answer != "OK":
                raise SystemExit(f"broker {name}: logger {logger} was not set: {answer}")
    finally:
        admin.close()


if __name__ == "__main__":
    main(*sys.argv[1:4])
