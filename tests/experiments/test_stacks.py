"""What is done to Pulumi's process, its locks and its configuration;

the engine itself is the end-to-end tests' matter.
"""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.automation import CommandError, CommandResult

from experiments import stacks
from experiments.errors import PreflightError
from experiments.interrupts import Interrupted, Interrupts
from experiments.progress import Progress
from experiments.stacks import Configuration, locks

FAKE = """#!/bin/sh
case "$1" in
version) echo v3.215.0; exit 0;;
fail) echo out; echo 'Diagnostics:' >&2; echo 'it failed' >&2; exit 255;;
env) echo "$PULUMI_AUTOMATION_API $EXTRA $*"; exit 0;;
esac
[ "$1" = cancel ] && { echo $$ > "$MARKS"; sleep 0.5; echo ended >> "$MARKS"; exit 0; }
trap 'echo cancelled >> "$MARKS"; sleep 0.3; [ "$1" = stubborn ] || exit 1' INT
echo $$ > "$MARKS"
while :; do sleep 0.05; done
"""


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    file = tmp_path / "marks"
    monkeypatch.setenv("MARKS", str(file))
    return file


def pulumi(interrupts: Interrupts) -> Any:
    return stacks._Pulumi(interrupts)


def when_begun(marks: Path, *signals: float) -> threading.Thread:
    """Send SIGINT to this process after each delay, once the fake Pulumi runs."""

    def send() -> None:
        deadline = time.monotonic() + 10
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
    monkeypatch.setattr(stacks, "_CANCEL_SECONDS", 0.3)
    monkeypatch.setattr(stacks, "_TERMINATE_SECONDS", 0.3)
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["stubborn"], str(tmp_path), {})
        thread.join()
    pid, *rest = marks.read_text().split()
    assert rest == ["cancelled", "cancelled"]
    assert not Path(f"/proc/{pid}").exists()


def test_the_terminals_ctrl_c_does_not_reach_it_by_itself(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    original = stacks._Stopper._send

    def send(self: Any, number: int) -> None:
        groups.append(os.getpgid(self._process.pid))
        original(self, number)

    monkeypatch.setattr(stacks._Stopper, "_send", send)
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["up"], str(tmp_path), {})
        thread.join()
    assert groups
    assert os.getpgrp() not in groups


def lock(folder: Path, pid: int, host: str = "here") -> Path:
    file = folder / ".pulumi/locks/organization/kafka-bluegreen/strategy-c" / f"{pid}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": pid, "username": "u", "hostname": host, "timestamp": "2026-11-23T12:00:00Z"}))
    return file


def test_locks_of_the_file_backend_are_found(tmp_path: Path) -> None:
    file = lock(tmp_path, 17)
    (file.parent / "torn.json").write_text("{")
    assert [(found.pid, found.host) for found in locks(f"file://{tmp_path}", "strategy-c")] == [(17, "here")]
    assert locks(f"file://{tmp_path}", "platform") == []
    assert locks("https://api.example.com", "strategy-c") == []
    assert locks("", "strategy-c") == []


def test_only_a_pulumi_counts_as_the_owner_of_a_lock() -> None:
    assert stacks._open_process(os.getpid()) is None  # alive, but a number that pytest has now
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert stacks._open_process(process.pid) is None
    finally:
        process.kill()
        process.wait()
    assert stacks._open_process(process.pid) is None


def checked_in(repository: Path, text: str) -> None:
    (repository / "stacks").mkdir()
    (repository / "stacks" / "Pulumi.strategy-c.yaml").write_text(text)


TEXT = """\
encryptionsalt: v1:abc
config:
  kafka-bluegreen:strategy: c
  kafka-bluegreen:rate: 100
  kafka-bluegreen:blue:
    version: '1'
"""


def test_a_run_changes_its_own_copy_of_the_configuration(tmp_path: Path) -> None:
    checked_in(tmp_path, TEXT)
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    configuration.set(rate=2000, membership=None, active="green")
    configuration.set(blue={"replicas": 0})
    assert (tmp_path / "stacks" / "Pulumi.strategy-c.yaml").read_text() == TEXT
    own = yaml.safe_load((tmp_path / "own.yaml").read_text())
    assert own["encryptionsalt"] == "v1:abc"
    assert own["config"] == {
        "kafka-bluegreen:strategy": "c",
        "kafka-bluegreen:rate": 2000,
        "kafka-bluegreen:active": "green",
        "kafka-bluegreen:blue": {"version": "1", "replicas": 0},
    }
    assert configuration.raw() == {
        "strategy": "c",
        "rate": "2000",
        "active": "green",
        "blue": '{"version": "1", "replicas": 0}',
    }


@pytest.mark.parametrize("text", [None, "a: ["])
def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        checked_in(tmp_path, text)
    with pytest.raises(PreflightError, match=r"strategy-c"):
        Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stdout: Updating\nDiagnostics:\n  consumer: Failed: DrainTimeout\n\nResources:\n  1 errored",
            "consumer: Failed: DrainTimeout",
        ),
        ("error: no stack", "error: no stack"),
    ],
)
def test_of_pulumis_output_only_the_diagnostics_are_told(text: str, expected: str) -> None:
    assert stacks._what_pulumi_said(text) == expected


def test_releasing_the_lock_is_not_interrupted_itself(marks: Path, tmp_path: Path) -> None:
    with Interrupts() as interrupts:
        thread = when_begun(marks, 0.1)
        with pytest.raises(Interrupted):
            pulumi(interrupts).run(["cancel"], str(tmp_path), {})
        thread.join()
    assert marks.read_text().split()[1:] == ["ended"]


@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupted_update_leaves_no_lock_and_stays_interrupted(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """The lock is taken before Pulumi can handle a signal; even if releasing it fails, the interrupt is told."""
    checked_in(tmp_path, TEXT)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    file = lock(tmp_path, 999999999, socket.gethostname())
    cancelled: list[str] = []

    class Fake:
        def up(self, **_: Any) -> None:
            with interrupts.shielded():
                os.kill(os.getpid(), signal.SIGINT)

        def cancel(self) -> None:
            cancelled.append(file.name)
            os.kill(os.getpid(), signal.SIGINT)
            if fails:
                raise CommandError(CommandResult("", "", -2))

    monkeypatch.setattr("pulumi.automation.create_or_select_stack", lambda *_, **__: Fake())
    with Interrupts() as interrupts:
        stack = stacks.Stack(
            tmp_path, Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml"), interrupts, Progress()
        )
        with pytest.raises(Interrupted):
            stack.up()
    assert cancelled == [file.name]
    assert not marks.exists()
