"""A KafkaConnector resource as the core reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workloads.connect_operator import names
from workloads.connect_operator.errors import InvalidResourceError

#: Keys of `spec.config` that begin so are left out: they are the resource's own (CRD of 1.2.0).
FORBIDDEN_PREFIXES = ("name", "connector.class", "tasks.max", "connector.plugin.version")


class State(StrEnum):
    """`spec.state`."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Connector:
    """What a resource wants. config: the whole configuration that Connect is to have, as Connect tells it.

    list_to, alter_from: names of ConfigMaps, None when the resource does not say. auto_restart: whether failed ones are
    restarted; max_restarts: how many times in a row, None for no limit.
    """

    name: str
    config: Mapping[str, str]
    state: State
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: Mapping[str, Any]
    list_to: str | None = None
    alter_from: str | None = None
    auto_restart: bool = False
    max_restarts: int | None = None


def read(resource: Mapping[str, Any]) -> Connector:
    """The resource's wishes. Raises InvalidResourceError for what the CRD's schema lets through and nobody can do."""
    metadata, spec = resource["metadata"], resource.get("spec")
    if not isinstance(spec, Mapping):
        raise InvalidResourceError("the resource has no spec")
    name = metadata["name"]
    config = {
        key: _text(key, value)
        for key, value in (spec.get("config") or {}).items()
        if not key.lower().startswith(FORBIDDEN_PREFIXES)
    }
    config["name"] = name
    if (plugin := spec.get("class")) is not None:
        config["connector.class"] = str(plugin)
    if (tasks := spec.get("tasksMax")) is not None:
        config["tasks.max"] = str(tasks)
    if (version := spec.get("version")) is not None:
        config["connector.plugin.version"] = str(version)
    restart = spec.get("autoRestart") or {}
    return Connector(
        name=name,
        config=config,
        state=_state(spec.get("state")),
        labels=metadata.get("labels") or {},
        annotations=annotations(resource),
        owner=owner_of(resource),
        list_to=_config_map(spec, "listOffsets", "toConfigMap"),
        alter_from=_config_map(spec, "alterOffsets", "fromConfigMap"),
        auto_restart=bool(restart.get("enabled", False)),
        max_restarts=restart.get("maxRestarts"),
    )


def annotations(resource: Mapping[str, Any]) -> Mapping[str, str]:
    """The resource's annotations."""
    found: Mapping[str, str] = resource["metadata"].get("annotations") or {}
    return found


def is_true(resource: Mapping[str, Any], annotation: str) -> bool:
    """Whether the annotation says so."""
    return annotations(resource).get(annotation, "").lower() == "true"


def cluster_of(resource: Mapping[str, Any]) -> str | None:
    """The KafkaConnect that the connector's label names."""
    return (resource["metadata"].get("labels") or {}).get(names.CLUSTER_LABEL)


def owner_of(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A reference for what goes when the resource goes. It does not hold the deletion up, so nobody has to be allowed
    to write the resource's finalizers.
    """
    metadata = resource["metadata"]
    return {
        "apiVersion": names.GROUP_VERSION,
        "kind": resource.get("kind") or names.CONNECTOR_KIND,
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "controller": False,
        "blockOwnerDeletion": False,
    }


def _state(value: object) -> State:
    try:
        return State.RUNNING if value is None else State(str(value))
    except ValueError:
        raise InvalidResourceError(f"spec.state is {value!r}; it can be {', '.join(State)}") from None


def _config_map(spec: Mapping[str, Any], what: str, which: str) -> str | None:
    return ((spec.get(what) or {}).get(which) or {}).get("name")


def _text(key: str, value: object) -> str:
    """A value of the resource as Connect keeps it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case _:
            raise InvalidResourceError(f"spec.config: {key} must be a text, a number or a boolean, not {value!r}")
