import subprocess
from pathlib import Path

import pytest

from tools.sandbox import cgroups

CGROUP = "kafka-bluegreen-1"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    return tmp_path


def _v1(root: Path) -> None:
    for name in ("memory", "cpuset"):
        (root / name).mkdir()
        (root / name / "cgroup.procs").touch()
    (root / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (root / "cpuset" / "cpuset.mems").write_text("0\n")
    (root / "cpu").symlink_to(root / "memory")  # as cpu -> cpu,cpuacct


def test_v1_has_a_group_in_each_hierarchy_with_processors_to_use(root: Path) -> None:
    _v1(root)
    cgroups.make(CGROUP)
    cgroups.make(CGROUP)
    assert (root / "memory" / CGROUP).is_dir()
    assert (root / "cpuset" / CGROUP / "cpuset.cpus").read_text() == "0-1\n"


def test_v2_hands_its_controllers_down(root: Path) -> None:
    (root / "cgroup.controllers").write_text("cpuset cpu io memory pids misc\n")
    control = root / "cgroup.subtree_control"
    control.write_text("cpuset cpu io memory\n")
    cgroups.make(CGROUP)
    assert control.read_text() == "+pids"
    assert (root / CGROUP).is_dir()


def test_groups_go_innermost_first_and_it_may_be_asked_for_twice(root: Path) -> None:
    _v1(root)
    (root / "memory" / CGROUP / "kubepods" / "pod1" / "container").mkdir(parents=True)
    (root / "memory" / "another").mkdir()
    cgroups.remove(CGROUP)
    cgroups.remove(CGROUP)
    assert sorted(path.name for path in (root / "memory").iterdir()) == ["another", "cgroup.procs"]


def test_a_group_in_use_is_named() -> None:
    """On the machine's real hierarchy, with a process that stays."""
    hierarchy = next((h for h in cgroups._v1_hierarchies() if h.name == "pids"), None)
    if hierarchy is None or not _is_writable(hierarchy):
        pytest.skip("no writable cgroup v1 hierarchy on this machine")
    group = hierarchy / CGROUP
    process = subprocess.Popen(["sleep", "60"])
    try:
        group.mkdir()
        (group / "cgroup.procs").write_text(str(process.pid))
        with pytest.raises(Exception, match="kafka-bluegreen-1 still has processes"):
            cgroups.remove(CGROUP, seconds=0.05)
    finally:
        process.kill()
        process.wait()
        cgroups.remove(CGROUP)
    assert not group.exists()


def _is_writable(hierarchy: Path) -> bool:
    probe = hierarchy / "kafka-bluegreen-probe"
    try:
        probe.mkdir()
    except OSError:
        return False
    probe.rmdir()
    return True
