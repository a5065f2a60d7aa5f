"""Starts and stops the cluster: PID 1 in its namespaces, and what surrounds it on the host."""

import contextlib
import hashlib
import http.client
import json
import os
import select
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.sandbox import cgroups, claims, config, pki
from tools.sandbox.errors import SandboxError
from tools.sandbox.init import Mount, Program, Specification
from tools.sandbox.paths import CHECKOUT, Layout

NAMESPACES = ("mount", "pid", "net", "uts", "ipc")

START_SECONDS = 20
READY_SECONDS = 120


@dataclass(frozen=True)
class Programs:
    """What the cluster is made of: folders of binaries, and the pause image that every pod needs."""

    kubernetes: Path
    cni_plugins: str
    pause_image: str


class Cluster:
    """The cluster of one cache folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def pid(self) -> int | None:
        """PID 1's number on the host, or None when the cluster does not run."""
        return self._alive("init")

    def start(self, programs: Programs) -> bool:
        """Start the cluster, unless it runs already with just these programs and settings; whether it was started.

        A cluster that was killed, whole or in part, is cleared away first; its data is kept. Raises SandboxError when
        the port is taken, another sandbox runs on this machine, or PID 1 ends at once.
        """
        layout = self._layout
        files = config.files(layout, programs.pause_image, programs.cni_plugins)
        daemons = config.daemons(layout, programs.kubernetes)
        specification = Specification(
            hostname=config.NODE,
            address=config.NODE_ADDRESS,
            service_network=config.SERVICE_NETWORK,
            sysctls={"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"},
            masked_sysctls=list(config.MACHINE_SYSCTLS),
            mounts=[Mount(str(source), target) for target, source in self._private_folders().items()],
            programs=[Program(d.name, list(d.command), dict(d.environment)) for d in daemons],
            listener=-1,
            relay_target=(config.NODE_ADDRESS, config.API_PORT),
            run=str(layout.run),
            logs=str(layout.logs),
        )
        content = [asdict(specification), {str(path): text for path, text in files.items()}, layout.port]
        fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        recorded = layout.run / "fingerprint"
        if self.pid() is not None and recorded.exists() and recorded.read_text() == fingerprint:
            return False
        self._end_processes()
        # The name is held from before what bears it is cleared away until PID 1 has it: see claims.py.
        with _name(layout) as lock, claims.listening(layout.port) as listener:
            self._clear(held=layout.name)
            self._write(files)
            specification = Specification(**{**vars(specification), "listener": listener.fileno()})
            specification.write(layout.run / "init.json")
            (layout.run / "name").write_text(layout.name)
            cgroups.make(layout.name)
            self._spawn([listener.fileno(), lock.fileno()])
        recorded.write_text(fingerprint)
        return True

    def stop(self) -> None:
        """End the cluster and clear away everything of it but its data. Does nothing when nothing is there."""
        self._end_processes()
        self._clear()

    def _end_processes(self) -> None:
        # PID 1 first; who started it ends by itself then, and holds the sockets until it has.
        for name in ("init", "outer"):
            pid = self._alive(name)
            if pid is not None:
                _end(pid)

    def _clear(self, held: str | None = None) -> None:
        """Remove what an ended cluster leaves behind. ``held`` is the name that the caller holds already."""
        for name in self._names():
            if name == held:
                with contextlib.suppress(OSError):
                    cgroups.remove(name)
                continue
            # Where another cache folder's sandbox has the name, they are its own.
            with contextlib.suppress(claims.NameTakenError, OSError), claims.name_held(name):
                cgroups.remove(name)
        if not claims.others_run(self._layout.name):
            for folder in self._made_folders():
                with contextlib.suppress(OSError):  # in use by somebody else, or gone
                    folder.rmdir()
        shutil.rmtree(self._layout.run, ignore_errors=True)

    def purge(self) -> None:
        """Delete the data of a stopped cluster, Pulumi's state included; the image store stays."""
        if not self._layout.sandbox.exists():
            return
        for path in self._layout.sandbox.iterdir():
            if path in (self._layout.image_store, self._layout.sandbox / "lock"):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def enter(self, command: list[str]) -> list[str]:
        """The command line that runs ``command`` inside the cluster's namespaces. SandboxError when it does not run."""
        pid = self.pid()
        if pid is None:
            raise SandboxError("the sandbox is not running: start it with 'python -m tools.sandbox up'")
        return ["nsenter", f"--target={pid}", *(f"--{name}" for name in NAMESPACES), "--", *command]

    def kill(self, name: str) -> int:
        """SIGKILL one daemon, which PID 1 then starts again; its process number inside. SandboxError if unknown."""
        daemons = self.daemons()
        if name not in daemons:
            raise SandboxError(f"no daemon {name!r}: there are {', '.join(sorted(daemons))}")
        pid = daemons[name].pid
        if not pid:
            raise SandboxError(f"{name} is not running at the moment: PID 1 is about to start it again")
        subprocess.run(self.enter(["kill", "-KILL", str(pid)]), check=True, timeout=10)
        return pid

    def daemons(self) -> "dict[str, DaemonState]":
        """What PID 1 last wrote about its children; empty when the cluster does not run."""
        if self.pid() is None:
            return {}
        content = json.loads((self._layout.run / "daemons.json").read_text())
        return {name: DaemonState(**state) for name, state in content.items()}

    def wait_for_api(self) -> None:
        """Return once the API server says that it is ready. SandboxError after two minutes, with its log's end."""
        self._wait_until(self._api_ready, "kube-apiserver", "the API server to be ready")

    def wait_for_containerd(self) -> None:
        """Return once containerd answers."""

        def answers() -> bool:
            command = self.enter(["ctr", "--connect-timeout=1s", "version"])
            return subprocess.run(command, capture_output=True, check=False, timeout=15).returncode == 0

        self._wait_until(answers, "containerd", "containerd to answer")

    def log_end(self, name: str, lines: int = 15) -> str:
        try:
            text = (self._layout.logs / f"{name}.log").read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])

    def _wait_until(self, condition: Callable[[], bool], daemon: str, what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            if self.pid() is None:
                raise SandboxError(f"the sandbox ended while waiting for {what}; PID 1's log:\n{self.log_end('init')}")
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"waited {READY_SECONDS} s for {what}; the end of its log"
                    f" (python -m tools.sandbox logs {daemon}):\n{self.log_end(daemon)}"
                )
            time.sleep(0.05)  # a server that does not listen yet can only be asked again

    def _api_ready(self) -> bool:
        layout = self._layout
        context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
        context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", layout.port, timeout=5, context=context)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _private_folders(self) -> dict[str, Path]:
        """Folders that programs insist on, and where they are really kept, by the path that they are seen at inside."""
        run = self._layout.run
        return {
            "/var/lib/cni": run / "cni-cache",
            "/var/lib/kubelet": self._layout.sandbox / "kubelet",
            "/var/log/containers": run / "container-logs",
            "/var/log/pods": self._layout.sandbox / "pod-logs",
        }

    def _made_folders(self) -> list[Path]:
        """Mount points that ``start`` had to make on the host, and that ``stop`` removes again."""
        record = self._layout.sandbox / "made-folders.json"
        if not record.exists():
            return []
        made = [Path(path) for path in json.loads(record.read_text())]
        record.unlink()
        return made

    def _write(self, files: dict[Path, str]) -> None:
        layout = self._layout
        pki.make(layout.pki, config.leaves())
        for user in config.users(layout):
            pki.write_kubeconfig(layout.pki, user)
        layout.logs.mkdir(parents=True, exist_ok=True)
        made = []
        for target, source in self._private_folders().items():
            source.mkdir(parents=True, exist_ok=True)
            if not Path(target).exists():
                made.append(target)
        if made:
            (layout.sandbox / "made-folders.json").write_text(json.dumps(made))
            for target in made:
                Path(target).mkdir(parents=True)
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def _spawn(self, descriptors: list[int]) -> None:
        run = self._layout.run
        log = self._layout.logs / "init.log"
        joining = " ".join(f"&& echo 0 > {shlex.quote(str(file))}" for file in cgroups.daemons(self._layout.name))
        command = ["sh", "-c", f'true {joining} && exec "$@"', "sh"]
        command += ["unshare", *(f"--{name}" for name in NAMESPACES), "--fork", "--kill-child", "--mount-proc"]
        command += [sys.executable, "-m", "tools.sandbox.init", str(run / "init.json")]
        # A short environment: a proxy setting of the shell, for one, is not meant for the cluster.
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "PYTHONPATH": str(CHECKOUT),
        }
        with log.open("ab") as output:
            outer = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment,
                pass_fds=descriptors,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (run / "ready").exists():
            if outer.poll() is not None or time.monotonic() > deadline:
                outer.kill()
                raise SandboxError(
                    f"the sandbox's namespaces could not be set up; the end of {log}:\n{self.log_end('init')}"
                )
            time.sleep(0.01)
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        processes = {"init": int(children[0]), "outer": outer.pid}
        record = {name: {"pid": pid, "identity": _identity(pid)} for name, pid in processes.items()}
        (run / "processes.json").write_text(json.dumps(record))

    def _names(self) -> set[str]:
        """What this sandbox is called, and what it was called if it was started with another port."""
        started = self._layout.run / "name"
        return {self._layout.name, *([started.read_text()] if started.exists() else [])}

    def _alive(self, name: str) -> int | None:
        """The recorded process, if it is still that process: numbers are used again."""
        try:
            record = json.loads((self._layout.run / "processes.json").read_text())[name]
        except (OSError, ValueError):
            return None
        identity = _identity(record["pid"])
        return int(record["pid"]) if identity is not None and identity == record["identity"] else None


@dataclass(frozen=True)
class DaemonState:
    """``pid`` is a number of the cluster's pid namespace, 0 while the daemon waits to be started again."""

    pid: int
    starts: int
    last_status: int | None


@contextlib.contextmanager
def _name(layout: Layout) -> Iterator[socket.socket]:
    with contextlib.ExitStack() as stack:
        try:
            lock = stack.enter_context(claims.name_held(layout.name))
        except claims.NameTakenError:
            raise claims.name_refused(layout.name, layout.port) from None
        yield lock


def _end(pid: int, seconds: float = 30) -> None:
    """SIGKILL, and wait until the process is gone. SandboxError when it is not after ``seconds``."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if not select.select([descriptor], [], [], seconds)[0]:
            raise SandboxError(f"process {pid} of the sandbox did not end within {seconds:.0f} s of SIGKILL")
    finally:
        os.close(descriptor)


def _identity(pid: int) -> str | None:
    """What tells a process from a later one of the same number: its start time and the machine's boot."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    if fields[0] == "Z":  # ended, not yet waited for
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {fields[19]}"
