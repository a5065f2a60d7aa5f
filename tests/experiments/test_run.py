"""The parts of a run that can be told without a cluster."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import run
from experiments.errors import PreflightError
from experiments.measurements import LagSample
from tests.support.fake_api import FakeApi
from tests.support.samples import LAST, SWITCH


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
    assert run.preflight().get("/version") == {"gitVersion": "v1.37.2"}


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
        run.preflight()


def test_a_cluster_that_does_not_answer_is_named(surroundings: Path, api: FakeApi) -> None:
    assert surroundings.exists()
    api.close()
    with pytest.raises(PreflightError, match=r"does not answer; run: python -m tools.sandbox up"):
        run.preflight()


HOLD = """
import time
from experiments.run import only_one
with only_one("strategy-t"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_at_a_time_on_a_stack_whatever_became_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, cwd=run.REPOSITORY, env=os.environ)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(PreflightError, match="another run"), run.only_one("strategy-t"):
            pass
        with run.only_one("strategy-u"):
            pass
    finally:
        other.kill()
        other.wait()
        if other.stdout is not None:
            other.stdout.close()
    with run.only_one("strategy-t"):
        pass


BACK = replace(SWITCH, commanded_at=110.0, last=replace(LAST, active_at=111.0))
NEVER = replace(SWITCH, commanded_at=110.0, last=replace(LAST, active_at=None, outcome="Failed"))


def samples(*pairs: tuple[float, int]) -> list[LagSample]:
    return [LagSample(at, total, total) for at, total in pairs]


def test_a_switch_is_followed_until_the_next_command() -> None:
    assert list(run._windows([SWITCH, BACK], [SWITCH, BACK], 120.0)) == [(101.5, 110.0), (111.0, 120.0)]
    assert list(run._windows([BACK], [SWITCH, BACK], 120.0)) == [(111.0, 120.0)]
    assert list(run._windows([SWITCH, NEVER], [SWITCH, NEVER], 120.0)) == [(101.5, 110.0)]


@pytest.mark.parametrize(
    ("switches", "taken", "expected"),
    [
        ([SWITCH, BACK], [(102, 0), (112, 0)], 0.0),
        ([SWITCH, BACK], [(102, 500), (104, 0), (112, 500), (115, 0)], 4.0),
        ([SWITCH, BACK], [(102, 0)], None),  # nothing was sampled after the second
        ([SWITCH, BACK], [(102, 500), (112, 0)], None),  # never recovered from the first
        ([SWITCH, NEVER], [(102, 0), (112, 0)], None),  # no time to recover from
        ([], [(102, 0)], None),
    ],
)
def test_the_worst_recovery(switches: Any, taken: Any, expected: float | None) -> None:
    assert run._worst_recovery(switches, samples(*taken), 120.0, 100) == expected


def test_the_highest_lag_after_a_rollback() -> None:
    taken = samples((102, 900), (112, 30), (118, 40), (121, 700))
    assert run._highest_after([BACK], [SWITCH, BACK], taken, 120.0) == 40
    assert run._highest_after([BACK], [SWITCH, BACK], samples((102, 900)), 120.0) is None
    assert run._highest_after([], [SWITCH], taken, 120.0) is None
