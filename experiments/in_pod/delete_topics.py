"""Deletes a topic, and those whose names begin with a text. Arguments: `<settings> <topic> <beginning>`; the settings
file of the workload that it runs beside says where the broker is. A topic that is not there is none to delete.
"""

import sys
from pathlib import Path

import yaml
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

_REQUEST_SECONDS = 20.0


def main(settings: str, topic: str, beginning: str) -> None:
    servers = yaml.safe_load(Path(settings).read_text())["bootstrap_servers"]
    admin = AdminClient({"bootstrap.servers": servers})
    there = admin.list_topics(timeout=_REQUEST_SECONDS).topics
    names = [name for name in there if name == topic or name.startswith(beginning)]
    if not names:
        return
    for deleted in admin.delete_topics(names, operation_timeout=_REQUEST_SECONDS).values():
        try:
            deleted.result(_REQUEST_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise


if __name__ == "__main__":
    main(*sys.argv[1:4])
