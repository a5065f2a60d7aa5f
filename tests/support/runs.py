"""The runner as a user starts it, in a process of its own on the real cluster, and what is asserted of a whole run.

That is its correctness. What a busy machine may miss, the times of a switch, is left to the runs that are made for
measuring.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Self

from experiments.folders import RESULT_FILE
from experiments.results import RunResult, from_json
from experiments.run import REPOSITORY
from tests.support.cluster_use import updating_the_platform

SLOW_IS_FINE = frozenset({"switch_seconds_worst", "rollback_seconds_worst"})
DEADLINE_SECONDS = 600.0


class Run:
    """A run of a strategy, whose progress can be waited for; killed at the block's end, if it still goes on then."""

    def __init__(self, out: Path, strategy: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "experiments", "run", "--strategy", strategy, "--rate", "100"]
        self._command = [*command, "--out", str(out), "--spell-seconds", "2", *arguments]
        self.output = ""
        self._ended = False
        self._grew = threading.Condition()

    def __enter__(self) -> Self:
        """Begin it; it is done with the platform's stack then."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        with updating_the_platform():
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            self._reader.start()
            try:
                self.wait_for(r"pulumi up, stack platform: done")
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

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

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        code = self._process.wait(DEADLINE_SECONDS)
        self._reader.join(10)
        return code


def assert_whole(
    run: Run, out: Path, scenario: str, switches: int, slow_is_fine: Collection[str] = SLOW_IS_FINE
) -> RunResult:
    """It ends with a result that holds, and nothing beside it; returns that."""
    code = run.end()
    assert code in (0, 1), run.output
    folders = [folder for folder in out.iterdir() if folder.is_dir()]
    assert [folder.name.startswith(".") for folder in folders] == [False], run.output
    result = from_json((folders[0] / RESULT_FILE).read_text())
    failed = {criterion.name for criterion in result.criteria if not criterion.passed}
    assert failed <= set(slow_is_fine), run.output
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
    assert result.environment["kafka"] == "4.3.1"
    judged = json.loads((folders[0] / "validator.json").read_text())
    assert judged["verdict"] == "pass"
    assert judged["acked"] == result.measurements["acked"]
    again = [sys.executable, "-m", "tools.validator"]
    again += ["--clock-error-ms", str(result.measurements["clock_error_ms"] or 0)]
    for kind in ("produced", "consumed", "events"):
        again += [f"--{kind}", str(folders[0] / "logs" / kind)]
    assert subprocess.run(again, cwd=REPOSITORY, capture_output=True, check=False).returncode == 0
    return result
