"""A strategy stack deployed with mocks, and what is looked at in it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import yaml

from components.cluster.access import ClusterAccess
from components.platform_reference import platform_stack, require_platform
from components.settings import StackName, strategy_settings
from components.strategy_stack import build_strategy
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder, Registered, deploy

IMAGE = "localhost/kafka-bluegreen/workloads:1"
CONNECT_IMAGE = "localhost/kafka-bluegreen/connect:1"
POD_KINDS = ("StatefulSet", "Deployment", "Job")


def up(
    *,
    strategy: str = "c",
    preview: bool = False,
    platform: Mapping[str, Any] = PLATFORM_OUTPUTS,
    hidden: Collection[str] = (),
    **values: Any,
) -> Recorder:
    raw = {"strategy": strategy, **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}}
    stack = StackName(f"strategy-{strategy}")
    settings = strategy_settings(raw, stack.name, hidden)

    def program() -> None:  # as in __main__.py
        kind = require_platform(platform_stack())
        images = {"workloads": IMAGE, "connect": CONNECT_IMAGE}
        build_strategy(settings, stack, images, ClusterAccess(context="there"), kind)

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


def remember(recorders: list[Recorder], original: Any) -> Any:
    def post_init(self: Recorder) -> None:
        original(self)
        recorders.append(self)

    return post_init
