"""What a consumer of a colour's own group has to be told, and what makes no sense together."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from workloads.consumer.settings import ConsumerSettings

USUAL = {"bootstrap_servers": "k", "topic": "t", "group_id": "g-blue", "color": "blue", "strategy": "x"}
SEPARATE: dict[str, Any] = {"membership": "separate", "other_group_id": "g-green"}
FENCED: dict[str, Any] = SEPARATE | {"fencing": "transactions", "transactional_id": "s", "transactional_ids": 3}

CONNECT = "socket.connection.setup.timeout.ms"


def made(pod_name: str = "consumer-blue-2", **settings: Any) -> ConsumerSettings:
    return ConsumerSettings.model_validate(USUAL | {"pod_name": pod_name} | settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"membership": "separate"}, "other_group_id"),
        (SEPARATE | {"other_group_id": "g-blue"}, "other_group_id"),
        ({"other_group_id": "g-green"}, "other_group_id"),
        ({"fencing": "transactions"}, "fencing"),
        ({"transactional_ids": 3}, "transactional_ids"),
        (FENCED | {"transactional_id": ""}, "transactional_id"),
        (FENCED | {"transactional_ids": 0}, "transactional_ids"),
        (FENCED | {"transactional_ids": 2}, "has no id"),
        (SEPARATE | {"fencing": "sometimes"}, "fencing"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        made(**settings)


def test_a_pod_without_a_number_has_no_id() -> None:
    with pytest.raises(ValueError, match="consumer-blue"):
        made("consumer-blue", **FENCED)


def test_a_place_of_its_own_where_the_protocol_has_one() -> None:
    assert made(**SEPARATE).instance_id == "g-blue-consumer-blue-2"
    assert made(**SEPARATE, group_protocol="consumer").instance_id is None
    assert "transactional.id" not in made(**FENCED).client_configuration()


def test_what_gets_a_client_in_is_every_clients() -> None:
    client = {"security.protocol": "SASL_SSL", "sasl.username": "u", "max.poll.interval.ms": 1000}
    settings = made(**FENCED, client=client)
    producer = settings.producer_configuration(2)
    assert producer["transactional.id"] == "s-2"
    for configuration in (producer, settings.admin_configuration()):
        assert (configuration["security.protocol"], configuration["sasl.username"]) == ("SASL_SSL", "u")
        assert "max.poll.interval.ms" not in configuration


@pytest.mark.parametrize(("client", "milliseconds"), [({}, 3000), ({CONNECT: 9000}, 9000)])
def test_a_connect_that_is_not_answered_is_given_up_soon_unless_told_otherwise(
    client: dict[str, Any], milliseconds: int
) -> None:
    settings = made(**FENCED, client=client)
    for configuration in (
        settings.client_configuration(),
        settings.admin_configuration(),
        settings.producer_configuration(2),
    ):
        assert configuration[CONNECT] == milliseconds


def test_ids_are_accepted_where_nothing_is_fenced() -> None:
    """A stack says who its ids would be, whichever way it is set."""
    assert not made(**SEPARATE, transactional_id="s", transactional_ids=3).fenced


def test_its_image_and_its_processing_come_with_the_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The one from the component, the other from the image itself; the settings file knows neither."""
    file = tmp_path / "settings.yaml"
    file.write_text(json.dumps(USUAL))
    monkeypatch.setenv("POD_NAME", "consumer-blue-2")
    plain = ConsumerSettings.load(file)
    assert (plain.image, plain.processing) == ("", "none")
    monkeypatch.setenv("APPLICATION_IMAGE", "registry/app:2")
    monkeypatch.setenv("BG_PROCESSING", "checksum")  # as tools/sandbox/images/consumer-v2 has it
    second = ConsumerSettings.load(file)
    assert (second.image, second.processing) == ("registry/app:2", "checksum")
