"""The control groups that the kubelet works in, in the host's hierarchy: made at ``up``, removed at ``down``.

With cgroup v1 every controller has a hierarchy of its own, with v2 there is one. The kubelet's ``cgroupRoot`` has to
exist in each before it starts.
"""

import contextlib
import errno
import os
import time
from pathlib import Path

from tools.sandbox.errors import SandboxError

ROOT = Path("/sys/fs/cgroup")
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")
DAEMONS = "daemons"
# A cluster of one's own does not share its processors with the program that drives it. Where it has to, as here, all of
# its pods together would count as much as one thread of that program (the default weight, 1024 in v1 and 100 in v2).
V1_SHARES, V1_DAEMON_SHARES = 16384, 4096
V2_WEIGHT, V2_DAEMON_WEIGHT = 1600, 400


def make(name: str) -> None:
    """Make the kubelet's root group, of that name, in every hierarchy.

    Raises OSError where the hierarchy is read-only.
    """
    if (ROOT / "cgroup.controllers").exists():
        _make_v2(name)
        return
    for hierarchy in _v1_hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group, which then accepts no process
            if (hierarchy / file).exists():
                (group / file).write_text((hierarchy / file).read_text())
        if (group / "cpu.shares").exists():
            (group / DAEMONS).mkdir(exist_ok=True)
            (group / "cpu.shares").write_text(str(V1_SHARES))
            (group / DAEMONS / "cpu.shares").write_text(str(V1_DAEMON_SHARES))


def daemons(name: str) -> list[Path]:
    """The files that a process writes 0 to, to be counted with the cluster's own programs; none if there is no such."""
    return [top / DAEMONS / "cgroup.procs" for top in _tops(name) if (top / DAEMONS).exists()]


def remove(name: str, seconds: float = 10) -> None:
    """Remove the groups, innermost first. They are empty once the cluster's processes are reaped, which takes a moment.

    Raises SandboxError naming the group that is still in use after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    for top in _tops(name):
        while (busy := _remove_tree(top)) is not None:
            if time.monotonic() > deadline:
                raise SandboxError(f"control group {busy} still has processes in it: see its cgroup.procs")
            time.sleep(0.01)  # the kernel tells nobody when a v1 group becomes empty


def _tops(name: str) -> list[Path]:
    """The group of that name in every hierarchy, whether or not it is there."""
    return [ROOT / name] if (ROOT / "cgroup.controllers").exists() else [h / name for h in _v1_hierarchies()]


def _v1_hierarchies() -> list[Path]:
    return [path for path in ROOT.iterdir() if not path.is_symlink() and (path / "cgroup.procs").exists()]


def _make_v2(name: str) -> None:
    """Also hand the controllers down from the root group, which a machine without systemd may not have done."""
    enabled = (ROOT / "cgroup.subtree_control").read_text().split()
    offered = (ROOT / "cgroup.controllers").read_text().split()
    for controller in V2_CONTROLLERS:
        if controller in offered and controller not in enabled:
            with contextlib.suppress(OSError):
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
    group = ROOT / name
    group.mkdir(exist_ok=True)
    if (group / "cpu.weight").exists():
        (group / "cpu.weight").write_text(str(V2_WEIGHT))
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text("+cpu")
        (group / DAEMONS).mkdir(exist_ok=True)
        if (group / DAEMONS / "cpu.weight").exists():
            (group / DAEMONS / "cpu.weight").write_text(str(V2_DAEMON_WEIGHT))


def _remove_tree(top: Path) -> Path | None:
    """Remove what is empty; the first group that was busy, or None."""
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            Path(folder).rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.EBUSY:
                return Path(folder)
            raise
    return None
