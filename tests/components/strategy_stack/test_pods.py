"""What runs in the pods of a strategy stack, and what it may do."""

from typing import Any

import pytest

from components.live_switch import Expectation
from tests.components.strategy_stack.deployed import IMAGE, containers, mounts, pod, up, with_pods
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder

# -- what runs in the pods -------------------------------------------------------------------------------


def test_no_pod_can_do_more_than_it_must(stack: Recorder) -> None:
    for resource in with_pods(stack):
        assert pod(resource)["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod(resource)["enableServiceLinks"] is False
        for container in containers(resource):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert container["image"] == IMAGE
            assert "memory" in container["resources"]["limits"]
            assert "cpu" in container["resources"]["requests"]


def test_everything_fits_on_two_cores(stack: Recorder) -> None:
    millicores = 0
    for resource in with_pods(stack):
        count = resource.inputs["spec"].get("replicas", 1)
        for container in containers(resource):
            millicores += count * int(container["resources"]["requests"]["cpu"].removesuffix("m"))
    assert millicores <= 800  # the platform and the cluster's own want some, too


def test_only_sidecar_and_controller_have_a_token(stack: Recorder) -> None:
    automounted = {r.name for r in with_pods(stack) if pod(r)["automountServiceAccountToken"]}
    assert automounted == {"controller"}
    for name, account in stack.of("ServiceAccount").items():
        assert account.inputs["automountServiceAccountToken"] is False, name
    for color in ("blue", "green"):
        colour = stack.of("StatefulSet")[f"consumer-{color}"]
        token = next(volume for volume in pod(colour)["volumes"] if volume["name"] == "token")
        sources = token["projected"]["sources"]
        assert sources[0] == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
        assert sources[1]["configMap"]["name"] == "kube-root-ca.crt"
        assert sources[2]["downwardAPI"]["items"][0]["fieldRef"] == {"fieldPath": "metadata.namespace"}
        holders = {c["name"]: mounts(c)["token"] for c in containers(colour) if "token" in mounts(c)}
        assert holders == {"sidecar": "/var/run/secrets/kubernetes.io/serviceaccount"}


def test_the_sidecar_is_a_native_one(stack: Recorder) -> None:
    colour = stack.of("StatefulSet")["consumer-green"]
    (sidecar,) = pod(colour)["initContainers"]
    assert sidecar["name"] == "sidecar"
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["command"] == ["python3", "-m", "workloads.sidecar"]
    environment = {e["name"]: e.get("value") or e["valueFrom"]["fieldRef"]["fieldPath"] for e in sidecar["env"]}
    assert environment == {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "POD_UID": "metadata.uid",
        "BG_COLOR": "green",
        "BG_LEASE_NAME": "consumer-switch",
    }
    # The consumer's settings are not the sidecar's.
    assert "settings" not in mounts(sidecar)


def test_records_outlive_the_pods_but_not_the_deployment(stack: Recorder) -> None:
    for name, holder in (("producer", "producer"), ("consumer-blue", "consumer"), ("consumer-green", "consumer")):
        resource = stack.of("StatefulSet")[name]
        (claim,) = resource.inputs["spec"]["volumeClaimTemplates"]
        assert claim["metadata"]["name"] == "records"
        assert resource.inputs["spec"]["persistentVolumeClaimRetentionPolicy"] == {
            "whenDeleted": "Delete",
            "whenScaled": "Retain",
        }
        assert {c["name"]: mounts(c)["records"] for c in containers(resource) if "records" in mounts(c)} == {
            holder: "/records"
        }


def test_no_pod_waits_for_another_nor_a_version_for_one_that_does_not_get_ready(stack: Recorder) -> None:
    policies = {name: made.inputs["spec"]["podManagementPolicy"] for name, made in stack.of("StatefulSet").items()}
    assert policies == dict.fromkeys(["consumer-blue", "consumer-green", "producer"], "Parallel")


@pytest.mark.parametrize(("drain", "resume"), [(10, 10), (1, 1), (60, 5), (5, 60)])
def test_a_hang_is_a_failed_switch_before_it_is_a_restart(checks: list[Expectation], drain: int, resume: int) -> None:
    colour = up(drainTimeoutSeconds=drain, resumeTimeoutSeconds=resume).of("StatefulSet")["consumer-blue"]
    (consumer,) = pod(colour)["containers"]
    liveness = consumer["livenessProbe"]
    # The first failing probe may come at once: so many periods pass at least until the last one.
    assert liveness["periodSeconds"] * (liveness["failureThreshold"] - 1) > max(drain, resume)
    assert pod(colour)["terminationGracePeriodSeconds"] == drain + 5


def test_probes_ask_what_the_contract_names(stack: Recorder) -> None:
    asked = {
        container["name"]: {
            probe: (container[f"{probe}Probe"]["httpGet"]["path"], container[f"{probe}Probe"]["httpGet"]["port"])
            for probe in ("liveness", "readiness")
        }
        for kind in ("StatefulSet", "Deployment")
        for resource in stack.of(kind).values()
        for container in containers(resource)
    }
    usual = {"liveness": ("/healthz", 8080), "readiness": ("/readyz", 8080)}
    assert asked == {
        "consumer": usual,
        "producer": usual,
        "controller": usual,
        "sidecar": {"liveness": ("/healthz", 8082), "readiness": ("/healthz", 8082)},
    }


def test_metrics_are_found(stack: Recorder) -> None:
    for kind in ("StatefulSet", "Deployment"):
        for resource in stack.of(kind).values():
            annotations = resource.inputs["spec"]["template"]["metadata"]["annotations"]
            assert annotations["prometheus.io/scrape"] == "true"
            assert annotations["prometheus.io/port"] == "8080"
            assert annotations["prometheus.io/path"] == "/metrics"
            ports = {port["name"]: port["containerPort"] for c in containers(resource) for port in c["ports"]}
            assert ports["metrics"] == 8080
    sidecar = containers(stack.of("StatefulSet")["consumer-blue"])[0]
    assert sidecar["ports"] == [{"name": "metrics-sidecar", "containerPort": 8082}]


# -- rights ----------------------------------------------------------------------------------------------


def test_a_sidecar_may_read_one_lease_and_report(stack: Recorder) -> None:
    assert stack.of("Role")["consumer"].inputs["rules"] == [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["consumer-switch"],
            "verbs": ["get", "watch"],
        },
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]},
    ]


