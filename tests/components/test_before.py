"""An update that would restart the active colour in place is refused by what the cluster has, before it begins."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components import before
from components.before import Before, InPlaceError, Stake, look_at, require_beside
from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from tests.components.strategy_stack.deployed import live

SWITCH = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches/consumer"
SET = "/apis/apps/v1/namespaces/strategy-c/statefulsets/consumer-blue"
WANTED = {"image": "app:2", "settings": "s1", "pod template": "t1"}


class Api:
    """Stands for an API server with these objects."""

    def __init__(self, objects: Mapping[str, Any], status: int = 404) -> None:
        self.objects, self.status = objects, status

    def get(self, path: str) -> dict[str, Any]:
        if path in self.objects:
            found: dict[str, Any] = self.objects[path]
            return found
        raise ApiError(f"GET {path}: {self.status}", self.status)


def stateful_set(replicas: int = 3, **changed: str) -> dict[str, Any]:
    """One that was last brought to `WANTED`, but for what is changed."""
    annotations = {"kafka-bluegreen.io/restarted-by": json.dumps({**WANTED, **changed})}
    return {"metadata": {"annotations": annotations}, "spec": {"replicas": replicas}}


def stakes(holder: str) -> list[Stake]:
    return [Stake(f"StatefulSet consumer-{holder}", SET.replace("blue", holder), WANTED)]


def found(switch: Any = None, **objects: Any) -> Before:
    return look_at(Api({SWITCH: switch or live("blue"), **objects}), "strategy-c", stakes)


def test_what_would_restart_the_holder_is_told_by_what_differs() -> None:
    seen = found(**{SET: stateful_set(image="app:1", settings="s0")})
    assert seen.in_place == ("StatefulSet consumer-blue: image app:1 -> app:2, settings",)
    assert seen.holder == "blue"


def test_the_holder_is_whom_the_live_switch_names() -> None:
    """Not the colour that is asked for, there or here."""
    asked = live("green")
    asked["status"]["active"] = "blue"
    assert found(asked, **{SET: stateful_set(settings="s0")}).in_place
    green = found(live("green"), **{SET: stateful_set(settings="s0")})
    assert (green.holder, green.in_place) == ("green", ())
    # While nobody holds the grant, whoever held it last is about to have it again.
    going_on = live("green", lastHolder="blue")
    going_on["status"]["active"] = ""
    assert found(going_on, **{SET: stateful_set(settings="s0")}).in_place


@pytest.mark.parametrize(
    "there",
    [
        stateful_set(),
        stateful_set(replicas=0, image="app:1"),
        {"metadata": {}, "spec": {"replicas": 3}},
        {"metadata": {"annotations": {"kafka-bluegreen.io/restarted-by": "nonsense"}}, "spec": {"replicas": 3}},
        None,
    ],
    ids=["as it is wanted", "without pods", "from before the annotation", "not ours", "not there"],
)
def test_what_restarts_nobody_is_no_matter(there: Any) -> None:
    assert found(**({SET: there} if there else {})).in_place == ()


def test_a_stack_without_a_switch_has_nothing_to_lose() -> None:
    assert look_at(Api({SET: stateful_set(image="app:1")}), "strategy-c", stakes) == Before()
    new = live("blue")
    del new["status"]
    assert found(new, **{SET: stateful_set(image="app:1")}).in_place == ()


def test_a_server_that_does_not_tell_is_not_taken_for_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApiError):
        look_at(Api({}, status=403), "strategy-c", stakes)
    monkeypatch.setattr(before, "glance", lambda *_: Api({}, status=403))
    seen = before.look(ClusterAccess(), "strategy-c", stakes)
    assert seen.switch is None
    assert seen.unknown == f"GET {SWITCH}: 403"


def test_without_a_quick_way_the_client_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(before, "glance", lambda *_: None)
    monkeypatch.setattr(before, "_client", lambda _: Api({SWITCH: live("blue")}))
    assert before.look(ClusterAccess(), "strategy-c", stakes).holder == "blue"


def test_the_refusal_says_what_and_what_to_do_instead() -> None:
    require_beside(Before(live("blue")), "strategy-c", both_first=False)
    refused = Before(live("blue"), ("StatefulSet consumer-blue: settings",))
    with pytest.raises(InPlaceError) as told:
        require_beside(refused, "strategy-c", both_first=False)
    said = str(told.value)
    assert "blue is active" in said
    assert "Nothing was touched" in said
    assert "StatefulSet consumer-blue: settings" in said
    assert "pulumi config set kafka-bluegreen:active green -s strategy-c && pulumi up -s strategy-c" in said
    assert "pulumi config set kafka-bluegreen:allowInPlace true -s strategy-c && pulumi up -s strategy-c" in said
    with pytest.raises(InPlaceError, match="take the change back, switch first"):
        require_beside(refused, "strategy-c", both_first=True)
