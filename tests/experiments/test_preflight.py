"""What a run needs of its surroundings."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import PreflightError
from experiments.preflight import only_one, preflight
from experiments.run import REPOSITORY
from tests.support.fake_api import FakeApi


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> Path:
    """Everything that a run needs: programs, a kubeconfig, images."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pulumi", "kubectl"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (tmp_path / "images.json").write_text("{}")
    api.answers["GET", "/version"] = (200, {"gitVersion": "v1.37.2"})
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("KUBECONFIG", api.kubeconfig(tmp_path))
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", str(tmp_path / "images.json"))
    return tmp_path


def test_with_everything_there_the_run_may_begin(surroundings: Path) -> None:
    assert surroundings.exists()
    assert preflight().get("/version") == {"gitVersion": "v1.37.2"}


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (lambda folder, _: (folder / "bin" / "pulumi").unlink(), r"pulumi is not on PATH; run: eval"),
        (lambda folder, _: (folder / "bin" / "kubectl").unlink(), r"kubectl is not on PATH; run: eval"),
        (lambda _, patch: patch.delenv("KUBECONFIG"), r"KUBECONFIG is not set; run: eval"),
        (lambda _, patch: patch.setenv("KUBECONFIG", "/nowhere"), r"/nowhere, which is not there; run: python -m"),
        (lambda _, patch: patch.setenv("KAFKA_BLUEGREEN_IMAGES", "/nowhere"), r"run: python -m tools.sandbox images"),
        (lambda folder, _: (folder / "kubeconfig").write_text("{"), r"no usable kubeconfig"),
    ],
)
def test_what_is_missing_is_named_with_what_to_run(
    surroundings: Path, monkeypatch: pytest.MonkeyPatch, breaks: Any, said: str
) -> None:
    breaks(surroundings, monkeypatch)
    with pytest.raises(PreflightError, match=said):
        preflight()


def test_a_cluster_that_does_not_answer_is_named(surroundings: Path, api: FakeApi) -> None:
    assert surroundings.exists()
    api.close()
    with pytest.raises(PreflightError, match=r"does not answer; run: python -m tools.sandbox up"):
        preflight()


HOLD = """
import time
from experiments.preflight import only_one
with only_one("strategy-t"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_at_a_time_on_a_stack_whatever_became_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, cwd=REPOSITORY, env=os.environ)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(PreflightError, match="another run"), only_one("strategy-t"):
            pass
        with only_one("strategy-u"):
            pass
    finally:
        other.kill()
        other.wait()
        if other.stdout is not None:
            other.stdout.close()
    with only_one("strategy-t"):
        pass
