import threading
import time
from pathlib import Path

import pytest

from tools.sandbox.errors import SandboxError
from tools.sandbox.process import Runner


def test_output_is_returned_and_lines_are_told_as_they_come() -> None:
    assert Runner().run(["printf", "a\\nb\\n"], what="it", seconds=10) == "a\nb\n"
    lines: list[str] = []
    Runner().run(["sh", "-c", "echo out; echo err >&2"], what="it", seconds=10, on_line=lines.append)
    assert sorted(lines) == ["err", "out"]


def test_a_failure_says_what_failed_and_what_it_said() -> None:
    with pytest.raises(SandboxError, match=r"(?s)the thing: ended with status 3.*out.*err"):
        Runner().run(["sh", "-c", "echo out; echo err >&2; exit 3"], what="the thing", seconds=10)


def test_a_program_that_is_not_there_is_an_error_of_its_own() -> None:
    with pytest.raises(SandboxError, match="no-such-program"):
        Runner().run(["no-such-program"], what="it", seconds=10)


def test_too_long_is_the_end_of_it_and_of_what_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(SandboxError, match="the thing: not done after 0"):
        Runner().run(["sh", "-c", "sleep 60 & sleep 60; wait"], what="the thing", seconds=0.3)
    assert time.monotonic() - began < 10  # would be 60 if the grandchild, which holds the pipe, lived on


def test_cancelling_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    runner = Runner()
    started = tmp_path / "started"
    failures: list[BaseException] = []

    def work() -> None:
        try:
            runner.run(["sh", "-c", f"touch {started}; sleep 60"], what="work", seconds=60)
        except SandboxError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    _wait_for(started)
    runner.cancel()
    thread.join(10)
    assert [str(error) for error in failures] == ["work: called off"]
    with pytest.raises(SandboxError, match="called off"):
        runner.run(["true"], what="more", seconds=10)


def test_what_must_not_be_cut_short_is_not(tmp_path: Path) -> None:
    """A package manager, for one."""
    runner = Runner()
    started, ended = tmp_path / "started", tmp_path / "ended"
    command = ["sh", "-c", f"touch {started}; sleep 0.5; touch {ended}"]

    def work() -> None:
        with pytest.raises(SandboxError, match="called off"):
            runner.run(command, what="work", seconds=60, to_its_end=True)

    thread = threading.Thread(target=work)
    thread.start()
    _wait_for(started)
    runner.cancel()
    thread.join(10)
    assert ended.exists()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)
