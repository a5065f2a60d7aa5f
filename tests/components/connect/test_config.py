"""What workers and connectors are configured with, against those who carry it out and who read what comes of it."""

from typing import Any

import pytest

from components.connect import config
from workloads.connect_operator import cluster
from workloads.recorder.line import understood
from workloads.sidecar.connect.config import EPOCH_KEY, group_of


def connector(**overrides: config.Scalar) -> dict[str, str]:
    return config.connector(topic="t", tasks=3, color="blue", overrides=overrides)


def line(configured: dict[str, str], value: str) -> bytes:
    """What the sink writes of a record, by the transforms' own words."""
    at = "transforms.at."
    fields = {
        configured["transforms.value.field"]: value,
        configured[f"{at}partition.field"]: "4",
        configured[f"{at}offset.field"]: "17",
        configured[f"{at}timestamp.field"]: "1764200000000",
        configured["transforms.epoch.static.field"]: configured[EPOCH_KEY],
    }
    return f"Struct{{{','.join(f'{name}={text}' for name, text in fields.items())}}}".encode()


def test_the_recorder_understands_the_lines_of_the_transforms() -> None:
    found = understood(line({**connector(), EPOCH_KEY: "7"}, '{"producer":"p0-3f","seq":41}'))
    assert (found.epoch, found.partition, found.offset, found.producer, found.seq) == (7, 4, 17, "p0-3f", 41)
    assert not found.problem


def test_the_transforms_are_those_that_are_named() -> None:
    configured = connector()
    aliases = configured["transforms"].split(",")
    assert aliases[-1] == "epoch"
    of = {key.split(".")[1] for key in configured if key.startswith("transforms.")}
    assert of == set(aliases)
    assert EPOCH_KEY.split(".")[1] == "epoch"


def test_the_epoch_is_not_the_programs() -> None:
    """The agent writes it; a program that has it, too, would take it back."""
    assert EPOCH_KEY not in connector()


def test_the_group_is_the_one_that_connect_makes_of_the_name() -> None:
    from components.connect_names import group

    assert group("strategy-e-blue") == group_of("strategy-e-blue", connector())


def test_each_worker_and_each_colour_has_a_file() -> None:
    file = connector()["file"]
    assert file == f"{cluster.MOUNTS}sink/${{env:HOSTNAME}}-blue.txt"
    assert file.endswith(config.sink_suffix("blue"))
    assert config.sink_suffix("blue") != config.sink_suffix("green")
    workers = config.workers()
    assert workers["config.providers"] == "env"
    assert workers["config.providers.env.param.allowlist.pattern"] == "HOSTNAME"


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "connector.class",
        "tasks.max",
        "topics",
        "topics.regex",
        "file",
        "value.converter",
        "transforms",
        "transforms.epoch.static.value",
        "transforms.mine.type",
        "predicates",
        "predicates.p.type",
        "consumer.override.group.id",
        "consumer.override.group.instance.id",
        "consumer.override.group.protocol",
        "consumer.override.enable.auto.commit",
        "consumer.override.auto.offset.reset",
        "consumer.override.session.timeout.ms",
        "consumer.override.client.id",
        "consumer.override.bootstrap.servers",
    ],
)
def test_what_the_protocol_owns_has_a_reason(key: str) -> None:
    assert config.owned(key)


@pytest.mark.parametrize("key", ["errors.tolerance", "consumer.override.max.poll.records", "header.converter"])
def test_the_rest_is_the_users(key: str) -> None:
    assert not config.owned(key)
    assert connector(**{key: 7})[key] == "7"


def test_whatever_the_protocol_sets_it_owns_but_for_how_keys_are_read() -> None:
    assert [key for key in connector() if not config.owned(key)] == ["key.converter"]
    assert connector(**{"key.converter": "mine"})["key.converter"] == "mine"


def test_values_are_texts() -> None:
    configured = connector(**{"errors.log.enable": True, "errors.retry.timeout": 0.5})
    assert (configured["errors.log.enable"], configured["errors.retry.timeout"]) == ("true", "0.5")


def test_a_resource_has_what_has_a_field_of_its_own_there() -> None:
    spec = config.as_resource(connector())
    assert (spec["class"], spec["tasksMax"]) == ("org.apache.kafka.connect.file.FileStreamSinkConnector", 3)
    assert isinstance(spec["config"], dict)
    assert not {"connector.class", "tasks.max", "name"} & spec["config"].keys()


def test_the_operator_leaves_none_of_the_workers_configuration_out() -> None:
    spec: dict[str, Any] = {
        "bootstrapServers": "k:9092",
        **config.storage("s-connect-blue"),
        "config": config.workers(),
    }
    resource = {"metadata": {"name": "blue", "namespace": "n", "uid": "u"}, "spec": spec}
    carried_out = cluster.read(resource).config
    assert {key: str(value) for key, value in config.workers().items()}.items() <= carried_out.items()
    assert carried_out["group.id"] == "s-connect-blue"
    assert carried_out["offset.storage.topic"] == "s-connect-blue-offsets"


def test_the_workers_sessions_are_what_every_broker_takes() -> None:
    """`group.min.session.timeout.ms` is 6000 by default, and a heartbeat at most a third of a session."""
    workers = config.workers()
    for prefix in ("", "consumer."):
        session, beat = (int(workers[f"{prefix}{key}"]) for key in ("session.timeout.ms", "heartbeat.interval.ms"))
        assert session >= 6000
        assert beat * 3 <= session
