"""The switch page in the cluster: asked for by a key, with rights to read and no more."""

import pytest

from components import access
from components.live_switch import Expectation
from tests.components.strategy_stack.deployed import IMAGE, all_dependencies, containers, pod, settings_of, up
from tests.support.fake_kube import FakeApi
from tests.support.page_world import NAMESPACE, World
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.page.board import Board
from workloads.page.settings import PageSettings
from workloads.page.watches import Watches

STORE = "http://store.example:8428"


@pytest.fixture
def stack(checks: list[Expectation]) -> Recorder:
    return up(page="true", platform={**PLATFORM_OUTPUTS, "metricsUrl": STORE})


def test_it_is_there_only_where_it_is_asked_for(checks: list[Expectation], stack: Recorder) -> None:
    assert "page" in stack.of("Deployment")
    without = up()
    assert all("page" not in without.of(kind) for kind in ("Deployment", "Service", "Role", "ServiceAccount"))


def test_a_switch_does_not_wait_for_it(stack: Recorder) -> None:
    switch = next(key for key in stack.by_name if key.endswith("Switch/switch"))
    assert not any("page" in name for name in all_dependencies(stack, switch))


def test_its_pod_can_do_no_more_than_it_must(stack: Recorder) -> None:
    deployment = stack.of("Deployment")["page"]
    (page,) = containers(deployment)
    assert page["image"] == IMAGE
    assert page["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(deployment)["securityContext"]["runAsNonRoot"] is True
    assert pod(deployment)["serviceAccountName"] == "page"


def test_its_rights_are_to_read(stack: Recorder) -> None:
    rules = stack.of("Role")["page"].inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert [(rule["resources"], rule.get("resourceNames")) for rule in rules] == [
        (["kafkaconsumerswitches"], ["consumer"]),
        (["leases"], ["consumer-switch"]),
        (["pods"], None),
    ]
    assert stack.of("ClusterRole") == {}


def test_what_it_asks_is_what_it_may() -> None:
    """Each request of the page's watches, by the rules: a list of one object names it in its field selector."""
    api = FakeApi()
    try:
        World(api).begin()
        board = Board(NAMESPACE)
        Watches(Kube(Access(api.url), "test"), PageSettings(pod_namespace=NAMESPACE), board).start()
        until("the board to be complete, and three watches", lambda: board.complete and api.watching == 3, 10)
        rules = {rule.resources[0]: rule for rule in access.page_rules()}  # type: ignore[index]
        for method, path, query, _ in api.requests:
            rule = rules[path.rpartition("/")[2]]
            verb = "watch" if "watch" in query else "list"
            assert (method, verb in rule.verbs) == ("GET", True)  # type: ignore[operator]
            named = [query.get("fieldSelector", "").removeprefix("metadata.name=")]
            assert rule.resource_names in (None, named)
    finally:
        api.close()


def test_its_settings_are_those_that_the_page_takes(stack: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(stack, "page")
    assert settings["metrics_url"] == STORE
    monkeypatch.setenv("POD_NAMESPACE", "strategy-c")
    assert PageSettings(**settings).lease_name == "consumer-switch"


def test_the_service_finds_the_pod(stack: Recorder) -> None:
    service = stack.of("Service")["page"].inputs["spec"]
    assert service["selector"] == {"app.kubernetes.io/name": "page"}
    (port,) = service["ports"]
    assert port["targetPort"] in [p["name"] for p in containers(stack.of("Deployment")["page"])[0]["ports"]]
