"""What the strategies say of their colours' pods, for whoever waits for them, reads them or disturbs them."""

import pytest

from components import connect_names
from components.names import Color
from components.settings import StackName, strategy_settings
from components.strategies import base, connectors
from components.strategies.consumers import PARTS
from components.strategies.parts import Count, Part, Program, ours
from tests.support.connectors import parts

STACK = StackName("strategy-e")


@pytest.mark.parametrize("letter", ["b", "c"])
def test_consumers_do_it_all_themselves(letter: str) -> None:
    stack = StackName(f"strategy-{letter}")
    found = base.strategy(letter).parts(strategy_settings({"strategy": letter}, stack.name), stack)
    assert found is PARTS
    assert found.at_work is found.members
    assert found.writers == (found.members,)
    assert (found.members.pod("green", 2), found.members.selector) == (
        "consumer-green-2",
        "app.kubernetes.io/name=consumer",
    )
    assert found.members.kind.named(found.members.object("blue")) == "statefulsets.apps/consumer-blue"


def test_connectors_have_workers_and_recorders_besides_their_agents() -> None:
    found = parts()
    assert found.at_work is found.workers
    assert [part.app for part in found.writers] == ["recorder", "agent"]
    assert found.at_work.pod("blue", 0) == "blue-connect-0"
    assert found.at_work.kind.path("ns", found.at_work.object("blue")) == (
        "/apis/kafka.strimzi.io/v1/namespaces/ns/kafkaconnects/blue"
    )
    assert not found.at_work.shared
    assert {kind.kind for kind in found.kinds} == {"StatefulSet", "KafkaConnect"}


@pytest.mark.parametrize(("control", "by_resource"), [("strimzi", True), ("rest", False)])
def test_by_what_connectors_are_moved(control: str, by_resource: bool) -> None:
    assert parts(control=control).connectors.by_resource is by_resource  # type: ignore[union-attr]


def test_colours_that_share_their_workers_have_the_same_ones() -> None:
    workers = parts(connect="shared").at_work
    assert workers.shared
    assert workers.wanted({"blue": 3, "green": 3}) == {"shared-connect": 3}


@pytest.mark.parametrize(
    ("count", "numbers", "expected"),
    [
        ("Each", {"blue": 3, "green": 0}, {"x-blue": 3, "x-green": 0}),
        ("OneIfAny", {"blue": 3, "green": 0}, {"x-blue": 1, "x-green": 0}),
        ("One", {"blue": 3, "green": 0}, {"x-blue": 1, "x-green": 1}),
        ("Each", {"green": 2}, {"x-green": 2}),
    ],
)
def test_how_many_there_have_to_be(count: Count, numbers: dict[Color, int], expected: dict[str, int]) -> None:
    part = Part("x", {"blue": "x-blue", "green": "x-green"}, ours("x"), count=count)
    assert part.wanted(numbers) == expected


def test_a_process_is_told_by_its_pod_and_its_namespace() -> None:
    assert ours("consumer").variables("consumer-blue-0", "ns") == {b"POD_NAME=consumer-blue-0", b"POD_NAMESPACE=ns"}
    worker = parts().at_work.program
    assert worker.container == "blue-connect"
    assert worker.variables("green-connect-12", "strategy-e") == {
        b"POD_NAME=green-connect-12",
        b"ADVERTISED_HOSTNAME=green-connect-12.green-connect.strategy-e.svc",
    }
    assert Program("c", "x", ()).variables("p-0", "n") == frozenset()


def test_a_connectors_group_is_its_own_in_all_of_kafka() -> None:
    assert connectors.groups(STACK) == {"blue": "connect-strategy-e-blue", "green": "connect-strategy-e-green"}
    assert connectors.names(STACK)["blue"] == connect_names.connector("strategy-e", "blue")


def test_what_cannot_be_judged_is_named_with_its_reason() -> None:
    assert len(connectors.UNJUDGED) >= 3
    assert all(name and why for name, why in connectors.UNJUDGED.items())
    assert base.strategy("c").unjudged == {}
