"""The program that sets a broker's logger, beside a client that stands in for the brokers."""

from pathlib import Path
from typing import Any

import kafka.admin
import pytest
from kafka.admin import AlterConfigOp, ConfigResourceType, KafkaAdminClient

from experiments.in_pod.set_logger import main
from experiments.logs.broker_logger import LOGGER


class Admin:
    """Two brokers; `answer` is what each says to a change."""

    answer = "OK"

    def __init__(self, bootstrap_servers: str) -> None:
        self.servers, self.closed = bootstrap_servers, False
        self.asked: list[Any] = []
        ADMINS.append(self)

    def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{"broker_id": 1}, {"broker_id": 2}]}

    def alter_configs(self, resources: list[Any], *, raise_on_unknown: bool) -> dict[str, dict[str, str]]:
        assert not raise_on_unknown  # it would ask for the broker's settings, among which a logger is not
        self.asked += resources
        return {"broker_logger": {resource.name: self.answer for resource in resources}}

    def close(self) -> None:
        self.closed = True


ADMINS: list[Admin] = []


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(kafka.admin, "KafkaAdminClient", Admin)
    ADMINS.clear()
    file = tmp_path / "settings.yaml"
    file.write_text("bootstrap_servers: kafka:9092\n")
    return str(file)


@pytest.mark.parametrize(
    ("level", "change"), [("DEBUG", (AlterConfigOp.SET, "DEBUG")), ("", (AlterConfigOp.DELETE, None))]
)
def test_every_broker_is_told(settings: str, level: str, change: tuple[Any, Any]) -> None:
    main(settings, LOGGER, level)
    (admin,) = ADMINS
    assert (admin.servers, admin.closed) == ("kafka:9092", True)
    assert [(one.resource_type, one.name, one.configs) for one in admin.asked] == [
        (ConfigResourceType.BROKER_LOGGER, name, {LOGGER: change}) for name in ("1", "2")
    ]


def test_a_broker_that_refuses_is_named(settings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admin, "answer", "[Error 40] InvalidConfigurationError: no logger of that name")
    with pytest.raises(SystemExit, match=rf"broker 1: logger {LOGGER} was not set: \[Error 40\]"):
        main(settings, LOGGER, "DEBUG")
    assert ADMINS[0].closed


@pytest.mark.parametrize("change", [(AlterConfigOp.SET, "DEBUG"), (AlterConfigOp.DELETE, None)])
def test_the_client_can_say_it(change: tuple[Any, Any]) -> None:
    """Its own way to the wire takes a logger as what it is: IncrementalAlterConfigs, to the broker itself."""
    resource = kafka.admin.ConfigResource(ConfigResourceType.BROKER_LOGGER, "1", {LOGGER: change})
    of_brokers, others = KafkaAdminClient._group_config_resources([resource])
    assert (dict(of_brokers), others) == ({1: [resource]}, [])
    request = KafkaAdminClient._alter_configs_request([resource], incremental=True)
    assert request.name == "IncrementalAlterConfigsRequest"
    assert LOGGER.encode() in request.encode(version=1)
