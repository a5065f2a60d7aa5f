"""A colour whose application is not this project's: how its container is run, and what it is given."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.images import ImageError, resolved
from components.live_switch import Expectation
from components.restarts import changes
from components.settings import SettingsError, StackName, strategy_settings
from components.strategies.base import PlainSite, strategy
from tests.components.strategy_stack.deployed import IMAGE, mounts, pod, up
from tests.support.recorder import Recorder, deploy

OWN = {
    "command": ["/app/run", "--fast"],
    "env": {"TOPIC": "$(BG_TOPIC)"},
    "secretEnv": {"PASSWORD": "credentials/password"},
    "volumes": {"/etc/app": "configMap/app", "/keys": "secret/keys", "/work": "emptyDir"},
    "ports": {"admin": 9000},
    "uid": 4711,
    "readyPath": "/ready",
    "alivePath": "/alive",
    "startupSeconds": 90,
    "cpu": "250m",
    "memory": "128Mi",
    "memoryLimit": "1Gi",
}


def green(recorder: Recorder) -> dict[str, Any]:
    (container,) = pod(recorder.of("StatefulSet")["consumer-green"])["containers"]
    return dict(container)


def test_it_is_run_as_it_says(checks: list[Expectation]) -> None:
    recorder = up(green={"image": "registry/app:7", "application": OWN})
    container, of_pod = green(recorder), pod(recorder.of("StatefulSet")["consumer-green"])
    assert (container["image"], container["command"]) == ("registry/app:7", ["/app/run", "--fast"])
    assert of_pod["securityContext"]["runAsUser"] == of_pod["securityContext"]["fsGroup"] == 4711
    assert [(port["name"], port["containerPort"]) for port in container["ports"]] == [
        ("metrics", 8080),
        ("admin", 9000),
    ]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/alive", "readiness": "/ready", "liveness": "/alive"}
    assert container["startupProbe"]["failureThreshold"] == 90
    assert container["resources"] == {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    own = {name: path for name, path in mounts(container).items() if name.startswith("own-")}
    assert list(own.values()) == ["/etc/app", "/keys", "/work"]
    volumes = {volume["name"]: volume for volume in of_pod["volumes"]}
    kinds = [next(key for key in volumes[name] if key != "name") for name in own]
    assert kinds == ["configMap", "secret", "emptyDir"]


def test_it_is_given_the_contract_by_its_environment_before_its_own(checks: list[Expectation]) -> None:
    entries = green(up(membership="leave-join", green={"image": "registry/app:7", "application": OWN}))["env"]
    told = {entry["name"]: entry.get("value") for entry in entries}
    contract = {
        "BG_BOOTSTRAP_SERVERS": "kafka.kafka-bluegreen.svc.cluster.local:9092",
        "BG_TOPIC": "bluegreen",
        "BG_GROUP_ID": "bluegreen-c",
        "BG_MEMBERSHIP": "leave-join",
        "BG_GROUP_PROTOCOL": "classic",
        "BG_COLOR": "green",
        "BG_RECORDS_DIR": "/records",
        "BG_LIFECYCLE_PORT": "8081",
        "BG_HTTP_PORT": "8080",
        "BG_FAULTS_ENABLED": "false",
        "SETTINGS_FILE": "/etc/kafka-bluegreen/settings.yaml",
    }
    assert contract.items() <= told.items()
    names = [entry["name"] for entry in entries]
    assert names.index("BG_TOPIC") < names.index("TOPIC")  # a reference is to what stands before it
    assert not {"BG_FAULTS", "BG_CLIENT"} & set(names)
    (password,) = [entry for entry in entries if entry["name"] == "PASSWORD"]
    assert password["valueFrom"]["secretKeyRef"] == {"name": "credentials", "key": "password"}


def test_who_has_none_is_run_as_ever(checks: list[Expectation]) -> None:
    recorder = up(green={"image": "registry/app:7"})
    container = green(recorder)
    assert container["command"] == ["python3", "-m", "workloads.consumer"]
    assert not any(entry["name"].startswith("BG_") for entry in container["env"])


def test_its_entry_point_and_its_file_system_can_be_its_images_own(checks: list[Expectation]) -> None:
    container = green(up(green={"image": "registry/app:7", "application": {"writable": True}}))
    assert "command" not in container
    assert container["securityContext"]["readOnlyRootFilesystem"] is False


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"application": {}}, "without green"),
        ({"image": "a:1", "application": {"volumes": {"/x": "hostPath/etc"}}}, "emptyDir, configMap/NAME"),
        ({"image": "a:1", "application": {"volumes": {"x": "emptyDir"}}}, "absolute paths"),
        ({"image": "a:1", "application": {"uid": 0}}, "uid"),
        ({"image": "a:1", "application": {"memory": "lots"}}, "quantity"),
        ({"image": "a:1", "application": {"secretEnv": {"A": "b"}}}, "NAME/KEY"),
        ({"image": "a:1", "application": {"privileged": True}}, "privileged"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        strategy_settings({"strategy": "c", "green": json.dumps(given)}, "strategy-c")


def test_an_image_of_the_sandboxs_own_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text('{"faust-consumer": "localhost/faust:1"}')
    settings = strategy_settings({"strategy": "c", "green": '{"image": "sandbox:faust-consumer"}'}, "strategy-c")
    found = resolved(settings, {"KAFKA_BLUEGREEN_IMAGES": str(file)})
    assert (found.green.image, found.blue.image) == ("localhost/faust:1", None)
    file.write_text("{}")
    with pytest.raises(ImageError, match=r"tools\.sandbox up --with faust"):
        resolved(settings, {"KAFKA_BLUEGREEN_IMAGES": str(file)})


def test_an_update_that_changes_nothing_restarts_nobody(checks: list[Expectation]) -> None:
    """What restarts its pods is known before anything is registered, by plain values: it comes to the same."""
    given = {"image": "registry/app:7", "application": OWN}
    recorder = up(strategy="b", fencing="none", standby="outside", blue=given, green=given)
    live = recorder.of("StatefulSet")["consumer-blue"].inputs
    raw = {"strategy": "b", "fencing": "none", "standby": "outside"} | dict.fromkeys(
        ("blue", "green"), json.dumps(given)
    )
    settings = strategy_settings(raw, "strategy-b")
    site = PlainSite(
        StackName("strategy-b"),
        settings,
        {"workloads": IMAGE},
        "strategy-b",
        "kafka.kafka-bluegreen.svc.cluster.local:9092",
    )
    found: list[str] = []

    def program() -> dict[str, Any]:
        (wanted,) = strategy("b").restarted_by(site, "blue").values()
        found.extend(changes(live, wanted))
        return {}

    deploy(program, stack="strategy-b", platform={})
    assert found == []
