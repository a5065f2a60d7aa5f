"""The consumer group of a connector, as the brokers have it: members, and committed offsets.

The members not by `AdminClient.describe_consumer_groups`, which can end the process at a broker's restart (see
`workloads.common.bystander`), but by the older `list_groups`, which asks every broker and no coordinator. It gives a
member's assignment as the consumer protocol writes it.
"""

import struct
import warnings
from typing import Any, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from workloads.common.bystander import Bystanders
from workloads.common.clients import ASKING
from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.connect.seen import Member, Offsets

warnings.filterwarnings("ignore", message=r"list_groups\(\) is deprecated", category=DeprecationWarning)


class Groups(Protocol):
    """Both raise SilentError."""

    def members(self, group: str, deadline: float) -> tuple[Member, ...]:
        """Who is in the group now."""
        ...

    def offsets(self, group: str, deadline: float) -> Offsets:
        """What it has committed, of the topic."""
        ...


class KafkaGroups:
    """`Groups` by clients that keep their connections: one for members, one for each group's offsets. Safe for
    threads, as the clients are.

    Needs Describe on the groups of both colours' connectors.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        """topic, partitions: whose offsets are looked at."""
        self._configuration: dict[str, Any] = {**ASKING, "bootstrap.servers": bootstrap_servers}
        self._topic, self._partitions = topic, partitions
        self._admin: AdminClient | None = None
        self._groups = Bystanders(self._configuration)

    def members(self, group: str, deadline: float) -> tuple[Member, ...]:
        """See Groups. A group that does not exist has no members."""
        admin = self._admin = self._admin or AdminClient(self._configuration)
        try:
            found: list[Any] = admin.list_groups(group, timeout=deadline)
            refused = next((one.error for one in found if one.error is not None), None)
            if refused is not None:
                raise KafkaException(refused)
        except KafkaException as error:
            # The client goes on with the brokers it knows; after a restart a fresh one finds them sooner.
            self._admin = None
            raise SilentError(f"members of group {group} cannot be read: {error!r}") from error
        return tuple(_member(member) for one in found for member in one.members)

    def offsets(self, group: str, deadline: float) -> Offsets:
        """See Groups."""
        try:
            found = self._groups.of(group).offsets(self._topic, range(self._partitions), deadline)
        except KafkaException as error:
            raise SilentError(f"offsets of group {group} cannot be read: {error!r}") from error
        return {(self._topic, partition): offset for partition, offset in found.items() if offset >= 0}

    def close(self) -> None:
        """End the connections; nobody else may be asking. What is asked afterwards makes new ones."""
        self._admin = None
        self._groups.close()


def _member(found: Any) -> Member:
    return Member(client_id=found.client_id, host=found.client_host, partitions=assigned(found.assignment))


def assigned(written: bytes) -> tuple[tuple[str, int], ...]:
    """A member's (topic, partition), in order, from the `assignment` of DescribeGroups: version, then topics, each with
    its partitions (Kafka's ConsumerProtocolAssignment). Empty: none yet.
    """
    if not written:
        return ()
    places: list[tuple[str, int]] = []
    topics, at = struct.unpack_from(">i", written, 2)[0], 6
    for _ in range(topics):
        length = struct.unpack_from(">h", written, at)[0]
        name = written[at + 2 : at + 2 + length].decode()
        at += 2 + length
        count = struct.unpack_from(">i", written, at)[0]
        places += [(name, number) for number in struct.unpack_from(f">{count}i", written, at + 4)]
        at += 4 + 4 * count
    return tuple(sorted(places))
