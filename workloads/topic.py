"""The topic job: `python3 -m workloads.topic` makes the topic, or adds partitions to it, and ends.

Idempotent. It refuses to go below the partitions that are there: Kafka cannot, and a topic made anew would be another
one.
"""

import logging
import sys
import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from pydantic import Field

from workloads.common import logs
from workloads.common.clients import CONNECTING
from workloads.common.logs import fields
from workloads.common.settings import WorkloadSettings

logger = logging.getLogger("workloads.topic")


class TopicSettings(WorkloadSettings):
    """What the job needs to know."""

    bootstrap_servers: str = Field(min_length=1)
    topic: str = Field(min_length=1, max_length=249, pattern=r"^[a-zA-Z0-9._-]+$")
    partitions: int = Field(ge=1, le=10_000)
    replication_factor: int = Field(default=1, ge=1, le=32_767)
    config: dict[str, str] = Field(default_factory=dict)
    timeout_seconds: float = Field(default=120, gt=0)


class TopicError(RuntimeError):
    """The topic is not, and will not become, what was asked for."""


def ensure(admin: AdminClient, settings: TopicSettings) -> str:
    """Make the topic so; says what was done. Raises `TopicError`, or `KafkaException` when the broker did not answer in
    time.
    """
    deadline = time.monotonic() + settings.timeout_seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TopicError(
                f"topic {settings.topic}: no usable answer from {settings.bootstrap_servers} "
                f"within {settings.timeout_seconds:g} s"
            )
        try:
            return _step(admin, settings, left)
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() not in _PASSING:
                raise TopicError(f"topic {settings.topic}: {reason.str()}") from error
            logger.info("waiting for the broker", extra=fields(reason=reason.str(), left_seconds=round(left, 1)))
            admin.poll(min(0.5, left))  # serves the client's events while the broker comes up


# What a broker that is starting answers, or that none is there yet; and somebody else's job being faster than this one.
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.INVALID_REPLICATION_FACTOR,  # fewer brokers are registered yet than there will be
        KafkaError.TOPIC_ALREADY_EXISTS,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)


def _step(admin: AdminClient, settings: TopicSettings, left: float) -> str:
    wait = min(10.0, left)
    found = admin.list_topics(timeout=wait).topics.get(settings.topic)
    if found is None or found.error is not None:
        new = NewTopic(settings.topic, settings.partitions, settings.replication_factor, config=settings.config)
        admin.create_topics([new], request_timeout=wait, operation_timeout=wait)[settings.topic].result()
        return f"created with {settings.partitions} partitions"
    there = len(found.partitions)
    if there > settings.partitions:
        raise TopicError(
            f"topic {settings.topic} has {there} partitions and {settings.partitions} were asked for; "
            "partitions cannot be removed: "
            "ask for as many as there are, or use another topic"
        )
    if there == settings.partitions:
        return f"was there with {there} partitions"
    more = NewPartitions(settings.topic, settings.partitions)
    admin.create_partitions([more], request_timeout=wait, operation_timeout=wait)[settings.topic].result()
    return f"grew from {there} to {settings.partitions} partitions"


def main() -> int:
    """The job. 0: the topic is as asked for. 1: it is not. 2: wrong settings."""
    settings = TopicSettings.load_or_exit()
    logs.configure(topic=settings.topic)
    try:
        outcome = ensure(AdminClient({**CONNECTING, "bootstrap.servers": settings.bootstrap_servers}), settings)
    except TopicError as error:
        logger.error("failed", extra=fields(error=str(error)))
        return 1
    logger.info("done", extra=fields(outcome=outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
