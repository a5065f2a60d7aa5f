"""The program: what its settings make it move, and what it answers of itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from workloads.common.http import HttpError, Request
from workloads.common.kube import Access, Kube
from workloads.common.report import Report
from workloads.common.settings import SettingsError, validated
from workloads.common.states import State
from workloads.sidecar.__main__ import made_agent, routes, subject
from workloads.sidecar.connect.agent import AgentWay
from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.consumer import LifecycleApi
from workloads.sidecar.settings import SidecarSettings
from workloads.sidecar.sidecar import Sidecar

CONNECT: dict[str, Any] = {
    "control": "strimzi",
    "own": {"name": "green", "workers": "app=green"},
    "other": {"name": "blue", "workers": "app=blue"},
    "bootstrap_servers": "127.0.0.1:1",
    "topic": "t",
    "partitions": 12,
}


def settings(**more: Any) -> SidecarSettings:
    more = {"strategy": "x"} | more if "connect" in more else more
    return SidecarSettings(color="green", lease_name="l", pod_name="p-0", pod_namespace="n", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", [{}, {"strategy": ""}])
def test_the_figures_of_a_connector_bear_the_strategy_that_the_file_says(strategy: dict[str, str]) -> None:
    given = {"color": "green", "lease_name": "l", "pod_name": "p-0", "pod_namespace": "n"}
    assert validated(SidecarSettings, given | strategy).strategy == ""  # an application bears its own
    with pytest.raises(SettingsError, match="strategy: is required with connect"):
        validated(SidecarSettings, given | {"connect": CONNECT} | strategy)


@pytest.fixture
def kube() -> Iterator[Kube]:
    api = FakeApi()
    yield Kube(Access(api.url), "test")
    api.close()


@pytest.mark.parametrize("control", ["strimzi", "rest"])
def test_the_settings_choose_the_subject(kube: Kube, tmp_path: Path, control: str) -> None:
    assert made_agent(settings(), kube) is None
    assert isinstance(subject(settings(), None)(), LifecycleApi)
    connect = CONNECT | {"control": control, "records_dir": str(tmp_path)}
    if control == "rest":
        connect["config"] = {"connector.class": "C"}
    told = settings(connect=connect)
    make = subject(told, made_agent(told, kube))
    assert isinstance(make(), AgentWay)
    assert make() is not make()


def test_a_wrong_setting_of_the_connector_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("color: green\nlease_name: l\nconnect: {control: rest, topic: t}\n")
    monkeypatch.setenv("POD_NAMESPACE", "n")
    with pytest.raises(SettingsError, match=r"connect\.partitions"):
        SidecarSettings.load(file)


def test_it_is_ready_once_its_subject_stands_still_or_works(kube: Kube) -> None:
    told = settings()
    sidecar = Sidecar(told, kube, lambda: LifecycleApi(told.lifecycle_url))
    ready = routes(sidecar, told)["GET", "/readyz"]
    request = Request("GET", "/readyz", {}, b"")
    assert ready(request).status == 503
    for report, status, why in (
        (Report("b", State.PAUSED, 1, 1), 200, ""),
        (Report("b", State.DRAINING, 1, 1, obstacle="NotYet: x"), 503, "NotYet: x"),
        (Report("b", State.PAUSED, 1, 1, obstacle="ConnectorRefused: x"), 200, ""),
        (None, 503, "its subject's answer"),
    ):
        sidecar.mover.subject_seen(report, sidecar.mover.answers())
        answer = ready(request)
        assert (answer.status, json.loads(answer.payload())) == (status, {"waiting_for": why})


def test_an_agents_scrape_has_the_connectors_lifecycle(kube: Kube) -> None:
    told = settings(connect=CONNECT, version="v2", image="registry/connect:2")
    agent = made_agent(told, kube)
    sidecar = Sidecar(told, kube, subject(told, agent))
    sidecar.mover.subject_seen(Report("b", State.DRAINING, 7, 8), sidecar.mover.answers())
    scrape = routes(sidecar, told)["GET", "/metrics"](Request("GET", "/metrics", {}, b"")).payload().decode()
    labels = 'color="green",pod="p-0",state="DRAINING",strategy="x"'
    assert f"kafka_consumer_lifecycle_state{{{labels}}} 1.0" in scrape
    assert 'image="registry/connect:2"' in scrape
    assert 'version="v2"' in scrape


def test_an_agent_tells_what_its_connector_has_handled(kube: Kube) -> None:
    told = settings(connect=CONNECT)
    agent = made_agent(told, kube)
    assert agent is not None
    sidecar = Sidecar(told, kube, subject(told, agent))
    asked = Request("GET", "/progress", {}, b"")
    answer = routes(sidecar, told, agent)["GET", "/progress"](asked)
    said = json.loads(answer.payload())
    assert (said["handled"], said["failed"], said["positions"]) == (0, 0, {})
    assert said["boot_id"]
    assert ("GET", "/progress") not in routes(sidecar, settings())


def test_a_worker_that_does_not_answer_leaves_no_account(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings(connect=CONNECT)
    agent = made_agent(told, kube)
    assert agent is not None

    def silent(_: float) -> dict[str, object]:
        raise SilentError("w-0 does not say what its tasks have counted")

    monkeypatch.setattr(agent, "progress", silent)
    ask = routes(Sidecar(told, kube, subject(told, agent)), told, agent)["GET", "/progress"]
    with pytest.raises(HttpError, match="w-0 does not say") as refused:
        ask(Request("GET", "/progress", {}, b""))
    assert refused.value.status == 503
