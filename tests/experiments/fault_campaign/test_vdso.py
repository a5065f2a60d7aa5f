"""The wall clock of one process is stepped, and nobody else's; then it is right again, whatever becomes of it."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import freezing
from experiments.errors import DeadlineError, PreconditionError
from experiments.fault_campaign import clock, vdso
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Scene
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="clocks can be stepped on x86_64 only")

DAY = clock.STEP_SECONDS
#: Tells the time when it is asked by a line; with an argument, a thread asks for it as often as it can.
PROGRAM = """
import ctypes, json, sys, threading, time
def busy():
    while True:
        time.time()
if sys.argv[1:]:
    threading.Thread(target=busy, daemon=True).start()
libc = ctypes.CDLL(None)
libc.time.restype = ctypes.c_long
def of_day():
    found = (ctypes.c_long * 2)()
    libc.gettimeofday(found, None)
    return found[0]
print("ready", flush=True)
for _ in sys.stdin:
    wall = time.time(), time.clock_gettime(5), libc.time(None), of_day()
    print(json.dumps([wall, time.monotonic()]), flush=True)
"""


class Process:
    """Another process, and what it says of the time."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    @property
    def pid(self) -> int:
        return self.process.pid

    def ahead(self) -> tuple[list[float], float]:
        """Of this process's wall clock, by each call; and of its monotonic one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        wall, monotonic = json.loads(self.process.stdout.readline())
        return [told - time.time() for told in wall], monotonic - time.monotonic()


@contextmanager
def running(*arguments: str) -> Iterator[Process]:
    made = Process(*arguments)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


@pytest.fixture
def other() -> Iterator[Process]:
    with running("busy") as made:
        yield made


@pytest.fixture
def quiet() -> Iterator[Process]:
    """One that stands in no code of the kernel's while nobody asks it."""
    with running() as made:
        yield made


def about(seconds: float) -> Any:
    return pytest.approx(seconds, abs=60)


def test_its_wall_clock_is_stepped_by_every_call_and_its_monotonic_one_is_not(other: Process) -> None:
    assert not vdso.is_stepped(other.pid)
    with vdso.stepped(other.pid, DAY):
        assert vdso.is_stepped(other.pid)
        assert other.ahead() == ([about(DAY)] * 4, about(0))
    assert other.ahead() == ([about(0)] * 4, about(0))
    assert not vdso.is_stepped(other.pid)


def test_one_that_is_stepped_is_not_stepped_again(other: Process) -> None:
    with (
        vdso.stepped(other.pid, DAY),
        pytest.raises(PreconditionError, match="stepped already"),
        vdso.stepped(other.pid, DAY),
    ):
        pass
    assert other.ahead()[0][0] == about(0)


def test_who_ends_meanwhile_takes_its_clock_with_it(other: Process) -> None:
    with vdso.stepped(other.pid, DAY):
        other.process.kill()
        ended = os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # whose number is nobody else's yet
        assert ended is not None
    with pytest.raises(PreconditionError, match="no process"), vdso.stepped(other.pid, DAY):
        pass


def test_who_stands_still_by_another_fault_is_put_right_and_stands_still(quiet: Process) -> None:
    """A pod may be frozen, by a fault or to hold a phase, when the time of its stepped clock is over."""
    with freezing.frozen([quiet.pid]):
        until("it to stand still", lambda: freezing.stopped(freezing.identify(quiet.pid)))
        with vdso.stepped(quiet.pid, DAY):
            assert vdso.is_stepped(quiet.pid)
        assert not vdso.is_stepped(quiet.pid)
        assert freezing.stopped(freezing.identify(quiet.pid))
    assert quiet.ahead() == ([about(0)] * 4, about(0))


def test_a_clock_that_cannot_be_put_right_is_told(other: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> None:
        raise PreconditionError("no rights any more")

    with monkeypatch.context() as patched:
        patched.setattr(vdso, "put_right", refused)
        with pytest.raises(PreconditionError, match="no rights"), vdso.stepped(other.pid, DAY):
            pass
    vdso.put_right(other.pid)


def test_nothing_is_changed_under_a_thread_that_is_in_the_kernels_code(
    quiet: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not in a part of it that the changed one calls; nor under one of which nobody knows."""
    within = vdso._base(quiet.pid) + len(vdso._own().image) - 1
    said = [None, within]
    monkeypatch.setattr(vdso, "_place", lambda _: said.pop() if said else 0)
    with vdso.stepped(quiet.pid, DAY):
        assert said == []
    monkeypatch.setattr(vdso, "_place", lambda _: None)
    with pytest.raises(DeadlineError, match="not to ask for the time"), vdso.stepped(quiet.pid, DAY):
        pass
    assert not vdso.is_stepped(quiet.pid)


def test_the_time_is_right_also_where_a_thread_never_leaves_the_code(
    other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that asks for nothing but the time stands where it comes back from the kernel, which is in our code."""
    with vdso.stepped(other.pid, DAY):
        with monkeypatch.context() as patched:
            patched.setattr(vdso, "_place", lambda _: vdso._base(other.pid))
            patched.setattr(vdso, "_TRIES", 2)
            vdso.put_right(other.pid)
        assert not vdso.is_stepped(other.pid)
        assert other.ahead()[0] == [about(0)] * 4
        with monkeypatch.context() as patched:
            patched.setattr(vdso, "_place", lambda _: vdso._base(other.pid))
            patched.setattr(vdso, "_TRIES", 2)
            with vdso.stepped(other.pid, DAY):
                assert other.ahead()[0] == [about(DAY)] * 4
        assert other.ahead()[0] == [about(0)] * 4


def test_what_was_left_stepped_is_put_right(other: Process) -> None:
    processes = SimpleNamespace(of=lambda pod, _: [other.pid] if pod == "consumer-green-1" else [])
    cluster = SimpleNamespace(pods=lambda *_: [])
    lab: Any = SimpleNamespace(
        namespace="ns",
        parts=PARTS,
        whole={"blue": 2, "green": 2},
        cluster=cluster,
        disturbance=SimpleNamespace(processes=processes),
    )
    left = vdso.stepped(other.pid, DAY)
    left.__enter__()
    assert list(clock.take_back(lab)) == ["the clock of consumer of consumer-green-1 was stepped"]
    assert other.ahead()[0][0] == about(0)
    assert list(clock.take_back(lab)) == []


def test_the_pods_process_is_hit(other: Process) -> None:
    asked: list[tuple[str, str]] = []

    def one(pod: str, program: Any) -> int:
        asked.append((pod, program.container))
        return other.pid

    lab: Any = SimpleNamespace(
        namespace="ns",
        parts=PARTS,
        whole={"blue": 2, "green": 2},
        pod=PARTS.at_work.pod,
        cluster=SimpleNamespace(running=lambda *_: "controller-x"),
        disturbance=SimpleNamespace(processes=SimpleNamespace(one=one)),
    )
    for way in clock.INJECT:
        with clock.INJECT[way](Scene(lab, "kafka:9092", "blue", "green"), Injection(way, "new", 1, 2.0, 0.0)):
            assert other.ahead()[0][0] == about(DAY)
    assert asked == [("consumer-green-1", "consumer"), ("consumer-green-1", "sidecar"), ("controller-x", "controller")]


def test_a_clock_is_stepped_back_only() -> None:
    with pytest.raises(ValueError, match="stepped back"), vdso.stepped(1, 60):
        pass
