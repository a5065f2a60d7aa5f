"""A strategy stack deployed with mocks, and what is looked at in it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest
import yaml

from components import switch as switch_component
from components.before import NOTHING, Before
from components.cluster.access import ClusterAccess
from components.live_switch import Expectation, SwitchError
from components.platform_reference import platform_stack, require_platform
from components.settings import StackName, strategy_settings
from components.strategy_stack import build_strategy
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder, Registered, deploy

IMAGE = "localhost/kafka-bluegreen/workloads:1"
CONNECT_IMAGE = "localhost/kafka-bluegreen/connect:1"
POD_KINDS = ("StatefulSet", "Deployment", "Job")


def live(active: str = "blue", *, epoch: int = 2, **changed: Any) -> dict[str, Any]:
    """A live switch that has settled on a colour, its first or as its last switch says. changed: of its status."""
    conditions = [
        {"type": kind, "status": "True", "reason": "Switched", "message": "", "observedGeneration": 4}
        for kind in ("Ready", "Settled")
    ]
    return {
        "metadata": {"generation": 4, "resourceVersion": "7"},
        "spec": {
            "active": active,
            "attempt": 1,
            **{color: {"version": "1", "replicas": 3, "selector": {"color": color}} for color in ("blue", "green")},
        },
        "status": {"active": active, "phase": "Ready", "epoch": epoch, "conditions": conditions, **changed},
    }


def up(
    *,
    strategy: str = "c",
    preview: bool = False,
    platform: Mapping[str, Any] = PLATFORM_OUTPUTS,
    workloads: str = IMAGE,
    found: Before = NOTHING,
    hidden: Collection[str] = (),
    **values: Any,
) -> Recorder:
    """workloads: the image of this project. found: what the cluster had before."""
    raw = {"strategy": strategy, **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}}
    stack = StackName(f"strategy-{strategy}")
    settings = strategy_settings(raw, stack.name, hidden)

    def program() -> dict[str, Any]:  # as in __main__.py
        kind = require_platform(platform_stack()).kind
        images = {"workloads": workloads, "connect": CONNECT_IMAGE}
        return build_strategy(settings, stack, images, ClusterAccess(context="there"), kind, found=found)

    return deploy(program, stack=stack.name, preview=preview, platform=platform)


def pod(resource: Registered) -> dict[str, Any]:
    spec: dict[str, Any] = resource.inputs["spec"]["template"]["spec"]
    return spec


def containers(resource: Registered) -> list[dict[str, Any]]:
    return [*pod(resource).get("initContainers", []), *pod(resource)["containers"]]


def mounts(container: Mapping[str, Any]) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def settings_of(stack: Recorder, name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(stack.of("ConfigMap")[name].inputs["data"]["settings.yaml"])
    return content


def with_pods(stack: Recorder) -> list[Registered]:
    return [resource for kind in POD_KINDS for resource in stack.of(kind).values()]


def all_dependencies(recorder: Recorder, key: str) -> set[str]:
    """What a resource waits for, by itself or because its component does: a child is registered after its parent."""
    resource = recorder.by_name[key]
    inherited = recorder.by_name[resource.parent].dependencies if resource.parent else frozenset()
    return set(resource.dependencies | inherited)


def failing(monkeypatch: pytest.MonkeyPatch, why: str) -> list[Recorder]:
    """Have the check after every switch fail; gives the recorders of what is deployed from now on."""

    def check(expected: Expectation, access: ClusterAccess) -> None:
        raise SwitchError(why)

    monkeypatch.setattr(switch_component, "_check", check)
    recorders: list[Recorder] = []
    monkeypatch.setattr(Recorder, "__post_init__", remember(recorders, Recorder.__post_init__))
    return recorders


def remember(recorders: list[Recorder], original: Any) -> Any:
    def post_init(self: Recorder) -> None:
        original(self)
        recorders.append(self)

    return post_init
