"""PID 1's own work, as an ordinary process: no namespaces, harmless programs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.sandbox.init import Mount, Program, Specification

SECONDS = 15

RUN = """
import pathlib, sys
from tools.sandbox.init import Init, Specification
Init(Specification.read(pathlib.Path(sys.argv[1]))).run()
"""


class Running:
    def __init__(self, folder: Path, programs: list[Program], target: tuple[str, int]) -> None:
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0))
        specification = _specification(folder, programs, self.listener.fileno(), target)
        specification.write(folder / "init.json")
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(folder / "init.json")], pass_fds=[self.listener.fileno()]
        )

    def state(self, name: str) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.folder / "daemons.json").read_text())[name]
        except FileNotFoundError:
            return {"pid": 0, "starts": 0, "last_status": None}
        return state

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited {SECONDS} s for: {what}"
            time.sleep(0.02)


def _specification(folder: Path, programs: list[Program], listener: int, target: tuple[str, int]) -> Specification:
    return Specification(
        hostname="h",
        address="10.0.0.1",
        service_network="10.1.0.0/16",
        sysctls={"a": "1"},
        masked_sysctls=["b"],
        mounts=[Mount("/a", "/b")],
        programs=programs,
        listener=listener,
        relay_target=target,
        run=str(folder),
        logs=str(folder),
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(programs: list[Program], target: tuple[str, int] = ("127.0.0.1", 9)) -> Running:
        started.append(Running(tmp_path, programs, target))
        return started[-1]

    yield begin
    for running in started:
        running.listener.close()
        running.process.terminate()
        try:
            running.process.wait(SECONDS)
        finally:
            running.process.kill()


def _sleeper(name: str = "sleeper") -> Program:
    return Program(name, ["sleep", "600"], {})


def test_specification_survives_its_file(tmp_path: Path) -> None:
    specification = _specification(tmp_path, [_sleeper()], 3, ("127.0.0.1", 1))
    specification.write(tmp_path / "s.json")
    assert Specification.read(tmp_path / "s.json") == specification


def test_what_is_killed_is_started_again(start: Callable[..., Running]) -> None:
    running = start([_sleeper(), _sleeper("other")])
    running.wait("the programs to start", lambda: running.state("other")["pid"] > 0)
    other = running.state("other")["pid"]
    first = running.state("sleeper")["pid"]
    os.kill(first, signal.SIGKILL)
    running.wait(
        "a second start", lambda: running.state("sleeper")["starts"] == 2 and running.state("sleeper")["pid"] > 0
    )
    assert running.state("sleeper")["last_status"] == -signal.SIGKILL
    assert running.state("sleeper")["pid"] != first
    assert running.state("other") == {"pid": other, "starts": 1, "last_status": None}


def test_what_ends_at_once_is_tried_again_ever_more_slowly(start: Callable[..., Running]) -> None:
    running = start([Program("broken", ["sh", "-c", "echo no >&2; exit 3"], {})])
    running.wait("three attempts", lambda: running.state("broken")["starts"] >= 3)
    began = time.monotonic()
    starts = running.state("broken")["starts"]
    running.wait("another attempt", lambda: running.state("broken")["starts"] > starts)
    assert time.monotonic() - began > 0.5
    assert running.state("broken")["last_status"] == 3
    assert (running.folder / "broken.log").read_text().startswith("no\nno\n")


def test_children_have_no_signals_blocked_and_their_environment(start: Callable[..., Running]) -> None:
    script = 'grep SigBlk /proc/self/status; echo "$GREETING"; exec sleep 600'
    running = start([Program("asker", ["sh", "-c", script], {"GREETING": "hello"})])
    log = running.folder / "asker.log"
    running.wait("its output", lambda: log.exists() and "hello" in log.read_text())
    assert log.read_text().split() == ["SigBlk:", "0" * 16, "hello"]


def test_what_has_ended_does_not_stay_as_a_zombie(start: Callable[..., Running]) -> None:
    running = start([_sleeper()])
    running.wait("a start", lambda: running.state("sleeper")["pid"] > 0)
    os.kill(running.state("sleeper")["pid"], signal.SIGKILL)
    running.wait("the second start", lambda: running.state("sleeper")["starts"] == 2)
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    states = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in children}
    assert "Z" not in states


def test_the_relay_is_back_after_it_was_killed(start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        running = start([], server.getsockname())
        for killed in (0, 1):
            running.wait("the relay", lambda killed=killed: running.state("relay")["starts"] == killed + 1)  # type: ignore[misc]
            running.wait("its process", lambda: running.state("relay")["pid"] > 0)
            with socket.create_connection(running.listener.getsockname(), timeout=SECONDS) as client:
                accepted, _ = server.accept()
                with accepted:
                    accepted.sendall(b"x")
                    assert client.recv(1) == b"x"
            os.kill(running.state("relay")["pid"], signal.SIGKILL)


def test_termination_ends_all_programs(start: Callable[..., Running]) -> None:
    running = start([_sleeper(), _sleeper("other")])
    running.wait("the programs", lambda: running.state("other")["pid"] > 0)
    pids = [running.state(name)["pid"] for name in ("sleeper", "other", "relay")]
    running.process.terminate()
    assert running.process.wait(SECONDS) == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
