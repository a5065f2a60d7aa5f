"""The log store and the collector, as the platform registers them when it is asked to."""

from typing import Any

import pulumi
import pytest

from components import names
from components.images import ImageError, platform_images
from components.observability.log_collector import rules
from components.platform_stack import build_platform
from components.settings import SettingsError, platform_settings
from tests.support.recorder import Recorder, deploy

IMAGES = {name: f"localhost/{name}:1" for name in ("kafka", "victoriametrics", "victorialogs", "vlagent")}
OUTPUTS: dict[str, pulumi.Input[Any]] = {}


def _deployed(**given: str) -> Recorder:
    OUTPUTS.clear()
    return deploy(lambda: OUTPUTS.update(build_platform(platform_settings(given), IMAGES)), stack="platform")


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return _deployed(logs="true")


def test_nobody_has_them_who_has_not_asked() -> None:
    plain = {short for kind in ("StatefulSet", "DaemonSet", "Namespace") for short in _deployed().of(kind)}
    assert not plain & {"logs", "log-collector"}
    assert "logsUrl" not in OUTPUTS


def test_the_store_is_bounded_in_time_and_space(stack: Recorder) -> None:
    (container,) = _spec(stack, "StatefulSet", "logs")["containers"]
    assert {"-retentionPeriod=3d", "-retention.maxDiskSpaceUsageBytes=2GiB"} <= set(container["args"])
    (claim,) = stack.of("StatefulSet")["logs"].inputs["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "3Gi"
    assert stack.of("Service")["logs"].inputs["metadata"]["name"] == names.LOGS


def _spec(stack: Recorder, kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = stack.of(kind)[name].inputs["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "logs"), ("DaemonSet", "log-collector")])
def test_neither_can_do_more_than_it_must(stack: Recorder, kind: str, name: str) -> None:
    spec = _spec(stack, kind, name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["automountServiceAccountToken"] is (name == "log-collector")
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() == {"memory"}


def test_the_collector_sees_a_nodes_logs_and_changes_nothing(stack: Recorder) -> None:
    spec = _spec(stack, "DaemonSet", "log-collector")
    of_the_node = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    assert set(of_the_node.values()) == {"/var/log/pods", "/var/log/containers"}
    (container,) = spec["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    for name, path in of_the_node.items():
        assert (mounts[name]["mountPath"], mounts[name]["readOnly"]) == (path, True)
    # What it may write is bounded: what waits for the store, and how far it has read.
    assert next(volume for volume in spec["volumes"] if volume["name"] == "data")["emptyDir"] == {"sizeLimit": "700Mi"}
    # The files are root's, and its group's.
    assert spec["securityContext"]["runAsGroup"] == 0


def test_it_may_read_pods_namespaces_and_its_node(stack: Recorder) -> None:
    made = stack.of("ClusterRole")["log-collector"].inputs["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in made] == [
        (["pods"], ["get", "list", "watch"]),
        (["namespaces"], ["list"]),
        (["nodes"], ["get"]),
    ]
    assert len(rules()) == len(made)


def test_it_is_alone_in_a_namespace_that_holds_nothing_up(stack: Recorder) -> None:
    """The platform's guard takes every namespace of this project's label for a stack that stands on it."""
    made = stack.of("Namespace")["log-collector"].inputs["metadata"]
    assert made["name"] == names.LOGS_NAMESPACE != names.PLATFORM_NAMESPACE
    assert made["labels"] == {"pod-security.kubernetes.io/enforce": "privileged"}
    others = [r.inputs["metadata"].get("namespace") for r in stack.order if "metadata" in r.inputs]
    assert others.count(names.LOGS_NAMESPACE) == 2  # the account and the DaemonSet


def test_it_sends_to_the_store(stack: Recorder) -> None:
    (container,) = _spec(stack, "DaemonSet", "log-collector")["containers"]
    url = f"http://{names.LOGS}.{names.PLATFORM_NAMESPACE}.svc.cluster.local:{names.LOGS_PORT}"
    assert f"-remoteWrite.url={url}/insert/native" in container["args"]


def test_both_go_before_the_platform_may() -> None:
    stack = _deployed(logs="true")
    guard = stack.of("ConfigMap")["platform-guard"]
    assert {"StatefulSet/logs", "DaemonSet/log-collector"} <= guard.dependencies
    assert OUTPUTS["logsUrl"] is not None


def test_on_ones_own_cluster_their_images_are_asked_for_with_them() -> None:
    given = {"platform": "cluster", "images": '{"kafka":"k:1","victoriametrics":"v:1","vlagent":"a:1"}'}
    assert platform_images(platform_settings(given), {}) == {"kafka": "k:1", "victoriametrics": "v:1"}
    with pytest.raises(SettingsError, match=r"images.victorialogs: is required with logs: true") as refused:
        platform_settings({**given, "logs": "true"})
    assert len(refused.value.problems) == 1


def test_the_sandbox_is_asked_for_them_by_name(tmp_path: Any) -> None:
    file = tmp_path / "references.json"
    file.write_text('{"kafka":"k:1","victoriametrics":"v:1"}')
    environment = {"KAFKA_BLUEGREEN_IMAGES": str(file)}
    assert platform_images(platform_settings({}), environment) == {"kafka": "k:1", "victoriametrics": "v:1"}
    with pytest.raises(ImageError, match=r"victorialogs, vlagent: not in .* up --with logs &&"):
        platform_images(platform_settings({"logs": "true"}), environment)
