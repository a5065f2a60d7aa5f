"""Whom each fault hits, in which order it is done, and that what was changed is changed back."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import StackName, registry, strategy_settings
from components.strategies.base import strategy
from components.strategies.parts import Program
from experiments import by_hand
from experiments.by_hand import ByHandError
from experiments.cluster import ClusterError
from experiments.errors import PreconditionError
from experiments.fault_campaign import injection, network, objects
from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import Injection, Side, planned
from experiments.fault_campaign.scene import Scene, inhabitants, roles


class Processes:
    """Everybody has one process but those in `dead`."""

    def __init__(self, did: list[str]) -> None:
        self.did = did
        self.dead: set[str] = set()

    def send(self, pod: str, what: str | Program, number: signal.Signals) -> None:
        name = what if isinstance(what, str) else what.container
        if name in self.dead:
            raise PreconditionError(f"no process of {name} in {pod}")
        self.did.append(f"{number.name} {name} of {pod}")


class World:
    """A pair of a strategy, of two pods a colour; blue is left."""

    def __init__(self, letter: str) -> None:
        stack = f"strategy-{letter}"
        settings = strategy_settings({"strategy": letter, "replicas": "2"}, stack)
        self.parts = strategy(letter).parts(settings, StackName(stack))
        self.did: list[str] = []
        self.processes = Processes(self.did)
        lab: Any = SimpleNamespace(
            namespace=stack,
            parts=self.parts,
            whole={"blue": 2, "green": 2},
            pod=self.parts.at_work.pod,
            disturbance=SimpleNamespace(processes=self.processes),
            cluster=SimpleNamespace(
                delete_pod=lambda where, pod, force=False: self.did.append(
                    f"delete {where}/{pod}{' by force' if force else ''}"
                ),
                pods=lambda where, _: [SimpleNamespace(name=f"pod-of-{where}", terminating=False)],
                running=lambda where, _: f"pod-of-{where}",
                request=lambda method, path, body=None: self.did.append(f"{method} {path}"),
                switch=lambda _: SimpleNamespace(wanted="green", groups={"blue": "own", "green": "other"}),
            ),
        )
        self.scene = Scene(lab, "kafka:9092", "blue", "green")

    def inject(self, way: str, side: Side = "old", number: int = 1) -> str:
        with injection.INJECT[way](self.scene, Injection(way, side, number, 1.0, 0.0)) as hit:
            self.did.append("there")
        return hit


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World("c")
    for name in ("scale", "activate", "touch"):
        monkeypatch.setattr(by_hand, name, lambda _, *what, name=name: made.did.append(f"{name} {what[-1]}"))
    return made


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_every_strategy_has_those_who_can_be_hit(letter: str) -> None:
    world = World(letter)
    has = roles(letter, world.parts)
    handles = world.parts.workers is None
    assert (Role.HANDLER in has, Role.GROUP in has) == (handles, handles)
    assert (Role.AGENT in has) != handles
    assert has | {Role.HANDLER, Role.GROUP, Role.AGENT} == set(Role)
    injected = Injection("mover-kill", "new", 1, 0.0, 0.0)
    pod, program = world.scene.mover(injected)
    assert (pod == world.scene.worker(injected)) == handles
    assert program.command.startswith("workloads.sidecar")


@pytest.mark.parametrize(
    ("way", "did"),
    [
        ("worker-kill", ["SIGKILL consumer of consumer-blue-1", "there"]),
        ("mover-kill", ["SIGKILL sidecar of consumer-blue-1", "there"]),
        ("controller-kill", ["SIGKILL controller of pod-of-strategy-c", "there"]),
        ("pod-delete", ["delete strategy-c/consumer-blue-1", "there"]),
        ("pod-evict", ["POST /api/v1/namespaces/strategy-c/pods/consumer-blue-1/eviction", "there"]),
        ("controller-delete", ["delete strategy-c/pod-of-strategy-c", "there"]),
        ("broker-restart", ["delete kafka-bluegreen/pod-of-kafka-bluegreen", "there"]),
        (
            "pod-force-delete",
            [
                "SIGKILL consumer of consumer-blue-1",
                "SIGKILL sidecar of consumer-blue-1",
                "delete strategy-c/consumer-blue-1 by force",
                "there",
            ],
        ),
        ("spec-flip", ["activate blue", "activate green", "there"]),
        ("two-controllers", ["scale 2", "there", "scale 1"]),
    ],
)
def test_what_a_fault_does(world: World, way: str, did: list[str]) -> None:
    world.inject(way)
    assert world.did == did


@pytest.mark.parametrize(
    ("letter", "way", "did"),
    [
        ("b", "worker-kill", ["SIGKILL consumer of consumer-blue-1", "there"]),
        ("b", "mover-kill", ["SIGKILL sidecar of consumer-blue-1", "there"]),
        ("e", "worker-kill", ["SIGKILL blue-connect of blue-connect-1", "there"]),
        ("e", "mover-kill", ["SIGKILL sidecar of agent-blue-0", "there"]),
        ("e", "pod-delete", ["delete strategy-e/blue-connect-1", "there"]),
        ("e", "agent-delete", ["delete strategy-e/agent-blue-0", "there"]),
        ("e", "pod-evict", ["POST /api/v1/namespaces/strategy-e/pods/blue-connect-1/eviction", "there"]),
        (
            "e",
            "pod-force-delete",
            ["SIGKILL blue-connect of blue-connect-1", "delete strategy-e/blue-connect-1 by force", "there"],
        ),
    ],
)
def test_each_strategys_own_pods_are_hit(letter: str, way: str, did: list[str]) -> None:
    """A worker has no sidecar in its pod, and its colour's agent is another pod."""
    world = World(letter)
    world.processes.dead = {"sidecar"} if way == "pod-force-delete" else set()
    world.inject(way)
    assert world.did == did


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_whoever_a_campaign_hits_is_a_pod_that_the_pair_has(letter: str) -> None:
    world = World(letter)
    pods = {pod for pod, _ in inhabitants(world.scene.lab)}
    for step in planned(5, 200, roles(letter, world.parts)):
        for one in step.injections:
            assert world.scene.worker(one) in pods
            assert world.scene.mover(one)[0] in pods


