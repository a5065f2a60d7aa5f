"""A record, as far as its handling has to know it: confluent-kafka's `Message` is one."""

from typing import Protocol

# RD_KAFKA_RESP_ERR__PARTITION_EOF of librdkafka (rdkafka.h): what stands behind the last record of a partition.
_PARTITION_END = -191


class Fault(Protocol):
    """What stands in the place of a record: confluent-kafka's `KafkaError` is one."""

    def code(self) -> int:
        """librdkafka's number of it."""


class Record(Protocol):
    """What was fetched, or what went wrong with fetching."""

    def value(self) -> bytes | None:
        """Its value."""

    def partition(self) -> int | None:
        """Its partition."""

    def offset(self) -> int | None:
        """Its offset."""

    def error(self) -> Fault | None:
        """What stands in the place of a record; None for one."""


def ends(fault: Fault) -> bool:
    """Whether it is no failure, but says that a partition was read up to the offset that it bears."""
    return fault.code() == _PARTITION_END


def failed(record: Record) -> bool:
    """Whether something went wrong: it is neither a record nor the end of a partition."""
    fault = record.error()
    return fault is not None and not ends(fault)
