"""Who the API server is told that asks."""

import json
from pathlib import Path

import pytest

from tests.support.fake_kube import FakeApi
from workloads.common.kube import Access, AccessError, ApiError, Kube, access, from_kubeconfig
from workloads.common.kube import credentials as module


def test_the_token_is_read_again_when_it_was_refused(api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    client = Kube(Access(api.url, token_file=file), "test")
    api.accepted_token = "one"  # noqa: S105
    client.get("/version")
    file.write_text("two\n")
    client.get("/version")
    assert api.tokens == ["Bearer one", "Bearer one"], "a token is not read for every request"
    api.accepted_token = "two"  # noqa: S105
    with pytest.raises(ApiError) as caught:
        client.get("/version")
    assert caught.value.status == 401
    client.get("/version")


def test_the_token_is_read_again_after_a_while(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOKEN_SECONDS", 0.0)
    file = tmp_path / "token"
    file.write_text("one")
    client = Kube(Access(api.url, token_file=file), "test")
    client.get("/version")
    file.write_text("two")
    client.get("/version")
    assert api.tokens == ["Bearer one", "Bearer two"]


def test_a_service_account_is_used_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr(module, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    found = access()
    assert found.server == "https://[fd00::1]:6443"
    assert found.ca_file == str(tmp_path / "ca.crt")
    assert found.headers() == {"Authorization": "Bearer t"}


def test_without_any_way_in_it_is_said_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(AccessError, match="not in a pod"):
        from_kubeconfig(str(tmp_path / "none"))


def test_the_kubeconfig_is_the_one_that_is_named_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        here = {"name": "here"}
        said = {
            "clusters": [{**here, "cluster": {"server": f"http://{name}:1"}}],
            "users": [{**here, "user": {}}],
            "contexts": [{**here, "context": {"cluster": "here", "user": "here"}}],
            "current-context": "here",
        }
        (tmp_path / name).write_text(json.dumps(said))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / name))
        assert from_kubeconfig().server == f"http://{name}:1"
