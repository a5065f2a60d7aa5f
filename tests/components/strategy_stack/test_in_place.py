"""Which updates of a stack restart what holds the grant, and that these are refused before anything is made."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components import before, strategy_stack
from components import switch as switch_component
from components.before import Before, InPlaceError, Stakes
from components.cluster.access import ClusterAccess
from components.live_switch import Expectation, SwitchError
from components.names import Color
from components.platform_reference import Platform
from components.settings import StackName, strategy_settings
from tests.components.strategy_stack.deployed import CONNECT_IMAGE, IMAGE, live, remember, up
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder

ANNOTATION = "kafka-bluegreen.io/restarted-by"
SERVERS = str(PLATFORM_OUTPUTS["bootstrapServers"])
RUNS = {"sidecar": IMAGE, "consumer": IMAGE}
pytestmark = pytest.mark.usefixtures("checks")


def at_stake(
    monkeypatch: pytest.MonkeyPatch,
    holder: Color,
    *,
    strategy: str = "c",
    image: str = IMAGE,
    kept: Mapping[str, str] | None = None,
    **values: Any,
) -> dict[str, dict[str, str]]:
    """What the program compares of a holder before such an update, by the objects' paths. kept: what it runs."""
    raw = {"strategy": strategy, **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}}
    stack = StackName(f"strategy-{strategy}")
    asked: list[Stakes] = []
    monkeypatch.setattr(before, "look", lambda _access, _stack, _paths, stakes, **_: asked.append(stakes))
    settings = strategy_settings(raw, stack.name)
    images = {"workloads": image, "connect": CONNECT_IMAGE}
    strategy_stack.look(settings, stack, images, ClusterAccess(), Platform("sandbox", SERVERS))
    found = Before(live(holder), kept or {})
    return {stake.path.rpartition("/")[2]: dict(stake.wanted) for stake in asked[0](found)}


@pytest.mark.parametrize(
    ("strategy", "values"),
    [
        ("b", {}),
        ("c", {"blue": {"version": "2", "image": "app:2", "config": {"fetch.min.bytes": 2}}}),
        ("e", {}),
        ("e", {"control": "rest"}),
        ("e", {"connect": "shared"}),
    ],
)
def test_what_is_compared_is_what_the_update_writes(
    monkeypatch: pytest.MonkeyPatch, strategy: str, values: dict[str, Any]
) -> None:
    """If the two ever differed, every update would be refused, or none."""
    wanted = at_stake(monkeypatch, "blue", strategy=strategy, **values)
    written = {
        resource.inputs["metadata"]["name"]: json.loads(annotations[ANNOTATION])
        for resource in up(strategy=strategy, **values).order
        if ANNOTATION in (annotations := resource.inputs.get("metadata", {}).get("annotations") or {})
    }
    assert wanted
    assert all(digests.items() <= written[name].items() for name, digests in wanted.items())


CHANGES: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"image": "app:2"}, {"image", "pod template"}),  # where it may be restarted
    ({"image": "app:2", "kept": RUNS}, set()),
    ({"blue": {"image": "app:2"}, "kept": RUNS}, {"image", "pod template", "settings"}),
    ({"green": {"image": "app:2"}}, set()),
    ({"blue": {"version": "2"}}, {"settings"}),
    ({"blue": {"config": {"fetch.min.bytes": 2}}}, {"settings"}),
    ({"drainTimeoutSeconds": 7}, {"settings", "pod template"}),
    ({"green": {"version": "2", "config": {"fetch.min.bytes": 2}}}, set()),
    ({"replicas": 2}, set()),
    ({"rate": 7, "messageBytes": 64, "attempt": 2, "lagPolicy": "immediate", "allowInPlace": True}, set()),
)


@pytest.mark.parametrize(("values", "expected"), CHANGES, ids=[str(values) for values, _ in CHANGES])
def test_what_restarts_the_active_colour(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], expected: set[str]
) -> None:
    (now,) = at_stake(monkeypatch, "blue").values()
    (then,) = at_stake(monkeypatch, "blue", **values).values()
    assert {name for name in now if now[name] != then[name]} == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"blue": {"config": {"errors.tolerance": "all"}}}, {"strategy-e-blue"}),
        ({"blue": {"version": "2"}}, {"agent-blue"}),
        ({"blue": {"image": "app:2"}}, {"blue", "agent-blue"}),
        ({"image": "project:2"}, set()),  # its agent is replaced at once: the connector runs on without it
        ({"green": {"version": "2"}}, set()),
        ({"replicas": 2}, set()),
        ({"partitions": 24}, set()),
        ({"connect": "shared"}, {"agent-blue"}),
    ],
)
def test_what_restarts_a_connector(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], expected: set[str]) -> None:
    now = at_stake(monkeypatch, "blue", strategy="e")
    then = at_stake(monkeypatch, "blue", strategy="e", **values)
    assert {name for name in now if name in then and now[name] != then[name]} == expected


