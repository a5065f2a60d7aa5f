"""Processes that are stopped, and go on whatever becomes of the one who stopped them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import freezing
from experiments.errors import DeadlineError, PreconditionError
from experiments.freezing import Stat, frozen, identify
from experiments.interrupts import Interrupted, Interrupts
from tests.support.waiting import until


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def state(pid: int) -> str:
    stat = Stat.of(pid)
    return stat.state if stat else "gone"


def test_it_stands_still_for_the_time_of_the_block_and_is_the_same_afterwards(sleeper: subprocess.Popen[bytes]) -> None:
    before = identify(sleeper.pid)
    with frozen([sleeper.pid]):
        until("it to stand still", lambda: freezing.stopped(before))
        assert identify(sleeper.pid) == before
    until("it to go on", lambda: state(sleeper.pid) != "T")
    assert not freezing.stopped(before)


def test_another_process_of_that_number_is_not_the_same(sleeper: subprocess.Popen[bytes]) -> None:
    before = identify(sleeper.pid)
    with frozen([sleeper.pid]):
        until("it to stand still", lambda: state(sleeper.pid) == "T")
        assert not freezing.stopped(freezing.Process(before.pid, before.started - 1))


def test_it_goes_on_when_the_time_is_up(sleeper: subprocess.Popen[bytes]) -> None:
    with frozen([sleeper.pid], 2.0):
        until("it to stand still", lambda: state(sleeper.pid) == "T")
        until("it to go on within the block", lambda: state(sleeper.pid) != "T")


def test_it_stands_still_when_the_moment_has_come_and_its_time_begins_then(sleeper: subprocess.Popen[bytes]) -> None:
    waited: list[str] = []

    def moment() -> None:
        time.sleep(2.5)  # longer than it may stand still: a time that began before would be up
        waited.append(state(sleeper.pid))

    with frozen([sleeper.pid], 2.0, moment):
        until("it to stand still", lambda: state(sleeper.pid) == "T", every=0.001)
        until("it to go on within the block", lambda: state(sleeper.pid) != "T")
    assert waited == ["S"]


def test_a_moment_that_does_not_come_stops_nobody(sleeper: subprocess.Popen[bytes]) -> None:
    def moment() -> None:
        raise DeadlineError("a moment", 1.0, "nothing")

    with pytest.raises(DeadlineError, match="a moment"), frozen([sleeper.pid], after=moment):
        pass
    assert state(sleeper.pid) != "T"


def test_it_goes_on_when_the_block_is_interrupted(sleeper: subprocess.Popen[bytes]) -> None:
    def interrupted() -> None:
        with frozen([sleeper.pid]):
            until("it to stand still", lambda: state(sleeper.pid) == "T")
            signal.raise_signal(signal.SIGINT)

    with Interrupts(), pytest.raises(Interrupted):
        interrupted()
    until("it to go on", lambda: state(sleeper.pid) != "T")


def test_it_goes_on_when_the_one_who_stopped_it_is_killed(sleeper: subprocess.Popen[bytes]) -> None:
    code = f"import time; from experiments.freezing import frozen\nwith frozen([{sleeper.pid}]): time.sleep(60)"
    runner = subprocess.Popen([sys.executable, "-c", code])
    try:
        until("it to stand still", lambda: state(sleeper.pid) == "T")
    finally:
        runner.kill()
        runner.wait()
    until("it to go on", lambda: state(sleeper.pid) != "T")


def _children() -> set[int]:
    """The processes that this one has started, other tests' too."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {n for n in numbers if (found := Stat.of(n)) is not None and found.parent == os.getpid()}


def test_a_ctrl_c_at_the_terminal_does_not_reach_the_guardian(sleeper: subprocess.Popen[bytes]) -> None:
    """The terminal signals its foreground process group, and the guardian has one of its own."""
    before = _children()
    with frozen([sleeper.pid]):
        groups = {os.getpgid(child) for child in _children() - before}
    assert groups
    assert os.getpgrp() not in groups


def test_one_that_is_gone_is_named_and_the_others_go_on(sleeper: subprocess.Popen[bytes]) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(PreconditionError, match=f"{gone.pid}"), frozen([sleeper.pid, gone.pid]):
        pass
    assert state(sleeper.pid) != "T"
    with pytest.raises(PreconditionError, match=f"no process {gone.pid}"):
        identify(gone.pid)


def test_one_that_ends_meanwhile_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    with frozen([sleeper.pid]):
        sleeper.kill()
        sleeper.wait()
    assert time.monotonic() - begun < 30
