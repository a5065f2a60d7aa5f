"""Runs on the real cluster: interrupted wherever it hurts, then whole."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from experiments.run import REPOSITORY
from tests.support.cluster_use import updating_the_platform
from tests.support.runs import Run, assert_whole

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as runs:
        yield lambda *arguments: runs.enter_context(Run(tmp_path, "c", *arguments))


def kubectl(*arguments: str) -> Any:
    return json.loads(subprocess.check_output(["kubectl", *arguments], text=True))


def locked() -> list[Path]:
    state = Path(os.environ["PULUMI_BACKEND_URL"].removeprefix("file://"))
    return [file for name in ("platform", "strategy-c") for file in state.glob(f".pulumi/locks/*/*/{name}/*.json")]


def checked_in() -> dict[Path, bytes]:
    """The files of the platform and of C's stacks; another strategy's run may have one of its own meanwhile."""
    files = (REPOSITORY / "stacks").iterdir()
    return {file: file.read_bytes() for file in files if file.name.startswith(("Pulumi.platform", "Pulumi.strategy-c"))}


def test_interrupted_anywhere_the_next_run_passes(begin: Any, tmp_path: Path) -> None:
    files = checked_in()
    for arguments, moment, presses in (
        (("--scenario", "1"), r"pulumi up, stack strategy-c\n", (0.5,)),
        (
            ("--scenario", "1"),
            r"scenario 1, normal switch: 2 switches\n",
            (3.5, 0.2),
        ),  # in the update of the first switch
        (("--scenario", "2"), r"copying the record logs\n", (0.1, 0.1)),
    ):
        run = begin(*arguments)
        run.wait_for(moment)
        run.press_ctrl_c(*presses)
        assert run.end() == 130, run.output
        assert list(tmp_path.iterdir()) == [], run.output
        with updating_the_platform():
            assert locked() == []
    run = begin("--scenario", "1", "--switches", "2")
    result = assert_whole(run, tmp_path, "1", 2)
    assert result.measurements["rebalances"] == 0
    assert checked_in() == files
    pods = kubectl("get", "pods", "-n", "strategy-c", "-l", "app.kubernetes.io/name=consumer", "-o", "json")["items"]
    assert len(pods) == 6
    config = kubectl("get", "--raw", "/api/v1/namespaces/strategy-c/pods/producer-0:8080/proxy/config")
    assert config["rate"] == 100


def test_a_killed_run_leaves_its_system_to_the_next(begin: Any, tmp_path: Path) -> None:
    run = begin("--scenario", "1")
    run.wait_for(r"scenario 1, normal switch: 2 switches\n")
    time.sleep(3.5)
    run.kill()
    again = begin("--scenario", "2")
    result = assert_whole(again, tmp_path, "2", 4)
    assert result.measurements["rebalances"] == 0
