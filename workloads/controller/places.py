"""Who is in a consumer group, as its coordinator has it, and the removal of those who have only closed their client.

A static member (KIP-345) that closes its client tells the broker nothing: its place, and the partitions with it, stay
for the session timeout. An administrator takes it out of the group (`RemoveMembersFromConsumerGroup`, KIP-345), which
librdkafka has no call for; kafka-python has. A group of the new protocol (KIP-848) is described by a request that
kafka-python does not know (`ConsumerGroupDescribe`); librdkafka does. Its admin client aborts the process when a
group's coordinator goes away while it is asked (see `workloads.common.bystander`), so it is asked right after the
coordinator has answered that it has such a group, and not otherwise. Against brokers with access control: Describe and
Read on the group.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from workloads.common.clients import CONNECTING
from workloads.controller.measured import MeasureError

if TYPE_CHECKING:  # a quarter of a second and some megabytes: loaded when a group is asked about
    from confluent_kafka.admin import AdminClient
    from kafka.admin import KafkaAdminClient

ASK_MS = 2000
STABLE, RECONCILING = "Stable", "Reconciling"
_NO_GROUP = "Dead"
_OF_THE_NEW_PROTOCOL = "is not a classic group"

T = TypeVar("T")

# It logs each broker that is away, again and again; what that means is told here, once, by whoever asked.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Place:
    """One member as the coordinator knows it. instance: its `group.instance.id`, empty for a dynamic one.

    member: the coordinator's own name for it; whoever joins anew, also under the same instance, has another.
    client, host: its client.id and address, as it says and as it was seen. owned: what it is assigned.
    """

    instance: str
    member: str
    client: str = ""
    host: str = ""
    owned: tuple[int, ...] = ()

    def __str__(self) -> str:
        who = f"member {self.instance or self.member}, client {self.client or 'without a name'} at {self.host}"
        return f"{who}, owns partitions {list(self.owned)}" if self.owned else who


class Places:
    """Asks and tells the coordinators over one client that keeps its connections. Used by one thread."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._client: KafkaAdminClient | None = None
        self._describer: AdminClient | None = None

    def of(self, group: str) -> tuple[Place, ...]:
        """Everybody in `group`, which may be none. Raises MeasureError."""
        return self.look(group)[1]

    def look(self, group: str) -> tuple[str, tuple[Place, ...]]:
        """The state of `group`, such as `Stable` (`Dead`: there is none), and everybody in it. Raises MeasureError."""
        found = self._ask(f"members of group {group}", lambda client: client.describe_groups([group]))[group]
        if _OF_THE_NEW_PROTOCOL in str(found.get("error")):
            return self._described(group)
        if "GroupIdNotFoundError" in str(found.get("error")):  # nobody has ever joined it, or it has expired
            return _NO_GROUP, ()
        if found.get("error"):
            raise MeasureError(f"members of group {group}: {found['error']}")
        return str(found["group_state"]), tuple(
            Place(
                str(m["group_instance_id"] or ""),
                str(m["member_id"]),
                str(m["client_id"]),
                str(m["client_host"]),
                _owned(m["member_assignment"]),
            )
            for m in found["members"]
        )

    def _described(self, group: str) -> tuple[str, tuple[Place, ...]]:
        """The same of a group of the new protocol."""
        from confluent_kafka import ConsumerGroupState, KafkaException  # noqa: PLC0415
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415

        seconds = ASK_MS / 1000
        try:
            if self._describer is None:
                self._describer = AdminClient({"bootstrap.servers": self._servers, **CONNECTING})
            asked = self._describer.describe_consumer_groups([group], request_timeout=seconds)
            found = asked[group].result(seconds)
        except (KafkaException, TimeoutError) as error:
            raise MeasureError(f"members of group {group}: {error}") from error
        # Of the new protocol's states librdkafka has no name for Assigning and Reconciling.
        state = RECONCILING if found.state is ConsumerGroupState.UNKNOWN else found.state.name.capitalize()
        return state, tuple(
            Place(
                m.group_instance_id or "",
                m.member_id,
                m.client_id or "",
                m.host or "",
                tuple(sorted(p.partition for p in m.assignment.topic_partitions)) if m.assignment else (),
            )
            for m in found.members
        )

    def remove(self, group: str, places: Sequence[Place]) -> None:
        """Take these out of it, and nobody who has joined since. Raises MeasureError when any may still be there."""
        from kafka.admin import MemberToRemove  # noqa: PLC0415

        members = [MemberToRemove(p.member, p.instance or None, "its client is closed") for p in places]
        done = self._ask(f"removal from group {group}", lambda client: client.remove_group_members(group, members))
        # The answers are by the coordinator's names; its text says otherwise (kafka-python 3.0.12).
        left = {p.instance or p.member: error for p in places if _failed(error := done.get(p.member))}
        if left:
            said = ", ".join(f"{name} ({getattr(left[name], '__name__', 'no answer')})" for name in sorted(left))
            raise MeasureError(f"removal from group {group}: {said}")

    def _ask(self, what: str, ask: "Callable[[KafkaAdminClient], T]") -> T:
        from kafka.admin import KafkaAdminClient  # noqa: PLC0415
        from kafka.errors import KafkaError  # noqa: PLC0415

        try:
            if self._client is None:
                self._client = KafkaAdminClient(
                    bootstrap_servers=self._servers,
                    client_id="kafka-bluegreen-controller",
                    request_timeout_ms=ASK_MS,
                    bootstrap_timeout_ms=ASK_MS,
                    reconnect_backoff_max_ms=1000,
                )
            return ask(self._client)
        except (KafkaError, OSError) as error:
            self._drop()
            raise MeasureError(f"{what}: {type(error).__name__}: {error}") from error

    def _drop(self) -> None:
        """A fresh client asks for the brokers' addresses anew."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def ours(group: str, places: Iterable[Place]) -> tuple[Place, ...]:
    """Those static members whose name says that they are pods of ours: `<group>-…` (see the consumer's settings)."""
    return tuple(place for place in places if place.instance.startswith(f"{group}-"))


def told(places: Iterable[Place]) -> str:
    """Who is in a group, for people; empty for nobody."""
    return "; ".join(map(str, places))


def _owned(assignment: Any) -> tuple[int, ...]:
    """The partitions of an assignment, where the client could read it."""
    if not isinstance(assignment, dict):
        return ()
    return tuple(sorted(n for topic in assignment.get("assigned_partitions", ()) for n in topic["partitions"]))


def _failed(error: Any) -> bool:
    """Whether it may still be there: not one that nobody knows (any more), nor one whose instance has joined anew."""
    from kafka.errors import FencedInstanceIdError, NoError, UnknownMemberIdError  # noqa: PLC0415

    return error not in {NoError, UnknownMemberIdError, FencedInstanceIdError}