def test_who_is_dead_already_is_deleted_all_the_same(world: World) -> None:
    world.processes.dead = {"consumer"}
    world.inject("pod-force-delete")
    assert world.did[-2] == "delete strategy-c/consumer-blue-1 by force"
    with pytest.raises(PreconditionError, match="no process of consumer"):
        world.inject("worker-kill")


def test_the_other_side_is_the_colour_that_is_asked_for(world: World) -> None:
    assert world.inject("worker-kill", "new", 4) == "consumer-green-0"


LEASE: dict[str, Any] = {
    "metadata": {"resourceVersion": "7", "annotations": {"generation": "3"}},
    "spec": {"holderIdentity": "blue", "leaseTransitions": 4},
}


class Leases:
    """A Lease at the API server; `first` others write before whoever writes first."""

    def __init__(self, lease: dict[str, Any], first: int = 0) -> None:
        self.lease: dict[str, Any] | None = lease
        self.first = first
        self.did: list[str] = []

    def get(self, _path: str) -> dict[str, Any]:
        if self.lease is None:
            raise ClusterError("not found", 404)
        return json.loads(json.dumps(self.lease))  # type: ignore[no-any-return]

    def request(self, method: str, _path: str, body: Any = None) -> None:
        if method == "PUT" and self.first:
            self.first -= 1
            raise ClusterError("conflict", 409)
        self.did.append(method)
        self.lease = body