def test_the_controller_may_do_its_work_in_its_namespace(stack: Recorder) -> None:
    assert stack.of("Role")["controller"].inputs["rules"] == [
        {
            "apiGroups": ["kafka-bluegreen.io"],
            "resources": ["kafkaconsumerswitches"],
            "verbs": ["get", "list", "watch"],
        },
        {
            "apiGroups": ["kafka-bluegreen.io"],
            "resources": ["kafkaconsumerswitches/status"],
            "verbs": ["get", "patch", "update"],
        },
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["consumer-switch"],
            "verbs": ["get", "list", "watch", "update"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]


def test_rights_are_given_in_the_namespace_only_and_to_their_own_account(stack: Recorder) -> None:
    assert stack.of("ClusterRole") == {}
    assert stack.of("ClusterRoleBinding") == {}
    for name in ("consumer", "controller"):
        binding = stack.of("RoleBinding")[name].inputs
        assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "strategy-c"}]
    accounts = {r.name: pod(r).get("serviceAccountName") for r in with_pods(stack)}
    assert accounts == {
        "topic": None,
        "producer": "producer",
        "controller": "controller",
        "consumer-blue": "consumer",
        "consumer-green": "consumer",
    }


# -- the topic ---------------------------------------------------------------------------------------------


def test_the_topics_job_is_another_one_for_another_broker(checks: list[Expectation]) -> None:
    """What a Job's pods are like cannot be changed: another template is another run."""

    def template(**platform: str) -> dict[str, Any]:
        job = up(platform={**PLATFORM_OUTPUTS, **platform}).of("Job")["topic"]
        found: dict[str, Any] = job.inputs["spec"]["template"]
        return found

    before, after = template(kafkaId="one"), template(kafkaId="two")
    assert before["metadata"] != after["metadata"]
    assert before["spec"] == after["spec"]
    assert template() == template()  # a platform from before it told its broker's identity


def test_a_topics_job_that_failed_is_made_anew_by_the_next_up(stack: Recorder) -> None:
    job = stack.of("Job")["topic"]
    assert job.inputs["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert job.delete_before_replace
