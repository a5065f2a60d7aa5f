import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.ports import free_port
from tools.sandbox import cgroups, claims
from tools.sandbox.cluster import Cluster, Programs
from tools.sandbox.errors import SandboxError
from tools.sandbox.paths import Layout

PROGRAMS = Programs(Path("/nowhere"), "/nowhere", "pause")
HOLD = """
import socket, sys
held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
held.bind("\\0" + sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(cache=tmp_path / "cache", port=free_port())


class Copies:
    """Processes that have a copy of every descriptor, as one has that another thread is starting, until its exec."""

    def __init__(self) -> None:
        self._go_on, self._wait = os.pipe()[::-1]
        self._pids: list[int] = []

    def start(self) -> None:
        pid = os.fork()
        if not pid:
            os.close(self._go_on)
            os.read(self._wait, 1)
            os._exit(0)
        self._pids.append(pid)

    def end(self) -> None:
        os.close(self._go_on)
        os.close(self._wait)
        for pid in self._pids:
            os.waitpid(pid, 0)


@pytest.fixture
def copies() -> Iterator[Copies]:
    made = Copies()
    yield made
    made.end()


@contextlib.contextmanager
def _running(*command: str) -> Iterator[int]:
    """A program that says a line when it is ready, and ends with its standard input; its process."""
    with subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
        process.communicate()


def _without_a_machine(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Let ``Cluster.start`` do all but what changes the machine; the descriptors that PID 1 would have been given."""
    given: list[list[int]] = []
    monkeypatch.setattr(cgroups, "make", lambda name: None)
    monkeypatch.setattr(cgroups, "remove", lambda name: None)
    monkeypatch.setattr(Cluster, "_write", lambda self, files: self._layout.run.mkdir(parents=True))
    monkeypatch.setattr(Cluster, "_spawn", lambda self, descriptors: given.append(descriptors))
    return given


def test_a_program_that_is_just_being_started_is_no_other_sandbox(
    layout: Layout, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``up`` builds images beside the start: a fork that falls into the clearing away copies the lock."""
    given = _without_a_machine(monkeypatch)
    monkeypatch.setattr(cgroups, "remove", lambda name: copies.start())
    assert Cluster(layout).start(PROGRAMS)
    assert len(given) == 1


def test_the_name_is_let_go_of_when_the_start_fails(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_a_machine(monkeypatch)

    def fail(self: Cluster, descriptors: list[int]) -> None:
        raise SandboxError("no namespaces")

    monkeypatch.setattr(Cluster, "_spawn", fail)
    for _ in range(2):
        with pytest.raises(SandboxError, match="no namespaces"):
            Cluster(layout).start(PROGRAMS)


def test_who_holds_the_name_is_named_and_is_no_sandbox(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_a_machine(monkeypatch)
    with _running("-c", HOLD, layout.name) as pid, pytest.raises(SandboxError) as caught:
        Cluster(layout).start(PROGRAMS)
    assert f"process {pid} (" in str(caught.value)
    assert "no sandbox" in str(caught.value)


def test_another_sandbox_is_named_with_its_cache_folder(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_a_machine(monkeypatch)
    other = tmp_path / "other"
    # Its PID 1, as far as one can see: a program of that name with its specification's path.
    looks = ["-c", HOLD, layout.name, "-m", claims.INIT, str(other / "sandbox" / "run" / "init.json")]
    with _running(*looks) as pid, pytest.raises(SandboxError) as caught:
        Cluster(layout).start(PROGRAMS)
    assert f"KAFKA_BLUEGREEN_CACHE={other} KAFKA_BLUEGREEN_PORT={layout.port} python -m tools.sandbox down" in str(
        caught.value
    )
    assert f"process {pid}" in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 -- a foreign listener
def test_who_listens_on_the_port_is_named(layout: Layout, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = _without_a_machine(monkeypatch)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        server = socket.create_server((address, layout.port), family=family, dualstack_ipv6=family == socket.AF_INET6)
    except (OSError, ValueError):
        pytest.skip("no IPv6 here")
    with server:
        expected = f"process {os.getpid()} ("
        assert expected in str(claims.port_taken(layout.port))
        with pytest.raises(SandboxError, match=f"port {layout.port} of 127.0.0.1 cannot be had") as caught:
            Cluster(layout).start(PROGRAMS)
    assert expected in str(caught.value)
    assert "listens on it" in str(caught.value)
    assert given == []


def test_a_connection_that_has_the_port_as_its_own_end_is_named(layout: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.bind(("127.0.0.1", layout.port))
        assert "does not tell which" in str(claims.port_taken(layout.port))
        client.connect(server.getsockname())
        reason = str(claims.port_taken(layout.port))
    assert f"process {os.getpid()} (" in reason
    assert "has a connection from it" in reason


def test_looking_whether_a_port_is_free_leaves_it_free(layout: Layout) -> None:
    assert claims.port_taken(layout.port) is None
    with claims.listening(layout.port) as listener:
        assert listener.getsockname() == ("127.0.0.1", layout.port)


def test_only_other_names_of_ours_count_as_other_sandboxes() -> None:
    with claims.name_held("kafka-bluegreen-test-10001"), claims.name_held("another-kafka-bluegreen-test-1"):
        assert claims.others_run("kafka-bluegreen-test-10002")
        assert not claims.others_run("kafka-bluegreen-test-10001")


def test_the_tests_ports_are_given_to_no_outgoing_connection() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert all(not first <= free_port() <= last for _ in range(50))
