"""The review of a switch with the rights that are documented for it, and with no other: a token of its own account."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import names
from experiments import cli
from experiments.run import REPOSITORY
from tests.support.engine import kubectl
from tests.support.field import Field

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

_FILE = REPOSITORY / "components" / "files" / "reviewer.yaml"
_ACCOUNT, _MINUTES = "switch-reviewer", 15


@pytest.fixture
def reviewer(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of the account, with a token that the API server made. The account is gone at the end."""
    kubectl("apply", "-f", str(_FILE))
    try:
        token = kubectl("-n", names.PLATFORM_NAMESPACE, "create", "token", _ACCOUNT, f"--duration={_MINUTES}m").strip()
        raw = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        raw["users"] = [{"name": _ACCOUNT, "user": {"token": token}}]
        raw["contexts"][0]["context"]["user"] = _ACCOUNT
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(raw))
        yield file
    finally:
        kubectl("delete", "-f", str(_FILE), "--wait=false")


def allowed(kubeconfig: Path, namespace: str, verb: str, what: str) -> bool:
    command = ["kubectl", "--kubeconfig", str(kubeconfig), "auth", "can-i", verb, what, "-n", namespace]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip() == "yes"


def test_a_reviewer_previews_and_comments_and_can_change_nothing(
    blue: Field, reviewer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: Mapping[str, Any] = blue.switch().raw
    assert allowed(reviewer, blue.namespace, "get", "kafkaconsumerswitches.kafka-bluegreen.io")
    assert not allowed(reviewer, blue.namespace, "get", "secrets")
    for verb in ("create", "patch", "update", "delete"):
        for what in ("kafkaconsumerswitches.kafka-bluegreen.io", "leases", "statefulsets", "configmaps", "pods"):
            assert not allowed(reviewer, blue.namespace, verb, what), (verb, what)
    monkeypatch.setenv("KUBECONFIG", str(reviewer))
    stack = blue.stack.configuration
    stack.set(active="green")
    comment = tmp_path / "comment.md"
    try:
        project = stack.file
        code = cli.main(
            ["review", "--stack", blue.namespace, "--config-file", str(project), "--out", str(comment), "--alone"]
        )
    finally:
        stack.put_back("active")
    text = comment.read_text()
    assert code == 0, text
    assert "switch blue → green" in text
    assert "- spec.active: blue\n+ spec.active: green" in text
    assert "The preview failed" not in text
    assert "cannot be read" not in text
    monkeypatch.undo()
    after = blue.switch().raw
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])
