"""What a sandbox has of the machine for itself, its name and its port; and who has it where it cannot be had.

The name is an abstract Unix socket: whoever holds it may touch what bears the name, and the kernel lets go of it with
the last process that has it. That last process can be a surprise: a program that another thread is just starting has a
copy of every descriptor from the fork until its exec. So a name is claimed once and kept until PID 1 has inherited it;
let go of and claimed again, it can be found taken, by nobody but oneself.
"""

import contextlib
import errno
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from tools.sandbox.errors import SandboxError

LOOPBACK = "127.0.0.1"
INIT = "tools.sandbox.init"
PROC = Path("/proc")
# As /proc/net writes them: what a listener on 127.0.0.1 clashes with, dual-stack sockets included.
CLASHING = {
    "tcp": ("0100007F", "00000000"),
    "tcp6": ("0000000000000000FFFF00000100007F", "0" * 32),
}
LISTEN = "0A"


class NameTakenError(Exception):
    """Another process holds the name."""


@contextlib.contextmanager
def name_held(name: str) -> Iterator[socket.socket]:
    """Hold the name until the block ends and whoever inherited the socket has ended. NameTakenError if it is held."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        try:
            lock.bind(f"\0{name}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise NameTakenError(name) from None
        yield lock


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Listen on the loopback port until the block ends. SandboxError, with who has the port, when it cannot be had."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(256)
        except OSError as error:
            raise SandboxError(f"{port_refused(port, error)}: {advice()}") from None
        yield listener


def port_taken(port: int) -> str | None:
    """Why the loopback port cannot be listened on, and who has it; None when it can. Leaves the port as it was."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))  # and no listen: that would keep the next one from it for as long
        except OSError as error:
            return _reason(port, error)
    return None


def port_refused(port: int, error: OSError) -> str:
    return f"port {port} of {LOOPBACK} cannot be had ({_reason(port, error)})"


def advice() -> str:
    return "end what uses it, or choose another one with KAFKA_BLUEGREEN_PORT"


def name_refused(name: str, port: int) -> SandboxError:
    """Who holds the name, by the kernel's own tables: another sandbox only where one is found."""
    pids = holders(_unix_inodes(name))
    folders = sorted({folder for pid in pids if (folder := _cache_folder(pid))})
    if folders:
        return SandboxError(
            f"the sandbox of another cache folder ({', '.join(map(str, folders))}; process {min(pids)}) runs on port"
            f" {port}: end it with 'KAFKA_BLUEGREEN_CACHE={folders[0]} KAFKA_BLUEGREEN_PORT={port} python -m"
            " tools.sandbox down', or choose another port with KAFKA_BLUEGREEN_PORT"
        )
    return SandboxError(
        f"the name {name} (an abstract Unix socket) is held by {_who(pids)}, which is no sandbox: end it, or choose"
        " another port with KAFKA_BLUEGREEN_PORT"
    )


def others_run(name: str) -> bool:
    """Whether a sandbox of another name runs on this machine."""
    pattern = rf"@({re.escape(name.rpartition('-')[0])}-\d+)$"
    return bool(set(re.findall(pattern, (PROC / "net" / "unix").read_text(), re.MULTILINE)) - {name})


def holders(inodes: set[str]) -> list[int]:
    """The processes that have one of these sockets, as far as this user may see them."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for process in PROC.iterdir() if wanted else ():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
                if any(str(path.readlink()) in wanted for path in (process / "fd").iterdir()):
                    found.append(int(process.name))
    return sorted(found)


def _reason(port: int, error: OSError) -> str:
    if error.errno != errno.EADDRINUSE:
        return error.strerror or str(error)
    sockets = _tcp_sockets(port)
    listeners = {inode for inode, state in sockets if state == LISTEN}
    if listeners:
        return f"{_who(holders(listeners))} listens on it"
    if sockets:
        return f"{_who(holders({inode for inode, _ in sockets}))} has a connection from it"
    return "a process has bound it without listening: the kernel does not tell which"


def _tcp_sockets(port: int) -> list[tuple[str, str]]:
    """Inode and state of each TCP socket whose local end clashes with the loopback port."""
    found = []
    for table, addresses in CLASHING.items():
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].rpartition(":")
                if int(number, 16) == port and address in addresses:
                    found.append((fields[9], fields[3]))
    return found


def _unix_inodes(name: str) -> set[str]:
    lines = [line.split() for line in (PROC / "net" / "unix").read_text().splitlines()[1:]]
    return {fields[6] for fields in lines if len(fields) == 8 and fields[7] == f"@{name}"}


def _who(pids: list[int]) -> str:
    """Processes by number and name. Not their command lines: those can hold what is nobody's business."""
    if not pids:
        return "a process that cannot be seen from here"
    return ", ".join(f"process {pid} ({_name(pid)})" for pid in pids[:3])


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "ended meanwhile"


def _cache_folder(pid: int) -> Path | None:
    """The cache folder of the sandbox that this process belongs to; None when it is no sandbox's."""
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    if INIT not in command:
        return None
    specification = Path(command[command.index(INIT) + 1])  # CACHE/sandbox/run/init.json
    return specification.parents[2] if len(specification.parents) > 2 else None
