"""The queries on a real VictoriaLogs, and the collector that the platform deploys on files as a node has them.

No cluster: both programs run on the loopback, and an API server's answers are a test's. On a cluster they are seen by a
run on a platform with `logs: true`; not in the suite, whose tests share one platform that would be changed under them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.images import LOGS
from components.observability import log_collector
from components.platform_stack import build_platform
from components.settings import platform_settings
from experiments import broker_log
from experiments.logs.items import ITEMS, Item, Situation
from experiments.logs.queries import judged, query, rows
from tests.experiments.logs.samples import AT, BROKER, CONNECT, FOUND, PLACE, lines
from tests.support.fake_api import FakeApi
from tests.support.recorder import deploy
from tests.support.victorialogs import INSERT, Program, wait

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("victorialogs")]

NOW = Situation(switches=1, members=1, workers=1)
NODE = "sandbox"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("victorialogs")
    made = Program("victoria-logs", [f"-storageDataPath={folder / 'data'}", "-retentionPeriod=100y"], folder)
    made.post(INSERT, lines().encode())
    total = len(lines().splitlines())
    wait("the lines to be searchable", lambda: made.count('{"kubernetes.pod_name"!=""}') >= total, made.output)
    yield made
    made.close()


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_every_item_is_found_with_its_count(store: Program, item: Item) -> None:
    answer = store.ask(query(item, PLACE, AT, AT + 1))
    said = judged(item, PLACE, rows(answer), NOW, ours=True)
    assert (said["lines"], said["bad"]) == FOUND[item.key], said


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_nothing_is_found_outside_of_its_time(store: Program, item: Item) -> None:
    for since, until in ((AT - 1, AT + 0.1), (AT + 0.1001, AT + 1)):
        answer = store.ask(query(item, PLACE, since, until))
        assert judged(item, PLACE, rows(answer), NOW, ours=True)["lines"] == 0


@pytest.mark.parametrize(("key", "found"), [("lifecycle_calls", 2), ("assignments", 2), ("failures", 1), ("lease", 0)])
def test_what_connectors_say_is_found(store: Program, key: str, found: int) -> None:
    (item,) = (item for item in ITEMS if item.key == key)
    answer = store.ask(query(item, CONNECT, AT, AT + 1))
    assert judged(item, CONNECT, rows(answer), NOW, ours=True)["lines"] == found


def test_figures_are_those_of_the_lines(store: Program) -> None:
    (item,) = (item for item in ITEMS if item.key == "phases")
    found = rows(store.ask(query(item, PLACE, AT, AT + 1)))
    assert [(row["what"], row["worst_s"]) for row in found] == [("Pausing", 0.02), ("switch", 0.07)]


def test_the_store_counts_as_the_run_does_in_the_brokers_log(store: Program) -> None:
    (item,) = (item for item in ITEMS if item.key == "rebalances")
    (found,) = rows(store.ask(query(item, PLACE, AT, AT + 1)))
    counted = broker_log.count(BROKER, "bluegreen-c")
    assert (found["began"], found["replaced"], found["bad"]) == (
        counted.rebalances,
        counted.replaced_static_members,
        counted.expired_members,
    )


def _arguments(store: str, folder: Path) -> list[str]:
    """Those that the platform gives the collector, with the folders and the address of this test."""

    def program() -> None:
        names = ("kafka", "victoriametrics", *LOGS)
        build_platform(platform_settings({"logs": "true"}), dict.fromkeys(names, "localhost/image:1"))

    spec = deploy(program, stack="platform").of("DaemonSet")["log-collector"].inputs["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    there = {
        log_collector.CONTAINER_LOGS: str(folder / "containers"),
        "/var/lib/vlagent": str(folder / "data"),
        "http://victorialogs.kafka-bluegreen.svc.cluster.local:9428": store,
    }
    given = [text for text in container["args"] if not text.startswith("-httpListenAddr")]
    for old, new in there.items():
        assert any(old in text for text in given), old
        given = [text.replace(old, new) for text in given]
    return given


def _pod(namespace: str, name: str) -> dict[str, Any]:
    status = {"name": "main", "containerID": f"containerd://{name}"}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"kafka-bluegreen.io/color": "blue"}},
        "spec": {"nodeName": NODE, "containers": [{"name": "main"}]},
        "status": {"podIP": "10.0.0.1", "containerStatuses": [status]},
    }


def test_the_collector_takes_our_lines_field_by_field_and_nobody_elses(store: Program, tmp_path: Path) -> None:
    names = {"ours": "strategy-x", "theirs": "kube-system"}
    label = {"app.kubernetes.io/part-of": "kafka-bluegreen"}
    api = FakeApi()
    api.answers = {
        ("GET", "/api/v1/nodes"): (200, {"items": [{"metadata": {"name": NODE}}]}),
        ("GET", f"/api/v1/nodes/{NODE}"): (200, {"metadata": {"name": NODE}}),
        ("GET", "/api/v1/namespaces"): (
            200,
            {
                "items": [
                    {"metadata": {"name": "strategy-x", "labels": label}},
                    {"metadata": {"name": "kube-system", "labels": {}}},
                ]
            },
        ),
        ("GET", "/api/v1/pods"): (
            200,
            {"metadata": {"resourceVersion": "1"}, "items": [_pod(where, pod) for pod, where in names.items()]},
        ),
    }
    files = tmp_path / "containers"
    files.mkdir()
    line = json.dumps({"time": "2026-11-28T13:00:00.5Z", "level": "info", "message": "committed", "duration_ms": 2.5})
    text = f"2026-11-28T13:00:00.6Z stdout F {line}\n2026-11-28T13:00:00.7Z stdout F [2026] INFO a broker's\n"
    for pod, where in names.items():
        (files / f"{pod}_{where}_main-{pod}.log").write_text(text)
    agent = Program("vlagent", _arguments(store.url, tmp_path), tmp_path, KUBECONFIG=api.kubeconfig(tmp_path))
    try:
        of_ours = '_time:2026-11-28T13:00Z {"kubernetes.pod_namespace"="strategy-x"}'
        wait("the lines to arrive", lambda: store.count(of_ours) == 2, agent.output)
    finally:
        agent.close()
        api.close()
    assert store.count('_time:2026-11-28T13:00Z {"kubernetes.pod_namespace"!="strategy-x"}') == 0
    first, second = (
        json.loads(one) for one in store.get("/select/logsql/query", query=f"{of_ours} | sort by (_time)").splitlines()
    )
    assert (first["_msg"], first["duration_ms"], first["_time"]) == ("committed", "2.5", "2026-11-28T13:00:00.5Z")
    assert first["kubernetes.pod_labels.kafka-bluegreen.io/color"] == "blue"
    assert (second["_msg"], second["_time"]) == ("[2026] INFO a broker's", "2026-11-28T13:00:00.7Z")
