"""Runs on the real cluster: interrupted wherever it hurts, then whole.

What is asserted of a whole run is its correctness. The one criterion that a busy machine may miss, the time of a
switch, is left to the runs that are made for measuring.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.folders import RESULT_FILE
from experiments.results import from_json
from experiments.run import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

SLOW_IS_FINE = {"switch_seconds_worst", "rollback_seconds_worst"}
DEADLINE_SECONDS = 600.0


class Run:
    """A runner in a process of its own, whose progress can be waited for."""

    def __init__(self, out: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "experiments", "run", "--strategy", "c", "--rate", "100", "--out", str(out)]
        self._process = subprocess.Popen(
            [*command, "--spell-seconds", "2", *arguments],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._ended = False
        self._grew = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._grew:
                self.output += line
                self._grew.notify_all()
        with self._grew:
            self._ended = True
            self._grew.notify_all()

    def wait_for(self, pattern: str) -> None:
        with self._grew:
            self._grew.wait_for(lambda: self._ended or re.search(pattern, self.output), DEADLINE_SECONDS)
        assert re.search(pattern, self.output), f"no {pattern!r} in:\n{self.output}"

    def press_ctrl_c(self, *after: float) -> None:
        for seconds in after:
            time.sleep(seconds)
            self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        code = self._process.wait(DEADLINE_SECONDS)
        self._reader.join(10)
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Any]:
    runs: list[Run] = []

    def start(*arguments: str) -> Run:
        runs.append(Run(tmp_path, *arguments))
        return runs[-1]

    yield start
    for run in runs:
        run.kill()


def kubectl(*arguments: str) -> Any:
    return json.loads(subprocess.check_output(["kubectl", *arguments], text=True))


def locked() -> list[Path]:
    state = Path(os.environ["PULUMI_BACKEND_URL"].removeprefix("file://"))
    return [file for name in ("platform", "strategy-c") for file in state.glob(f".pulumi/locks/*/*/{name}/*.json")]


def checked_in() -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in (REPOSITORY / "stacks").iterdir()}


def assert_whole(run: Run, out: Path, scenario: str, switches: int) -> None:
    code = run.end()
    assert code in (0, 1), run.output
    folders = [folder for folder in out.iterdir() if folder.is_dir()]
    assert [folder.name.startswith(".") for folder in folders] == [False], run.output
    result = from_json((folders[0] / RESULT_FILE).read_text())
    failed = {criterion.name for criterion in result.criteria if not criterion.passed}
    assert failed <= SLOW_IS_FINE, run.output
    assert (code == 0) == result.passed
    assert result.scenario == scenario
    assert [switch.outcome for switch in result.switches] == ["Switched"] * switches
    assert [switch.commanded for switch in result.switches] == (
        ["up", "up", "up", "patch"] if scenario == "2" else ["up"] * switches
    )
    assert [switch.direction for switch in result.switches] == ["blue-green", "green-blue"] * (switches // 2)
    for switch in result.switches:
        assert switch.switch_seconds is not None
        assert 0 < switch.switch_seconds <= switch.up_seconds + 0.5
        assert switch.handoff_seconds is not None
        assert switch.gap_seconds is not None or scenario == "2"
    assert result.measurements["rebalances"] == 0
    assert result.environment["kafka"] == "4.3.1"
    judged = json.loads((folders[0] / "validator.json").read_text())
    assert judged["verdict"] == "pass"
    assert judged["acked"] == result.measurements["acked"]
    again = [sys.executable, "-m", "tools.validator"]
    for kind in ("produced", "consumed", "events"):
        again += [f"--{kind}", str(folders[0] / "logs" / kind)]
    assert subprocess.run(again, cwd=REPOSITORY, capture_output=True, check=False).returncode == 0


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
        assert locked() == []
    run = begin("--scenario", "1", "--switches", "2")
    assert_whole(run, tmp_path, "1", 2)
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
    assert_whole(again, tmp_path, "2", 4)
