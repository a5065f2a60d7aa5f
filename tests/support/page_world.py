"""A pair of colours as the API server has it, for tests of the switch page: objects on a `FakeApi`, moved by hand, and
a metrics store beside it.
"""

import time
from typing import Any, ClassVar

from tests.support.fake_kube import FakeApi, Object
from tests.support.loopback import Scripted, ScriptedExchange
from workloads.common.lease import Grant, to_lease
from workloads.common.report import Report, to_condition
from workloads.common.states import Color, Outcome, State
from workloads.controller.moments import rfc3339
from workloads.page.watches import LEASES, PODS, SWITCHES

NAMESPACE = "strategy-x"
SWITCH = f"{SWITCHES.format(NAMESPACE)}/consumer"
LEASE = f"{LEASES.format(NAMESPACE)}/consumer-switch"
UID = "u1"
IMAGE = "registry.example/payments/consumer"


def labels(color: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "consumer",
        "app.kubernetes.io/part-of": "kafka-bluegreen",
        "kafka-bluegreen.io/color": color,
    }


def switch(active: str = "blue", generation: int = 1, partitions: int = 12, **status: Any) -> Object:
    """A KafkaConsumerSwitch; `status` over one that is Ready."""
    settled = {"status": "True", "reason": "Switched", "message": "", "observedGeneration": generation}
    return {
        "apiVersion": "kafka-bluegreen.io/v1alpha1",
        "kind": "KafkaConsumerSwitch",
        "metadata": {"uid": UID, "generation": generation, "namespace": NAMESPACE},
        "spec": {
            "strategy": "c",
            "active": active,
            "topic": "bluegreen",
            "partitions": partitions,
            **{
                color: {
                    "replicas": 3,
                    "version": version,
                    "group": "bluegreen-x",
                    "selector": {k: v for k, v in labels(color).items() if "part-of" not in k},
                }
                for color, version in (("blue", "1.4.0"), ("green", "1.5.0"))
            },
        },
        "status": {
            "observedGeneration": generation,
            "phase": "Ready",
            "active": active,
            "conditions": [{"type": "Ready", **settled}, {"type": "Settled", **settled}],
            **status,
        },
    }


def pod(color: str, ordinal: int, report: Report | None, *, ready: bool = True) -> Object:
    """A member's pod."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    if report is not None:
        conditions.append(to_condition(report, "2026-11-28T10:00:00Z"))
    version = {"blue": "1.4.0", "green": "1.5.0"}[color]
    return {
        "metadata": {
            "uid": f"{color}-{ordinal}",
            "labels": labels(color),
            "annotations": {"kafka-bluegreen.io/version": version, "kafka-bluegreen.io/image": f"{IMAGE}:{version}"},
        },
        "status": {"conditions": conditions, "containerStatuses": [{"restartCount": 0}]},
    }


def past(generation: int, outcome: str = "Switched", **more: Any) -> dict[str, Any]:
    """An entry of `status.history`."""
    there, back = ("blue", "green") if generation % 2 else ("green", "blue")
    return {
        "generation": generation,
        "from": there,
        "to": back,
        "fromVersion": "1.4.0",
        "toVersion": "1.5.0",
        "askedBy": "pulumi-kubernetes-1f0c",
        "outcome": outcome,
        "reason": "",
        "startedAt": f"2026-11-28T10:0{generation % 10}:00.000000Z",
        "activeAt": f"2026-11-28T10:0{generation % 10}:00.084000Z",
        "endedAt": f"2026-11-28T10:0{generation % 10}:00.090000Z",
        "handoffSeconds": 0.058,
        **more,
    }


class World:
    """Blue at work under epoch 2, three members for each colour; green waits."""

    def __init__(self, api: FakeApi, partitions: int = 12) -> None:
        self.api = api
        self.partitions = partitions
        self.grant = Grant(Color.BLUE, 2, Color.BLUE, None, 1, Outcome.SWITCHED)
        self.generation = 1

    def begin(self, **status: Any) -> None:
        self.says(switch(partitions=self.partitions, **status))
        for ordinal in range(3):
            self.member(Color.BLUE, ordinal, State.ACTIVE, 2)
            self.member(Color.GREEN, ordinal, State.PAUSED, 2)
        self.leased(self.grant)

    def says(self, obj: Object) -> None:
        self.api.put(SWITCH, obj)

    def asks(self, active: str, **status: Any) -> None:
        """Somebody asks for a colour; the controller has not said anything of it yet."""
        self.generation += 1
        old = {"observedGeneration": self.generation - 1, **status}
        self.says(switch(active, self.generation, self.partitions, **old))

    def leased(self, grant: Grant) -> None:
        self.grant = grant
        self.api.put(LEASE, to_lease(grant, "consumer-switch", rfc3339(time.time()), switch_uid=UID))

    def member(self, color: Color, ordinal: int, state: State | None, epoch: int, **more: Any) -> None:
        every = range(ordinal, self.partitions, 3) if state is State.ACTIVE else ()
        report = Report("boot", state, epoch, epoch, partitions=tuple(every), at=time.time_ns(), **more)
        name = f"consumer-{color}-{ordinal}"
        self.api.put(f"{PODS.format(NAMESPACE)}/{name}", pod(str(color), ordinal, report))

    def withdrawn(self) -> None:
        """From whoever holds it; on the way back, which belongs to the switch under way, its origin stays."""
        held = self.grant
        origin = held.holder if held.outcome is not None else held.origin
        self.leased(Grant(None, held.epoch + 1, held.holder, origin, self.generation))

    def paused(self, ordinal: int) -> None:
        left = self.grant.last_holder
        assert left is not None
        self.member(left, ordinal, State.PAUSED, self.grant.epoch)

    def granted(self, color: Color) -> None:
        self.leased(Grant(color, self.grant.epoch + 1, color, self.grant.origin, self.generation))

    def active(self, ordinal: int) -> None:
        assert self.grant.holder is not None
        self.member(self.grant.holder, ordinal, State.ACTIVE, self.grant.epoch)

    def ended(self, outcome: Outcome = Outcome.SWITCHED) -> None:
        now = self.grant
        self.leased(Grant(now.holder, now.epoch, now.last_holder, now.origin, now.generation, outcome))


class Store(Scripted):
    """A metrics store: lag that falls with the partition's number, 100 records a second, and what `rules` says."""

    def __init__(self, partitions: int = 12) -> None:
        self.partitions = partitions
        self.groups: list[Any] = []
        super().__init__(_Asked)


class _Asked(ScriptedExchange):
    owner: ClassVar[Store]

    def tell(self, path: str, query: Any, sent: Any) -> None:
        if path == "/api/v1/rules":
            self.answer(200, {"status": "success", "data": {"groups": self.owner.groups}})
            return
        if "start" in query:
            start, end = (int(float(query[name][0])) for name in ("start", "end"))
            times = [float(second) for second in range(start, end)]
        else:
            times = [float(query["time"][0])]
        result = [
            {"metric": names, "values": [[t, text] for t in times]} for names, text in self._of(query["query"][0])
        ]
        self.answer(200, {"status": "success", "data": {"resultType": "matrix", "result": result}})

    def _of(self, query: str) -> list[tuple[dict[str, str], str]]:
        if "group_lag" in query:
            return [({"color": "blue", "partition": str(n)}, str((7 * n) % 40)) for n in range(self.owner.partitions)]
        if "consumed_rate" in query:
            return [({"color": "blue"}, "99.8"), ({"color": "green"}, "0")]
        return [({}, "100.2")]
