"""What the Faust consumer can be told: what its client cannot do is refused, with the reason."""

from collections.abc import Iterator
from typing import Any, Self

from pydantic import model_validator

from workloads.common.clients import CONNECTING
from workloads.common.states import Fencing, GroupProtocol, Membership
from workloads.handling.settings import ApplicationSettings

# Established with faust-streaming 0.15.3 and aiokafka 0.14.0 (plan/decisions/0027).
_MEMBERSHIPS = {
    Membership.TAKEOVER: "aiokafka is not fenced for good when another member takes its place by the same "
    "group.instance.id: both would take the partitions from each other every second",
    Membership.SHARED: "a paused Faust application that is resumed skips records, so it cannot stay in the group",
}


class FaustSettings(ApplicationSettings):
    """`ApplicationSettings` of a consumer on Faust: memberships `leave-join` and `separate`, classic protocol."""

    membership: Membership = Membership.LEAVE_JOIN

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if refused := list(self._refused()):
            raise ValueError("; ".join(refused))
        return self

    def _refused(self) -> Iterator[str]:
        if (why := _MEMBERSHIPS.get(self.membership)) is not None:
            yield f"membership: {self.membership} is not for Faust: {why}; allowed: leave-join, separate"
        if self.group_protocol is GroupProtocol.CONSUMER:
            yield "group_protocol: consumer is not for Faust: aiokafka does not speak KIP-848; allowed: classic"
        if self.fencing is Fencing.TRANSACTIONS:
            yield "fencing: transactions is not for Faust, which commits by its consumer; allowed: none"
        if self.overrides:
            yield (
                f"client: {', '.join(sorted(self.overrides))}: librdkafka's settings do not reach Faust's client; "
                "allowed: none"
            )
        if self.carries and self.other_group_id in {"", self.group_id}:
            yield "other_group_id: membership separate needs the other colour's group, which is another one"

    @property
    def carries(self) -> bool:
        """Whether it starts where the higher epoch stands, in its own group or in the other colour's."""
        return self.membership is Membership.SEPARATE

    @property
    def lifecycle_membership(self) -> Membership:
        """How its lifecycle is: in either case it is outside of its group while it waits."""
        return Membership.LEAVE_JOIN

    def admin_configuration(self) -> dict[str, Any]:
        """librdkafka's configuration of a client that asks about groups."""
        return {"client.id": f"{self.pod_name}-admin", **CONNECTING, "bootstrap.servers": self.bootstrap_servers}
