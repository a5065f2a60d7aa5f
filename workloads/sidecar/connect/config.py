"""What the protocol reads from, and writes into, a connector's configuration and its offsets."""

from collections.abc import Mapping

from workloads.common.lease import EPOCHS
from workloads.sidecar.connect.seen import NO_EPOCH

# The transform of this alias is an `InsertField$Value`; its static value is the epoch, so every record carries it.
EPOCH_KEY = "transforms.epoch.static.value"
GROUP_KEY = "consumer.override.group.id"


def epoch_of(config: Mapping[str, object]) -> int:
    """The epoch that the connector bears; NO_EPOCH when it was never given one, or one that no Lease can have come
    to.
    """
    try:
        epoch = int(str(config.get(EPOCH_KEY, NO_EPOCH)))
    except ValueError:
        return NO_EPOCH
    return epoch if 0 <= epoch < EPOCHS else NO_EPOCH


def group_of(name: str, config: Mapping[str, object]) -> str:
    """The consumer group of a sink connector: what its configuration says, else Connect's own name for it.

    (`SinkUtils.consumerGroupId`.) Should a worker's `consumer.group.id` make it another one, the connector's members
    are not found in it, and it never counts as ACTIVE.
    """
    return str(config.get(GROUP_KEY) or f"connect-{name}")


def body(offsets: Mapping[tuple[str, int], int | None]) -> dict[str, object]:
    """Offsets of a sink connector as Connect takes them (KIP-875); None removes one."""
    return {
        "offsets": [
            {
                "partition": {"kafka_topic": topic, "kafka_partition": number},
                "offset": None if offset is None else {"kafka_offset": offset},
            }
            for (topic, number), offset in sorted(offsets.items())
        ]
    }


def differs(live: Mapping[str, object], given: Mapping[str, str]) -> bool:
    """Whether the live configuration is another one than the given, the epoch and Connect's own `name` apart."""
    ours = {EPOCH_KEY, "name"}
    return {key: str(value) for key, value in live.items() if key not in ours} != {
        key: value for key, value in given.items() if key not in ours
    }
