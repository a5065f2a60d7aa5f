"""PID 1 of the cluster's mount, pid, net, uts and ipc namespaces.

It sets up what is private to them (mounts, addresses, sysctls), starts the daemons, starts again what ends, and reaps
orphans. Its death by SIGKILL ends every process, mount, interface and firewall rule of the cluster, for the kernel
takes the namespaces apart.

Called as ``python -m tools.sandbox.init SPECIFICATION`` by cluster.py, with a listening socket and a lock socket
inherited. It imports the standard library only, and nothing after the start: the checkout may change under it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from tools.sandbox import relay

RELAY = "relay"
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
HEALTHY_SECONDS = 10.0


@dataclass(frozen=True)
class Mount:
    """``source`` is bound over ``target``; both exist."""

    source: str
    target: str


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    environment: dict[str, str]


@dataclass(frozen=True)
class Specification:
    """What PID 1 is to do; written as JSON by cluster.py."""

    hostname: str
    address: str
    service_network: str
    sysctls: dict[str, str]
    masked_sysctls: list[str]
    mounts: list[Mount]
    programs: list[Program]
    listener: int
    relay_target: tuple[str, int]
    run: str
    logs: str

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> "Specification":
        content = json.loads(path.read_text())
        content["mounts"] = [Mount(**mount) for mount in content["mounts"]]
        content["programs"] = [Program(**program) for program in content["programs"]]
        content["relay_target"] = tuple(content["relay_target"])
        return cls(**content)


@dataclass
class Child:
    """A program's present and past: its process (0 while it waits to be started), and when it is to be started."""

    program: Program | None  # None: the relay, which is this program's own code
    pid: int = 0
    starts: int = 0
    last_status: int | None = None
    started: float = 0.0
    due: float = 0.0
    delay: float = FIRST_DELAY


class Init:
    def __init__(self, specification: Specification) -> None:
        self._specification = specification
        self._listener = socket.socket(fileno=specification.listener)
        programs: dict[str, Program | None] = {program.name: program for program in specification.programs}
        self._children = {name: Child(program) for name, program in {RELAY: None, **programs}.items()}

    def run(self) -> NoReturn:
        """Keep the programs running until SIGTERM, then end them in good order."""
        watched = {signal.SIGCHLD, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        stopping = False
        while not stopping:
            self._start_due()
            waiting = [child.due for child in self._children.values() if not child.pid]
            timeout = max(0.0, min(waiting) - time.monotonic()) if waiting else 3600.0
            received = signal.sigtimedwait(watched, timeout)
            stopping = received is not None and received.si_signo == signal.SIGTERM
            self._reap()
        self._stop()
        sys.exit(0)

    def _start_due(self) -> None:
        started = False
        for name, child in self._children.items():
            if not child.pid and child.due <= time.monotonic():
                child.pid = self._start_relay() if child.program is None else self._start(child.program)
                child.starts += 1
                child.started = time.monotonic()
                started = True
                _log(f"{name} started as process {child.pid}")
        if started:
            self._publish()

    def _start(self, program: Program) -> int:
        with Path(self._specification.logs, f"{program.name}.log").open("ab") as log:
            process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **program.environment},
                start_new_session=True,
                # One thread only, so this is safe; a child would inherit the blocked signals otherwise.
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, set()),  # noqa: PLW1509
            )
        process.returncode = 0  # reaped here, by pid, and not by the Popen object
        return process.pid

    def _start_relay(self) -> int:
        pid = os.fork()
        if pid:
            return pid
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        try:
            relay.serve(self._listener, self._specification.relay_target)
        finally:
            os._exit(1)

    def _reap(self) -> None:
        ended = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            for name, child in self._children.items():
                if child.pid == pid:
                    lived = time.monotonic() - child.started
                    child.delay = FIRST_DELAY if lived > HEALTHY_SECONDS else min(child.delay * 2, LONGEST_DELAY)
                    child.pid, child.last_status = 0, os.waitstatus_to_exitcode(status)
                    child.due = time.monotonic() + child.delay
                    ended = True
                    _log(f"{name} ended after {lived:.1f}s with status {child.last_status}, next in {child.delay:.1f}s")
        if ended:
            self._publish()

    def _publish(self) -> None:
        """Tell ``status`` and ``restart`` which process is which (numbers of this pid namespace)."""
        state = {
            name: {"pid": child.pid, "starts": child.starts, "last_status": child.last_status}
            for name, child in self._children.items()
        }
        path = Path(self._specification.run) / "daemons.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(state, indent=1))
        partial.replace(path)

    def _stop(self) -> None:
        pids = {child.pid for child in self._children.values() if child.pid}
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while pids and (left := deadline - time.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, left)
            with contextlib.suppress(ChildProcessError):
                while pid := os.waitpid(-1, os.WNOHANG)[0]:
                    pids.discard(pid)


def set_up(specification: Specification) -> None:
    """Make the namespaces' private surroundings. Raises CalledProcessError or OSError, which end PID 1."""
    run = Path(specification.run)
    _call("mount", "--make-rshared", "/")
    _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for folder in ("containerd", "lock", "netns"):
        Path("/run", folder).mkdir()
    for mount in specification.mounts:
        _call("mount", "--bind", mount.source, mount.target)
    mask_sysctls(specification.masked_sysctls, Path("/run/sysctls"))
    socket.sethostname(specification.hostname)
    _call("ip", "link", "set", "lo", "up")
    _call("ip", "address", "add", f"{specification.address}/32", "dev", "lo")
    # A process of the node that connects to a Service: it needs a route before the address is translated.
    _call("ip", "route", "add", specification.service_network, "dev", "lo", "src", specification.address)
    for name, value in specification.sysctls.items():
        path = Path("/proc/sys", name)
        if path.read_text().strip() != value:
            path.write_text(value)
    (run / "ready").touch()


def mask_sysctls(names: list[str], folder: Path) -> None:
    """Bind ordinary files over machine-wide sysctls: who writes them here changes nothing outside.

    The kubelet insists on its own values for the machine's behaviour on panic and on memory overcommitment. With these
    in the way the host keeps its own, and there is nothing to put back, however the cluster ends.
    """
    for name in names:
        path = Path("/proc/sys", name)
        if not path.exists():
            continue
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
        _call("mount", "--bind", str(copy), str(path))


def _call(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip() or result.returncode}")


def _log(message: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {message}", flush=True)


def main() -> NoReturn:
    specification = Specification.read(Path(sys.argv[1]))
    set_up(specification)
    _log("namespaces ready")
    Init(specification).run()


if __name__ == "__main__":
    main()
