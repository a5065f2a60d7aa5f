"""What is done to Pulumi's process; the engine itself is the end-to-end tests' matter."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandError

from experiments import pulumi_process
from experiments.interrupts import Interrupted, Interrupts


def pulumi(interrupts: Interrupts) -> Any:
    return pulumi_process.PulumiProcess(interrupts)


def when_begun(marks: Path, *signals: float) -> threading.Thread:
    """Send SIGINT to this process after each delay, once the fake Pulumi runs."""

    def send() -> None:
        deadline = time.monotonic() + 60
        while not marks.exists() or not marks.read_text().endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for delay in signals:
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_output_environment_and_arguments(marks: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    with Interrupts() as interrupts:
        result = pulumi(interrupts).run(["env", "--yes"], str(tmp_path), {"EXTRA": "more"}, seen.append)
    assert (result.code, result.stdout) == (0, "true more env --yes --non-interactive")
    assert seen == ["true more env --yes --non-interactive"]
    assert not marks.exists()


@pytest.mark.usefixtures("marks")
def test_a_failure_is_the_automation_apis_error(tmp_path: Path) -> None:
    with Interrupts() as interrupts, pytest.raises(CommandError, match="it failed"):
        pulumi(interrupts).run(["fail"], str(tmp_path), {})


def test_ctrl_c_lets_pulumi_cancel_and_end_first(marks: Path, tmp_path: Path) -> None:
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["up"], str(tmp_path), {})
        thread.join()
    pid, *rest = marks.read_text().split()
    assert rest == ["cancelled"]
    assert not Path(f"/proc/{pid}").exists()


def test_twice_in_a_row_pulumi_is_still_asked_once(marks: Path, tmp_path: Path) -> None:
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1, 0.01, 0.01)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["up"], str(tmp_path), {})
        thread.join()
    assert marks.read_text().split()[1:] == ["cancelled"]


def test_a_pulumi_that_does_not_end_is_ended(marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_process, "_CANCEL_SECONDS", 1.5)
    monkeypatch.setattr(pulumi_process, "_TERMINATE_SECONDS", 1.5)
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["stubborn"], str(tmp_path), {})
        thread.join()
    pid, *rest = marks.read_text().split()
    assert rest == ["cancelled", "cancelled"]
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_ends_while_its_output_is_held_open(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what it left behind; whoever looks meanwhile whether it still has to be ended must not take its end away."""
    monkeypatch.setattr(pulumi_process, "_CANCEL_SECONDS", 1.5)
    monkeypatch.setattr(pulumi_process, "_TERMINATE_SECONDS", 1.5)
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["leaves"], str(tmp_path), {})
        thread.join()
    assert interrupts.count == 1


def test_one_that_has_ended_is_not_noticed_by_the_signal(tmp_path: Path) -> None:
    """As when Ctrl-C comes between its end and its being waited for."""
    process = subprocess.Popen(["true"], cwd=tmp_path, start_new_session=True, text=True)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    stop = pulumi_process._Stopper()
    stop.attach(process)
    stop(1)
    pulumi_process._end_session(process)
    stop.finished()
    assert process.wait() == 0
    stop(2)  # its number may be another's by now
    assert stop._process is None


def test_the_terminals_ctrl_c_does_not_reach_it_by_itself(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    original = pulumi_process._Stopper._send

    def send(self: Any, number: int) -> None:
        groups.append(os.getpgid(self._process.pid))
        original(self, number)

    monkeypatch.setattr(pulumi_process._Stopper, "_send", send)
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["up"], str(tmp_path), {})
        thread.join()
    assert groups
    assert os.getpgrp() not in groups


def test_releasing_the_lock_is_not_interrupted_itself(marks: Path, tmp_path: Path) -> None:
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["cancel"], str(tmp_path), {})
        thread.join()
    assert marks.read_text().split()[1:] == ["ended"]


def test_what_pulumi_forgets_to_end_is_ended(marks: Path, tmp_path: Path) -> None:
    """In a process group of its own (`set -m`), as Pulumi's plugins are."""
    with Interrupts() as interrupts:
        pulumi(interrupts).run(["forgets"], str(tmp_path), {})
    pid = marks.read_text().strip()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and not _is_zombie(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def _is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
