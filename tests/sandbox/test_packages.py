from pathlib import Path

import pytest

from tools.sandbox import packages
from tools.sandbox.errors import SandboxError
from tools.sandbox.packages import Requirement
from tools.sandbox.process import Runner

NEEDED = (Requirement("tool-a", "package-a"), Requirement("tool-b", "package-b"), Requirement("tool-c", "package-b"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but a shell, and the network plugins."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for program in ("sh", "setpriv", "echo"):
        (folder / program).symlink_to(Path("/usr/bin") / program)
    monkeypatch.setattr(packages, "search_path", lambda: str(folder))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(packages, "cni_plugins", lambda: tmp_path)
    return folder


def _program(folder: Path, name: str, script: str = "exit 0") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_only_what_is_missing_is_installed(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages.missing(NEEDED) == ["package-a", "package-b"]
    _program(programs, "tool-a")
    _program(programs, "tool-b")
    assert packages.missing(NEEDED) == ["package-b"]
    _program(programs, "tool-c")
    assert packages.missing(NEEDED) == []
    monkeypatch.setattr(packages, "cni_plugins", lambda: None)
    assert packages.missing(NEEDED) == [packages.CNI_PACKAGE]


def test_without_apt_it_is_said_which_packages(programs: Path) -> None:
    with pytest.raises(SandboxError, match=r"missing: containerd runc.*install what has the same programs"):
        packages.check(["containerd", "runc"], Runner())
    packages.check([], Runner())


def test_lists_are_fetched_when_a_package_is_not_in_them(programs: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f'echo "$*" >> {log}; case "$*" in *update*) echo > {tmp_path}/lists ;; *) [ -f {tmp_path}/lists ] ;; esac'
    _program(programs, "apt-get", script)
    packages.check(["runc"], Runner())
    words = [next(w for w in line.split() if w in ("update", "install")) for line in log.read_text().splitlines()]
    assert words == ["install", "update", "install"]
    assert all("--simulate" in line for line in log.read_text().splitlines() if "install" in line)


def test_a_package_that_cannot_be_had_is_refused_with_aptitudes_own_words(programs: Path) -> None:
    _program(
        programs, "apt-get", 'case "$*" in *update*) ;; *) echo "E: Unable to locate package x" >&2; exit 100 ;; esac'
    )
    with pytest.raises(SandboxError, match=r"(?s)cannot be installed: x\..*Unable to locate package x"):
        packages.check(["x"], Runner())


def test_installing_takes_no_recommended_packages_and_asks_nothing(programs: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    _program(programs, "apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {log}')
    packages.install([], Runner())
    assert not log.exists()
    packages.install(["a", "b"], Runner())
    line = log.read_text()
    assert line.startswith("noninteractive ")
    assert "--yes" in line
    assert "--no-install-recommends a b" in line


def test_network_plugins_are_found_where_all_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half, whole = tmp_path / "half", tmp_path / "whole"
    monkeypatch.setattr(packages, "CNI_FOLDERS", (tmp_path / "absent", half, whole))
    for folder, names in ((half, packages.CNI_PLUGINS[:-1]), (whole, packages.CNI_PLUGINS)):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    assert packages.cni_plugins() == whole
