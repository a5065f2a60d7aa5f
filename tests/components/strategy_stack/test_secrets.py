"""A secret in a colour's client settings: in a Secret, for its consumers' eyes, and nowhere else."""

import json
from typing import Any

import pytest
import yaml

from components.live_switch import Expectation
from tests.components.strategy_stack.deployed import containers, mounts, pod, settings_of, up
from tests.support.recorder import SIGNATURE, Recorder

HUNTER = "hunter2-hunter2"
CONFIG = {"sasl.password": HUNTER, "sasl.username": "someone"}


def deployed(password: str = HUNTER, strategy: str = "c", **blue: Any) -> Recorder:
    return up(strategy=strategy, hidden={"blue"}, blue={"config": {**CONFIG, "sasl.password": password}, **blue})


def volume(recorder: Recorder, color: str) -> dict[str, Any]:
    volumes = pod(recorder.of("StatefulSet")[f"consumer-{color}"])["volumes"]
    (found,) = (each for each in volumes if each["name"] == "settings")
    return dict(found)


@pytest.mark.parametrize("strategy", ["b", "c"])
def test_it_is_in_the_colours_secret_and_in_nothing_else(checks: list[Expectation], strategy: str) -> None:
    recorder = deployed(strategy=strategy)
    (secret,) = recorder.of("Secret").values()
    assert (secret.name, secret.parent) == ("consumer-blue", "ConsumerSet/consumer-blue")
    assert secret.inputs["immutable"] is True
    data = secret.inputs["stringData"]
    assert data.pop(SIGNATURE), "Pulumi is not told that it is a secret"
    assert yaml.safe_load(data["value"]["secrets.yaml"]) == {"secret_client": CONFIG}
    others = {name: json.dumps(made.inputs) for name, made in recorder.by_name.items() if made is not secret}
    assert [name for name, said in others.items() if HUNTER in said or "someone" in said] == []
    assert settings_of(recorder, "consumer-blue")["client"] == {}


def test_the_consumers_and_nobody_else_see_it_beside_their_settings(checks: list[Expectation]) -> None:
    recorder = deployed()
    name = recorder.secret_name("consumer-blue")
    item = {"key": "secrets.yaml", "path": "secrets.yaml", "mode": 0o440}
    assert volume(recorder, "blue") == {
        "name": "settings",
        "projected": {
            "sources": [{"configMap": {"name": "consumer-blue"}}, {"secret": {"name": name, "items": [item]}}]
        },
    }
    blue = recorder.of("StatefulSet")["consumer-blue"]
    holders = {c["name"]: mounts(c)["settings"] for c in containers(blue) if "settings" in mounts(c)}
    assert holders == {"consumer": "/etc/kafka-bluegreen"}
    (consumer,) = pod(blue)["containers"]
    assert [m["readOnly"] for m in consumer["volumeMounts"] if m["name"] == "settings"] == [True]
    # The other colour has none, and is as it is without.
    assert volume(recorder, "green") == {"name": "settings", "configMap": {"name": "consumer-green"}}
    assert recorder.by_name["StatefulSet/consumer-green"].inputs == up().by_name["StatefulSet/consumer-green"].inputs


def test_the_pods_roll_with_it_by_its_secrets_name_and_no_hash_of_it_is_told(checks: list[Expectation]) -> None:
    """Another content is another Secret, whose name is made up by Pulumi: nothing that could be guessed from."""
    one, other = deployed(), deployed("another")
    assert "name" not in one.of("Secret")["consumer-blue"].inputs["metadata"]
    template = one.of("StatefulSet")["consumer-blue"].inputs["spec"]["template"]
    assert template == other.of("StatefulSet")["consumer-blue"].inputs["spec"]["template"]
    assert one.secret_name("consumer-blue") in json.dumps(template["spec"])


def test_without_a_secret_there_is_none(stack: Recorder) -> None:
    assert stack.of("Secret") == {}
