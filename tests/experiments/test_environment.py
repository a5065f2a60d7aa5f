"""What a run was made with: a stand-in is called one, and one program in two colours is one."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from experiments import environment
from experiments.cluster import Cluster
from experiments.environment import VersionError, operator
from tests.experiments.test_cluster import PODS, listed, pod
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi


@pytest.mark.parametrize(
    ("managers", "expected"),
    [
        (["strimzi-cluster-operator"], "strimzi-cluster-operator"),
        (["kafka-bluegreen-connect-operator"], "kafka-bluegreen-connect-operator (a stand-in for Strimzi's)"),
    ],
)
def test_a_stand_in_is_called_one(managers: list[str], expected: str) -> None:
    assert operator(managers) == expected


def test_workers_that_nobody_manages_tell_no_operator() -> None:
    with pytest.raises(VersionError):
        operator([])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({"app.kubernetes.io/version": "1.2.0"}, "1.2.0 (v1)"), ({}, "v1")],
)
def test_the_version_of_strimzis_resources(
    api: FakeApi, cluster: Cluster, labels: dict[str, str], expected: str
) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/kafkaconnectors.kafka.strimzi.io"
    versions = [{"name": "v1", "served": True}, {"name": "v1beta2", "served": False}]
    api.answers["GET", path] = (200, {"metadata": {"labels": labels}, "spec": {"versions": versions}})
    assert environment._crds(cluster) == expected


def test_what_the_broker_says_of_itself_is_read_and_not_what_was_asked_for() -> None:
    told = """All configs for broker 1 are:
  group.initial.rebalance.delay.ms=100 sensitive=false synonyms={STATIC_BROKER_CONFIG:a.b=9}
  group.consumer.assignment.interval.ms=1000 sensitive=false synonyms={}
  log.dirs=/tmp sensitive=false synonyms={}
"""
    found = {"group.initial.rebalance.delay.ms": 100, "group.consumer.assignment.interval.ms": 1000}
    assert environment.broker_settings(told) == found
    with pytest.raises(KeyError):
        environment.broker_settings("All configs for broker 1 are:\n")


def test_the_workers_of_both_colours_are_one_program(api: FakeApi, cluster: Cluster) -> None:
    def of(name: str, container: str) -> dict[str, Any]:
        raw = pod(name)
        raw["status"] = {"containerStatuses": [{"name": container, "image": "i:1"}]}
        return raw

    api.answers["GET", "/api/v1/namespaces/kafka-bluegreen/pods"] = (200, listed(of("kafka-0", "kafka")))
    workers = [of(f"{color}-connect-0", f"{color}-connect") for color in ("blue", "green")]
    api.answers["GET", PODS] = (200, listed(*workers, of("agent-blue-0", "sidecar")))
    found = environment._images(cluster, "strategy-c", parts())
    assert set(found) == {"image kafka", "image kafka-connect", "image sidecar"}


def test_version_and_image_of_each_colour_are_what_its_pods_say(api: FakeApi, cluster: Cluster) -> None:
    path = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches/consumer"
    status = {"blue": {"version": "1", "image": "app:1"}, "green": {"version": "2", "image": ""}}
    raw = {"metadata": {"name": "consumer", "generation": 1}, "spec": {"active": "blue"}, "status": status}
    api.answers["GET", path] = (200, raw)
    assert environment._colors(cluster, "strategy-c") == {
        "blue version": "1",
        "blue image": "app:1",
        "green version": "2",
        "green image": None,
    }


def test_a_waiting_machine_is_not_a_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is the thread's processor time, of which others take none."""
    ticks = iter([0.0, 0.05, 1.0, 1.07, 2.0, 2.06, 3.0, 3.9, 4.0, 4.01])
    monkeypatch.setattr(time, "thread_time", lambda: next(ticks))
    assert environment.speed() == 60.0


def test_a_checkout_is_changed_by_its_code_and_not_by_how_its_stacks_are_configured(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=tmp_path, check=True)

    for name in ("stacks/Pulumi.platform.yaml", "experiments/run.py"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("config: {}\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    assert (clean := environment.commit(tmp_path)) is not None
    (tmp_path / "stacks/Pulumi.platform.yaml").write_text("config: {logs: true}\n")
    assert environment.commit(tmp_path) == clean
    (tmp_path / "experiments/run.py").write_text("changed\n")
    assert environment.commit(tmp_path) == f"{clean}-dirty"
