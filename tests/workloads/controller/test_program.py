"""The whole program over real HTTP: its watches, its store, its loop and its publisher, with an API server that can be
made to misbehave. There are no pods: each colour has the none that are asked for, and owns the no partitions there are.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from tests.workloads.controller.samples import switch_object
from workloads.common.kube import Access, Kube
from workloads.controller.__main__ import Program, assembled
from workloads.controller.health import Health
from workloads.controller.settings import ControllerSettings

SWITCH = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/n/kafkaconsumerswitches/consumer"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/n/leases/l"


class Place:
    """An API server, and the program beside it."""

    def __init__(self) -> None:
        self.api = FakeApi()
        settings = ControllerSettings(
            bootstrap_servers="127.0.0.1:1", pod_namespace="n", pod_name="p", switch_name="consumer"
        )
        self.program: Program = assembled(Kube(Access(self.api.url), "test"), settings)
        program = self.program
        self.health = Health(program.controller, program.store, program.watches, program.threads)
        self._thread = threading.Thread(target=program.run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def make(self, uid: str, active: str) -> None:
        made = switch_object(active=active, partitions=0, lagPolicy="immediate")
        made |= {"apiVersion": "kafka-bluegreen.io/v1alpha1", "kind": "KafkaConsumerSwitch"}
        made["metadata"] |= {"namespace": "n", "uid": uid, "generation": 1}
        for color in ("blue", "green"):
            made["spec"][color]["replicas"] = 0
        self.api.put(SWITCH, made)

    def status(self) -> dict[str, Any]:
        """What is stored, once it says Settled."""
        found: dict[str, Any] = self.api.objects.get(SWITCH, {}).get("status") or {}
        settled = any(c["type"] == "Settled" and c["status"] == "True" for c in found.get("conditions") or ())
        return found if settled else {}

    def close(self) -> None:
        self.program.store.stop()
        self._thread.join(10)
        self.api.close()


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    made.start()
    yield made
    made.close()


def test_a_new_object_that_was_made_while_the_lease_was_gone_gets_what_it_asks_for(place: Place) -> None:
    place.make("one", "blue")
    assert until("the first settles", place.status)["active"] == "blue"
    place.api.remove(SWITCH)
    until("that is seen", lambda: place.program.store.newest() is None)
    place.api.remove(LEASE)
    until("that is seen", lambda: place.program.store.look().lease is None)
    place.make("two", "green")  # generation 1 again
    assert until("the second settles", place.status)["active"] == "green"
    assert place.api.objects[LEASE]["metadata"]["annotations"]["switch-uid"] == "two"


def test_ready_once_everything_was_read_and_until_a_watch_fails(place: Place) -> None:
    assert not place.health.ready()
    place.make("one", "blue")
    until("ready", place.health.ready)
    assert place.health.dead() == []
    place.program.watches._followers[0].failing_since = 1.0
    assert not place.health.ready()
    place.program.watches._followers[0].failing_since = None
    assert place.health.ready()


def test_a_loop_that_hangs_is_dead(place: Place) -> None:
    place.make("one", "blue")
    until("ready", place.health.ready)
    place.program.controller.turned -= 60
    assert place.health.dead() == ["loop (hangs)"]


@pytest.mark.parametrize("name", ["topic", "group", "sets", "group_lag"])
def test_a_thread_beside_the_loop_that_has_ended_is_named(place: Place, name: str) -> None:
    place.make("one", "blue")
    until("ready", place.health.ready)
    ended = getattr(place.program, name)
    ended.stop()  # of all that ends a thread, what can be done from here
    ended.thread.join(10)
    assert place.health.dead() == [ended.thread.name]


def test_the_watch_of_the_analysis_runs_is_looked_at_once_there_is_one(place: Place) -> None:
    assert not [thread for thread in place.program.threads() if thread.name == "watch-analysisruns"]
    place.program.runs._follow()
    assert [thread.name for thread in place.program.threads() if thread.is_alive()].count("watch-analysisruns") == 1
