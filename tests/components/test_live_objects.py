"""What of a live object is otherwise than it was written."""

from typing import Any

import pytest

from components.live_objects import Difference, Wanted, advice, difference

SPEC = {
    "replicas": 3,
    "template": {"spec": {"containers": [{"name": "c", "image": "one", "args": ["-a"], "env": []}]}},
}


def wanted(spec: dict[str, Any] | None = None, *ignored: str) -> Wanted:
    return Wanted("StatefulSet", "strategy-c", "consumer-blue", "/apis/x", {"spec": spec or SPEC}, ignored)


def live(**changes: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "one", "args": ["-a"], "terminationMessagePath": "/dev/termination-log"}
    spec = {"replicas": 3, "template": {"spec": {"containers": [container], "dnsPolicy": "ClusterFirst"}}, **changes}
    return {"metadata": {"name": "consumer-blue"}, "spec": spec}


def paths(of: Wanted, there: dict[str, Any]) -> tuple[str, ...]:
    found = difference(of, there)
    return found.paths if found else ()


def test_what_the_server_and_others_add_is_no_difference() -> None:
    assert difference(wanted(), live(minReadySeconds=0)) is None


def test_what_is_empty_equals_its_absence() -> None:
    assert difference(wanted({**SPEC, "minReadySeconds": 0, "volumes": [], "serviceName": None}), live()) is None


def test_another_image_is_one() -> None:
    other = live(template={"spec": {"containers": [{"name": "c", "image": "two", "args": ["-a"]}]}})
    assert paths(wanted(), other) == ("spec.template.spec.containers[0].image",)


def test_more_or_fewer_of_a_list_are_one() -> None:
    other = live(template={"spec": {"containers": []}})
    assert paths(wanted(), other) == ("spec.template.spec.containers",)


def test_what_others_write_is_none() -> None:
    ours = {"state": "stopped", "config": {"a": "1"}}
    assert paths(wanted(ours, "spec.state"), {"spec": {"state": "running", "config": {"a": "1", "epoch": "7"}}}) == ()
    assert paths(wanted({"state": "stopped"}), {"spec": {"state": "running"}}) == ("spec.state",)


def test_a_secret_is_not_compared() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "x"}
    assert paths(wanted({"password": secret}), {"spec": {"password": "y"}}) == ()


def test_only_the_number_of_pods_is_told_apart() -> None:
    resized = difference(wanted(), live(replicas=0))
    assert resized is not None
    assert resized.resized
    gone = difference(wanted(), None)
    assert gone is not None
    assert not gone.resized


def test_the_advice_can_be_pasted() -> None:
    found = [found for found in (difference(wanted(), None), difference(wanted(), live(replicas=1))) if found]
    text = advice("strategy-c", found)
    assert "StatefulSet strategy-c/consumer-blue is not there" in text
    assert "StatefulSet strategy-c/consumer-blue: spec.replicas" in text
    assert text.endswith("\nTo write what the configuration says: pulumi up --refresh -s strategy-c")
    assert advice("strategy-c", []) == ""


@pytest.mark.parametrize("many", [3, 5])
def test_of_many_paths_some_are_named(many: int) -> None:
    found = difference(wanted({f"k{n}": 1 for n in range(many)}), {"spec": {}})
    assert ("and 2 more" in str(found)) is (many == 5)


@pytest.mark.parametrize(
    ("kinds", "command"),
    [
        (["StatefulSet"], "pulumi up --refresh -s strategy-e"),
        (["StatefulSet", "KafkaConnector"], "pulumi up --refresh --skip-preview -s strategy-e"),
    ],
)
def test_the_command_that_is_named_goes_through(kinds: list[str], command: str) -> None:
    """The preview of a connector that somebody patched ends in a conflict, the update does not."""
    found = [Difference(Wanted(kind, "strategy-e", "x", "/apis/x", {}), ("spec.config",)) for kind in kinds]
    assert advice("strategy-e", found).endswith(f": {command}")
