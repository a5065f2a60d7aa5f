"""`watch` with the real kubectl between: it proxies to a stand-in API server, and passes on what the page reads."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3
import yaml

from experiments import local_page, watch
from tests.support.fake_kube import FakeApi
from tests.support.page_world import NAMESPACE, World

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
]


@pytest.fixture
def proxied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, ExitStack, str]]:
    """A world, what ends with the test, and where kubectl's proxy of it is."""
    api = FakeApi()
    named = {"name": "there"}
    kubeconfig = {
        "clusters": [{**named, "cluster": {"server": api.url}}],
        "users": [{**named, "user": {"token": "secret-of-mine"}}],
        "contexts": [{**named, "context": {"cluster": "there", "user": "there"}}],
        "current-context": "there",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with ExitStack() as ends:
        yield World(api), ends, local_page.proxy(ends, tmp_path, NAMESPACE)
    api.close()


def test_a_switch_is_seen_through_it(proxied: tuple[World, ExitStack, str], tmp_path: Path) -> None:
    world, ends, proxy = proxied
    world.begin()
    told = watch.told(local_page.page(ends, tmp_path, NAMESPACE, 0, local_page.Way(proxy, "", "")))
    assert next(s for e, s in told if e == "state" and s["switch"])["switch"]["wanted"] == "blue"
    world.asks("green")
    world.withdrawn()
    assert next(s for e, s in told if e == "state" and s["switch"]["epoch"] == 3)["switch"]["phase"] == "Pausing"
    assert {method for method, *_ in world.api.requests} == {"GET"}


def test_whoever_else_is_on_this_machine_gets_nothing_more_by_it(proxied: tuple[World, ExitStack, str]) -> None:
    world, _, proxy = proxied
    world.begin()
    world.api.put(f"/api/v1/namespaces/{NAMESPACE}/secrets/password", {})
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    assert urllib3.request("GET", f"{proxy}{pods}", retries=False).status == 200
    before = len(world.api.requests)
    for method, path in (
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
        ("GET", f"{pods}/consumer-blue-0:8081/proxy/lifecycle/status"),
        ("GET", f"{pods}/../secrets"),
        ("POST", pods),
        ("DELETE", f"{pods}/consumer-blue-0"),
    ):
        assert urllib3.request(method, f"{proxy}{path}", retries=False).status in {403, 404, 301}, path
    assert len(world.api.requests) == before, "none of it came through"
    assert os.environ["KUBECONFIG"]
