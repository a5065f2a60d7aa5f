from pathlib import Path

import pytest

from tools.sandbox import jdk


def _runtime(home: Path, version: str | None) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    if version is not None:
        (home / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{version}"\n')
    return java


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("25", 25), ("21-ea", 21), ("1.8.0_402", 8), ("?", None), (None, None)]
)
def test_the_version_is_read_not_asked_for(tmp_path: Path, version: str | None, major: int | None) -> None:
    _runtime(tmp_path, version)
    assert jdk.major(tmp_path) == major


def test_a_second_runtime_is_found_beside_the_first(tmp_path: Path) -> None:
    first = _runtime(tmp_path / "jvm" / "a-17", "17.0.1")
    second = _runtime(tmp_path / "jvm" / "b-25", "25.0.3")
    environment = {"PATH": str(first.parent)}
    folders = [str(tmp_path / "jvm"), str(tmp_path / "nowhere")]
    assert jdk.find(21, environment, folders) == second
    assert jdk.find(17, environment, folders) == first
    assert jdk.find(26, environment, folders) is None


def test_what_the_environment_names_comes_first(tmp_path: Path) -> None:
    there = _runtime(tmp_path / "jvm" / "b-25", "25.0.3")
    old, named = _runtime(tmp_path / "old", "11.0.1"), _runtime(tmp_path / "named", "21.0.2")
    environment = {"PATH": "/nowhere", "JAVA_HOME": str(tmp_path / "old"), "JAVA_HOME_21_X64": str(tmp_path / "named")}
    folders = [str(tmp_path / "jvm")]
    assert jdk.find(21, environment, folders) == named
    assert jdk.find(11, environment, folders) == old
    assert jdk.find(21, {"PATH": "/nowhere", "JAVA_HOME": ""}, folders) == there


def test_a_link_on_the_path_is_followed_to_its_home(tmp_path: Path) -> None:
    java = _runtime(tmp_path / "home", "21.0.2")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(java)
    assert jdk.find(21, {"PATH": str(tmp_path / "bin")}, []) == java


def test_a_home_without_its_program_is_none(tmp_path: Path) -> None:
    _runtime(tmp_path / "jvm" / "25", "25").unlink()
    assert jdk.find(21, {"PATH": "/nowhere"}, [str(tmp_path / "jvm")]) is None
