"""Every number has bounds, in the configuration and in the custom resource, that Kubernetes and Kafka can hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.settings import ConsumerGroupSettings, PlatformSettings, registry
from components.settings.telling import bounds, model_of
from workloads.common.lease import EPOCHS

FILES = Path(__file__).parents[3] / "components" / "files"
INT32, INT64 = 2**31 - 1, 2**63 - 1


def numbers(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = model_of(field)
        if inner is not None:
            yield from numbers(inner, f"{path}{name}.")
        elif any(
            kind in {int, float} for kind in (field.annotation, *get_args(field.annotation)) if type(kind) is type
        ):
            yield f"{path}{name}", field


MODELS: tuple[type[BaseModel], ...] = (PlatformSettings, *registry.models().values())
OF_THE_CONFIGURATION = {f"{model.__name__}.{path}": field for model in MODELS for path, field in numbers(model)}


@pytest.mark.parametrize("path", OF_THE_CONFIGURATION)
def test_a_number_of_the_configuration_has_bounds(path: str) -> None:
    limits = bounds(OF_THE_CONFIGURATION[path])
    assert set(limits) == {"ge", "le"}
    assert 0 <= limits["ge"] <= limits["le"] <= INT32


def integers(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if isinstance(kind := schema.get("type"), str) and kind in {"integer", "number"}:
            yield path, schema
        for key, inner in schema.items():
            yield from integers(inner, f"{path}.{key}")


def definition() -> Any:
    content = yaml.safe_load((FILES / "kafkaconsumerswitch.yaml").read_text(encoding="utf-8"))
    return content["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


OF_THE_RESOURCE = dict(integers(definition(), "switch"))


@pytest.mark.parametrize("path", OF_THE_RESOURCE)
def test_a_number_of_the_custom_resource_has_bounds(path: str) -> None:
    """A generation is what the API server counts itself, up to what `int64` says."""
    schema = OF_THE_RESOURCE[path]
    if schema["type"] == "number":
        return
    most = {"int32": INT32, "int64": INT64}[schema["format"]]
    assert 0 <= schema["minimum"] <= schema.get("maximum", most) <= most
    assert "maximum" in schema or path.lower().endswith("generation")


def test_an_epoch_of_the_custom_resource_is_one_that_a_lease_can_have_come_to() -> None:
    epochs = {path: schema for path, schema in OF_THE_RESOURCE.items() if path.endswith(".epoch")}
    assert len(epochs) == 4
    assert {schema["maximum"] for schema in epochs.values()} == {EPOCHS - 1}


def test_a_session_is_one_that_the_broker_takes() -> None:
    """The least is the platform's own; the greatest is what brokers have by default, 30 minutes."""
    lines = (FILES / "kafka" / "server.properties").read_text(encoding="utf-8").splitlines()
    broker = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    limits = bounds(ConsumerGroupSettings.model_fields["session_timeout_seconds"])
    assert limits["ge"] * 1000 >= int(broker["group.min.session.timeout.ms"])
    assert limits["le"] * 1000 <= int(broker.get("group.max.session.timeout.ms", 1_800_000))