def test_what_is_kept_is_told_where_it_is_registered_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)
    assert at_stake(monkeypatch, "blue", image="app:2", kept=RUNS)
    assert said == []


def test_who_is_switched_away_from_first_is_not_restarted_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Green first, then the switch, then blue: blue's change comes behind the switch. With E both come first."""
    assert at_stake(monkeypatch, "blue", active="green", blue={"version": "2"}) == {}
    assert at_stake(monkeypatch, "blue", strategy="e", active="green")


FOUND = Before(live("blue"), in_place=("StatefulSet consumer-blue: settings",))


@pytest.mark.parametrize("preview", [True, False])
def test_a_restart_in_place_is_refused_before_anything_is_registered(
    monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    recorders: list[Recorder] = []
    monkeypatch.setattr(Recorder, "__post_init__", remember(recorders, Recorder.__post_init__))
    with pytest.raises(InPlaceError, match="StatefulSet consumer-blue: settings"):
        up(found=FOUND, preview=preview)
    assert recorders[0].order == []


def test_a_restart_in_place_that_is_allowed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_: said.append(message))
    assert up(found=FOUND, allowInPlace=True).of("StatefulSet")
    assert said == ["blue is active, and restarts in place: StatefulSet consumer-blue: settings"]


# -- what an update says, and leaves as outputs ----------------------------------------------------------

ONES_OWN = {
    "namespace": "strategy-c",
    "strategy": "c",
    "group": "bluegreen-c",
    "topic": "bluegreen",
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What was logged about the switch, by its kind."""
    told: dict[str, list[str]] = {"info": [], "warn": []}

    def logged(kind: str) -> Any:
        def log(message: str, resource: pulumi.Resource | None = None) -> None:
            assert resource is not None
            assert resource._name == "switch"
            told[kind].append(message)

        return log

    for kind in told:
        monkeypatch.setattr(pulumi.log, kind, logged(kind))
    return told


def test_the_outputs_say_what_is(said: dict[str, list[str]]) -> None:
    assert up(active="green", found=Before(live("blue"))).outputs == {
        **ONES_OWN,
        "active": "green",
        "outcome": "Switched",
        "handoffSeconds": None,
        "epoch": 2,
        "versions": {"blue": "1", "green": "1"},
    }
    assert said == {"info": ["green is active, epoch 2"], "warn": []}


def test_a_preview_has_the_outputs_of_now_and_says_what_is_foreseen(said: dict[str, list[str]]) -> None:
    """An untouched stack shows no changed output, and a switch does not show what is not known yet."""
    seen = up(active="green", preview=True, found=Before(live("blue", epoch=12, members=[])))
    assert (seen.outputs["active"], seen.outputs["epoch"]) == ("blue", 12)
    assert said["info"] == []
    (warning,) = said["warn"]
    assert "0 of 3 green pods exist" in warning


@pytest.mark.parametrize("found", [Before(), Before(unknown="GET /apis: 403 Forbidden")])
def test_a_preview_that_cannot_know_says_nothing_for_it(said: dict[str, list[str]], found: Before) -> None:
    assert up(preview=True, found=found).outputs == ONES_OWN
    assert said["info"] == []
    assert [found.unknown in warning for warning in said["warn"]] == ([True] if found.unknown else [])


def test_a_failed_switch_has_outputs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pipeline reads after an `up` that failed is what is, not what was before."""
    after = live("blue", epoch=14)
    after["status"]["conditions"][1] |= {"reason": "Failed"}

    def check(expected: Expectation, _access: ClusterAccess) -> dict[str, Any]:
        raise SwitchError(f"{expected.active} did not confirm", after)

    monkeypatch.setattr(switch_component, "_check", check)
    recorders: list[Recorder] = []
    monkeypatch.setattr(Recorder, "__post_init__", remember(recorders, Recorder.__post_init__))
    with pytest.raises(pulumi.RunError, match="green did not confirm"):
        up(active="green", found=Before(live("blue")))
    seen = recorders[0].outputs
    assert (seen["active"], seen["outcome"], seen["epoch"]) == ("blue", "Failed", 14)