@pytest.mark.parametrize(
    ("way", "spec", "notes"),
    [
        ("lease-epoch", {"holderIdentity": "blue", "leaseTransitions": 6}, {"generation": "3"}),
        ("lease-withdraw", {"leaseTransitions": 5}, {"generation": "3", "last-holder": "blue"}),
    ],
)
def test_the_lease_is_written_as_whoever_writes_it_does(
    world: World, way: str, spec: dict[str, Any], notes: dict[str, Any]
) -> None:
    """With the version that was read, so that a write in between is nobody's loss."""
    world.scene.lab.cluster = leases = Leases(LEASE, first=2)  # type: ignore[assignment]
    world.inject(way)
    assert leases.lease == {"metadata": {"resourceVersion": "7", "annotations": notes}, "spec": spec}
    assert leases.did == ["PUT"]


def test_nobody_is_taken_out_of_a_lease_that_nobody_holds(world: World) -> None:
    world.scene.lab.cluster = Leases({**LEASE, "spec": {"leaseTransitions": 5}})  # type: ignore[assignment]
    with pytest.raises(PreconditionError, match="nobody holds the grant"):
        world.inject("lease-withdraw")


def test_a_lease_that_nobody_can_read_is_deleted_and_one_that_was_made_again_is_not(world: World) -> None:
    world.scene.lab.cluster = leases = Leases(LEASE)  # type: ignore[assignment]
    world.inject("lease-unreadable")
    assert (leases.lease, leases.did) == (None, ["PUT", "DELETE"])
    world.scene.lab.cluster = again = Leases(LEASE)  # type: ignore[assignment]
    with injection.INJECT["lease-unreadable"](world.scene, Injection("lease-unreadable", "old", 0, 1.0, 0.0)):
        again.lease = LEASE
    assert (again.lease, again.did) == (LEASE, ["PUT"])


def test_what_is_taken_back_is_tried_until_somebody_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_RETRY_SECONDS", 0.0)
    fails = [ByHandError("kubectl patch: connection refused")] * 2

    def scale(*what: Any) -> None:
        if what[-1] == 1 and fails:
            raise fails.pop()
        world.did.append(f"scale {what[-1]}")

    monkeypatch.setattr(by_hand, "scale", scale)
    world.inject("two-controllers")
    assert world.did == ["scale 2", "there", "scale 1"]


@pytest.mark.parametrize(
    ("letter", "way", "command"),
    [
        ("c", "controller-cut-api", "ip route add blackhole 10.96.0.1/32"),
        ("c", "controller-cut-broker", "ip route add blackhole 10.96.0.7/32"),
        ("c", "cut-api", "ip route add blackhole 10.96.0.1/32"),
        ("e", "cut-connect", "iptables -w -I OUTPUT -p tcp --dport 8083 -j DROP"),
    ],
)
def test_who_is_cut_off_is_so_in_its_own_network(
    letter: str, way: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(letter)
    did: list[tuple[str, int]] = []

    @contextmanager
    def changed(make: Any, undo: Any, *, net: int) -> Iterator[None]:
        did.append((" ".join(make[0]), net))
        assert len(make) == len(undo)
        yield

    monkeypatch.setattr(network, "changed", changed)
    world.processes.one = lambda pod, _: len(pod)  # type: ignore[attr-defined]
    services = {"items": [{"spec": {"clusterIP": "10.96.0.7"}}]}

    def get(path: str, _query: object = ()) -> dict[str, Any]:
        if path.endswith("kubernetes"):
            return {"spec": {"clusterIP": "10.96.0.1"}}
        return services if path.endswith("services") else {"items": []}

    world.scene.lab.cluster.get = get  # type: ignore[assignment]
    pod = world.inject(way)
    assert did == [(command, len(pod))]


def test_a_second_controller_goes_whatever_happens(world: World) -> None:
    with (
        pytest.raises(KeyError),
        objects.INJECT["two-controllers"](world.scene, Injection("two-controllers", "old", 0, 3.0, 0.0)),
    ):
        raise KeyError
    assert world.did == ["scale 2", "scale 1"]
