"""Settings: file, environment, and what is refused by its name."""

import json
from pathlib import Path
from typing import Any

import pytest

from workloads.common.reload import Reloader
from workloads.common.settings import SettingsError, ordinal
from workloads.consumer.settings import ConsumerSettings
from workloads.producer.settings import LoadChange, ProducerSettings

CONSUMER: dict[str, Any] = {
    "bootstrap_servers": "kafka:9092",
    "topic": "bluegreen",
    "group_id": "bluegreen-c",
    "color": "blue",
    "strategy": "x",
    "pod_name": "consumer-blue-1",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.yaml"
    monkeypatch.setenv("SETTINGS_FILE", str(path))
    return path


def consumer(file: Path, **settings: Any) -> ConsumerSettings:
    file.write_text(json.dumps(CONSUMER | settings))
    return ConsumerSettings.load()


def test_nobody_guesses_the_strategy(file: Path) -> None:
    """It is a label of every figure: a file without it would have them taken for another strategy's."""
    file.write_text(json.dumps({name: value for name, value in CONSUMER.items() if name != "strategy"}))
    with pytest.raises(SettingsError, match="strategy: is required and missing"):
        ConsumerSettings.load()
    with pytest.raises(SettingsError, match="strategy: "):
        consumer(file, strategy="")


def test_environment_overrides_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BG_TOPIC", "other")
    monkeypatch.setenv("BG_FAULTS__FAILURE_RATE", "0.25")
    monkeypatch.setenv("BG_CLIENT", '{"max.poll.interval.ms": 60000}')
    loaded = consumer(file, faults_enabled=True, faults={"processing_delay_ms": 5})
    assert (loaded.topic, loaded.group_id) == ("other", "bluegreen-c")
    assert (loaded.faults.failure_rate, loaded.faults.processing_delay_ms) == (0.25, 5)
    assert loaded.max_poll_interval_seconds == 60


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"nope": 1}, "nope: unknown key"),
        ({"stall_seconds": "long"}, "stall_seconds: "),
        ({"stall_seconds": 0}, "stall_seconds: "),
        ({"partitions": 12}, "partitions: unknown key"),  # the topic's own are what counts
        ({"color": "red"}, "color: "),
        ({"membership": "both"}, "membership: "),
        ({"faults": {"failure_rate": 2}, "faults_enabled": True}, "faults.failure_rate: "),
        ({"faults": {"nope": 2}, "faults_enabled": True}, "faults.nope: unknown key"),
        ({"faults": {"failure_rate": 0.5}}, "faults_enabled is false"),
        ({"client": {"group.id": "x"}}, "group.id cannot be overridden"),
        ({"pod_name": "consumer"}, "'consumer' does not end in -<number>"),
    ],
)
def test_what_is_wrong_is_named(file: Path, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match="settings") as error:
        consumer(file, **wrong)
    assert named in str(error.value)


def test_all_problems_are_told_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BG_TOPICS", "x")
    monkeypatch.setenv("BG_FAULTS__NOPE", "x")
    with pytest.raises(SettingsError) as error:
        consumer(file, stall_seconds=-1, group_id="")
    for named in ("BG_TOPICS: unknown setting", "faults.nope: unknown key", "stall_seconds: ", "group_id: "):
        assert named in str(error.value)


