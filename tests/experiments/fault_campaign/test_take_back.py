"""What a campaign that was killed has left set is found by looking at what is, and taken back."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from components.strategies.parts import Parts
from experiments import by_hand, faults, freezing
from experiments.errors import PreconditionError
from experiments.fault_campaign import disk, injection, network, objects, signals
from experiments.fault_campaign.catalogue import WAYS
from experiments.fault_campaign.scene import inhabitants
from tests.support.connectors import parts as connectors
from tests.support.waiting import until


class World:
    """A pair with one process, of the pod `consumer-blue-1`; the controller's Deployment has `controllers`."""

    def __init__(self, pid: int, *, letter: str = "c", parts: Parts = PARTS) -> None:
        self.pid = pid
        self.controllers = 1
        processes = SimpleNamespace(of=self.of, daemon_of=lambda _pid, _name: pid)
        self.lab: Any = SimpleNamespace(
            namespace="ns",
            parts=parts,
            settings=SimpleNamespace(strategy=letter),
            whole={"blue": 2, "green": 2},
            disturbance=SimpleNamespace(processes=processes),
            cluster=SimpleNamespace(
                pods=lambda _, selector: (
                    [SimpleNamespace(name="the-controller", terminating=False)] if "controller" in selector else []
                ),
                get=lambda _: {"spec": {"replicas": self.controllers}},
            ),
        )

    def of(self, pod: str, what: Any) -> list[int]:
        return [self.pid] if (pod, what.container) == ("consumer-blue-1", "consumer") else []


@pytest.fixture
def world() -> Iterator[World]:
    process = subprocess.Popen(["sleep", "300"])
    yield World(process.pid)
    process.kill()
    process.wait()


def test_everybody_who_can_be_hit_is_looked_at() -> None:
    own = [(pod, program.command) for pod, program in inhabitants(World(0).lab)]
    pods = [f"consumer-{color}-{n}" for color in ("blue", "green") for n in (0, 1)]
    assert {pod for pod, _ in own} == {*pods, "the-controller"}
    assert [command for pod, command in own if pod == pods[0]] == ["workloads.consumer", "workloads.sidecar"]
    others = {pod for pod, _ in inhabitants(World(0, letter="e", parts=connectors()).lab)}
    assert {"agent-blue-0", "blue-connect-1", "recorder-green-0"} <= others


def test_who_stands_still_goes_on(world: World) -> None:
    process = freezing.identify(world.pid)
    assert list(signals.take_back(world.lab)) == []
    os.kill(world.pid, signal.SIGSTOP)
    until("it to stand still", lambda: freezing.stopped(process))
    assert next(signals.take_back(world.lab)) == "consumer of consumer-blue-1 stood still"
    until("it to go on", lambda: not freezing.stopped(process))


def test_whose_log_may_not_grow_may_again(world: World) -> None:
    assert list(disk.take_back(world.lab)) == []
    subprocess.run(["prlimit", "--pid", str(world.pid), "--fsize=0:unlimited"], check=True)
    assert list(disk.take_back(world.lab)) == ["the record log of consumer-blue-1 could not be written to"]
    assert list(disk.take_back(world.lab)) == []


SAYS = {
    "ip route show type blackhole": "blackhole 10.96.0.7 proto static\n",
    "iptables -w -t filter -S": "-P INPUT ACCEPT\n-A INPUT -i lo -p tcp -m tcp --dport 8081 -j DROP\n"
    "-A OUTPUT -d 10.96.0.1/32 -p tcp -j REJECT --reject-with tcp-reset\n-A FORWARD -j DROP\n",
    "iptables -w -t nat -S": "-P OUTPUT ACCEPT\n-A OUTPUT -d 10.96.0.1/32 -p tcp -j REDIRECT --to-ports 4711\n",
}


def test_routes_and_rules_are_taken_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []

    def run(command: Sequence[str], *, net: int) -> str:
        assert net == world.pid
        line = " ".join(command)
        if line not in SAYS:
            did.append(line)
        return SAYS.get(line, "")

    monkeypatch.setattr(network, "run", run)
    assert list(network.take_back(world.lab)) == [], "a network that it shares with this machine is others'"
    monkeypatch.setattr(network, "_network", str)
    assert len(list(network.take_back(world.lab))) == 4
    assert did == [
        "ip route del blackhole 10.96.0.7",
        "iptables -w -t filter -D INPUT -i lo -p tcp -m tcp --dport 8081 -j DROP",
        "iptables -w -t filter -D OUTPUT -d 10.96.0.1/32 -p tcp -j REJECT --reject-with tcp-reset",
        "iptables -w -t nat -D OUTPUT -d 10.96.0.1/32 -p tcp -j REDIRECT --to-ports 4711",
    ]


def test_one_controller_is_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[object] = []
    monkeypatch.setattr(by_hand, "scale", lambda *what: did.append(what))
    assert list(objects.take_back(world.lab)) == []
    world.controllers = 2
    assert list(objects.take_back(world.lab)) == ["2 controllers"]
    assert did == [("ns", "deployments.apps/controller", 1)]


@pytest.mark.parametrize(("letter", "parts", "asked"), [("c", PARTS, 4), ("b", PARTS, 4), ("e", connectors(), 0)])
def test_every_members_own_faults_are_put_off(
    monkeypatch: pytest.MonkeyPatch, letter: str, parts: Parts, asked: int
) -> None:
    did: list[tuple[str, Mapping[str, Any]]] = []
    monkeypatch.setattr(faults, "put", lambda _ns, _c, pods, values: did.extend((pod, values) for pod in pods))
    monkeypatch.setattr(injection, "TAKE_BACK", injection.TAKE_BACK[-1:])
    assert injection.take_back(World(0, letter=letter, parts=parts).lab) == []
    assert len(did) == asked
    assert all(not any(values.values()) and len(values) == 4 for _, values in did)


def test_every_room_whose_faults_last_takes_back_what_was_left() -> None:
    lasts = {way.place for way in WAYS.values() if way.seconds[1] > 0}
    assert {one.__module__.rpartition(".")[2] for one in injection.TAKE_BACK} == lasts


def test_who_is_gone_meanwhile_has_nothing_left() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    gone = World(process.pid)
    assert list(signals.take_back(gone.lab)) == []
    assert list(disk.take_back(gone.lab)) == []
    with pytest.raises(PreconditionError):
        freezing.identify(process.pid)


def test_the_limit_is_read_as_the_kernel_writes_it() -> None:
    assert any(line.startswith("Max file size") for line in Path("/proc/self/limits").read_text().splitlines())
