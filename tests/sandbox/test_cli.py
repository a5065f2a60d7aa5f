import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sandbox.cli import _named
from tools.sandbox.cluster import Cluster, _identity
from tools.sandbox.errors import SandboxError
from tools.sandbox.paths import CHECKOUT, Layout


def _run(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KAFKA_BLUEGREEN_CACHE": str(tmp_path / "cache"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "tools.sandbox", *arguments],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=environment,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["env"], "run 'python -m tools.sandbox up' first"),
        (["exec", "--", "true"], "not running"),
        (["logs", "kubelet"], "no log of 'kubelet'"),
        (["restart", "etcd"], "no daemon 'etcd'"),
    ],
)
def test_what_needs_a_cluster_says_so(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = _run(tmp_path, *arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_status_of_nothing(tmp_path: Path) -> None:
    result = _run(tmp_path, "status")
    assert (result.returncode, result.stdout) == (1, "the sandbox is not running\n")


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    result = _run(tmp_path, "status", KAFKA_BLUEGREEN_PORT="none")
    assert result.returncode == 1
    assert "KAFKA_BLUEGREEN_PORT='none'" in result.stderr


def test_the_reference_of_one_image_is_printed_alone() -> None:
    references = {"workloads": "localhost/w:1", "consumer-v2": "localhost/v2:2"}
    assert _named(references, "consumer-v2") == "localhost/v2:2\n"
    with pytest.raises(SandboxError, match="no image 'consumer-v3' is handed out; there are: workloads, consumer-v2"):
        _named(references, "consumer-v3")


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert _run(tmp_path).returncode == 2
    assert _run(tmp_path, "start").returncode == 2
    unknown = _run(tmp_path, "up", "--with", "everything")
    assert unknown.returncode == 2
    assert "connect" in unknown.stderr


def test_logs_print_the_end_that_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "sandbox" / "log"
    folder.mkdir(parents=True)
    (folder / "kubelet.log").write_text("one\ntwo\nthree\n")
    assert _run(tmp_path, "logs", "kubelet").stdout == "one\ntwo\nthree\n"
    assert _run(tmp_path, "logs", "kubelet", "--lines", "2").stdout == "two\nthree\n"


def test_a_recorded_process_number_that_is_now_another_process_is_not_the_sandbox(layout: Layout) -> None:
    layout.run.mkdir(parents=True)
    cluster = Cluster(layout)
    assert cluster.pid() is None
    record = layout.run / "processes.json"
    for pid, identity, expected in (
        (os.getpid(), _identity(os.getpid()), os.getpid()),
        (os.getpid(), "another boot 1", None),
        (4194304, None, None),
    ):
        record.write_text(json.dumps({"init": {"pid": pid, "identity": identity}}))
        assert cluster.pid() == expected
    record.write_text("")
    assert cluster.pid() is None


def test_purging_keeps_the_images_and_nothing_else(layout: Layout) -> None:
    for path in (layout.image_store / "x", layout.pulumi_backend / "state", layout.pki / "ca.key"):
        path.parent.mkdir(parents=True)
        path.touch()
    layout.kubeconfig.touch()
    Cluster(layout).purge()
    assert [path.name for path in layout.sandbox.iterdir()] == [layout.image_store.name]
    assert (layout.image_store / "x").exists()