@pytest.mark.parametrize("content", ["a: [", "- 1", "1", "1: 2", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(SettingsError, match=str(file)):
        ProducerSettings.load()


def test_a_named_file_must_be_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        ProducerSettings.load()
    monkeypatch.delenv("SETTINGS_FILE")
    with pytest.raises(SettingsError, match="topic: is required and missing"):  # the default file may be missing
        ProducerSettings.load()


def test_a_json_variable_that_is_not_json(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BG_CLIENT", "{")
    with pytest.raises(SettingsError, match="client"):
        consumer(file)


def test_instance_ids_follow_the_membership(file: Path) -> None:
    assert consumer(file).instance_id == "bluegreen-c-1"
    assert consumer(file, pod_name="consumer-green-1", color="green").instance_id == "bluegreen-c-1"
    assert consumer(file, membership="leave-join").instance_id is None
    assert consumer(file, membership="shared").instance_id == "bluegreen-c-consumer-blue-1"


def test_client_configuration_is_the_protocols(file: Path) -> None:
    made = consumer(file, client={"fetch.min.bytes": 10, "client.id": "mine"}).client_configuration()
    assert made["fetch.min.bytes"] == 10
    assert made["client.id"] == "mine"
    assert made["session.timeout.ms"] == 60_000
    dynamic = consumer(file, membership="leave-join")
    assert dynamic.client_configuration()["session.timeout.ms"] == 10_000
    assert (
        consumer(file, membership="leave-join", session_timeout_seconds=7).client_configuration()["session.timeout.ms"]
        == 7_000
    )
    assert made["enable.auto.commit"] is False
    assert "session.timeout.ms" not in consumer(file, group_protocol="consumer").client_configuration()


def test_the_heartbeat_is_the_protocols(file: Path) -> None:
    assert consumer(file).client_configuration()["heartbeat.interval.ms"] == 500
    assert "heartbeat.interval.ms" not in consumer(file, group_protocol="consumer").client_configuration()


@pytest.mark.parametrize("seconds", [".inf", ".nan", "0", "3601", "1e400"])
@pytest.mark.parametrize(
    "name",
    ["session_timeout_seconds", "drain_timeout_seconds", "resume_timeout_seconds", "stall_seconds"],
)
def test_a_time_that_no_clock_has_is_refused_by_name(file: Path, name: str, seconds: str) -> None:
    file.write_text(json.dumps(CONSUMER)[:-1] + f', "{name}": {seconds}}}')
    with pytest.raises(SettingsError, match=f"{name}: "):
        ConsumerSettings.load()


# -- secrets -------------------------------------------------------------------------------------------------

HIDDEN = "hunter2-hunter2"


def beside(file: Path, **secrets: Any) -> None:
    file.with_name("secrets.yaml").write_text(json.dumps(secrets))


def test_secrets_beside_the_settings_are_the_clients_and_nobody_elses(file: Path) -> None:
    beside(file, secret_client={"sasl.password": HIDDEN, "partition.assignment.strategy": "cooperative-sticky"})
    loaded = consumer(
        file,
        client={"sasl.username": "u"},
        membership="separate",
        other_group_id="g",
        fencing="transactions",
        transactional_id="s",
        transactional_ids=3,
    )
    for configuration in (
        loaded.client_configuration(),
        loaded.admin_configuration(),
        loaded.producer_configuration(0),
    ):
        assert (configuration["sasl.username"], configuration["sasl.password"]) == ("u", HIDDEN)
    assert loaded.incremental
    for told in (repr(loaded), str(loaded), str(loaded.model_dump()), str(loaded.model_dump(mode="json"))):
        assert HIDDEN not in told
        assert "sasl.password" in told


@pytest.mark.parametrize(
    ("secrets", "named"),
    [
        ({"secret_client": {"a": [HIDDEN]}}, "secret_client.a: "),
        ({"secret_client": HIDDEN}, "secret_client: "),
        ({"secret_client": {"group.id": HIDDEN}}, "group.id cannot be overridden"),
        ({"secret_client": {"a": HIDDEN}, "topic": [HIDDEN]}, "topic: "),
        ({"other": HIDDEN}, "other: unknown key"),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_without_it(file: Path, secrets: dict[str, Any], named: str) -> None:
    beside(file, **secrets)
    with pytest.raises(SettingsError) as error:
        consumer(file)
    assert named in str(error.value)
    assert HIDDEN not in str(error.value)


@pytest.mark.parametrize("content", [f"a: [{HIDDEN}", HIDDEN, f"- {HIDDEN}"])
def test_secrets_that_are_no_mapping_are_not_told(file: Path, content: str) -> None:
    file.with_name("secrets.yaml").write_text(content)
    with pytest.raises(SettingsError, match=r"secrets\.yaml") as error:
        consumer(file)
    assert HIDDEN not in str(error.value)


@pytest.mark.parametrize("partitions", [[-1], [1, 1]])
def test_producer_partitions(file: Path, partitions: list[int]) -> None:
    file.write_text(json.dumps({"bootstrap_servers": "k", "topic": "t", "write_partitions": partitions}))
    with pytest.raises(SettingsError, match=r"write_partitions: .*different partition numbers"):
        ProducerSettings.load()


def test_a_change_keeps_what_it_does_not_name(file: Path) -> None:
    file.write_text(json.dumps({"bootstrap_servers": "k", "topic": "t", "rate": 7}))
    load = ProducerSettings.load().load_now
    changed = LoadChange(message_bytes=100).applied_to(load)
    assert changed == load.model_copy(update={"message_bytes": 100})
    assert (changed.rate, changed.message_bytes) == (7.0, 100)


def test_reloading_sees_a_change_once(file: Path) -> None:
    file.write_text("rate: 1")
    seen = Reloader(file, file.read_text)
    assert seen.changed(10) is None
    file.write_text("rate: 2")
    assert seen.changed(10.5) is None  # not yet
    assert seen.changed(11.1) == "rate: 2"
    assert seen.changed(13) is None
    file.unlink()
    assert seen.changed(15) is None


def test_ordinals() -> None:
    assert ordinal("consumer-blue-12") == 12
    with pytest.raises(SettingsError, match="StatefulSet"):
        ordinal("consumer-blue-7d9f")
