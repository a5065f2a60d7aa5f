import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.sandbox import catalogue, maven, strimzi
from tools.sandbox.errors import SandboxError
from tools.sandbox.process import Runner

ONE, TWO = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))


def test_maven_works_on_a_copy_in_a_folder_of_its_own(tmp_path: Path) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>")
    seen: list[Path] = []

    class Maven(Runner):
        def run(self, command: Sequence[str | Path], **given: Any) -> str:
            (copy,) = [str(part).removeprefix("--file=") for part in command if str(part).startswith("--file=")]
            assert Path(copy).read_text() == "<project/>"
            assert f"-DoutputDirectory={tmp_path / 'jars'}" in command
            assert command[-1] == "-Dsome=option"
            assert given["seconds"] > 0
            (Path(copy).parent / "target").mkdir()
            (tmp_path / "jars").mkdir()
            (tmp_path / "jars" / "a.jar").write_text("one")
            (tmp_path / "jars" / "b.jar").write_text("two")
            seen.append(given["folder"])
            return ""

    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{ONE}  a.jar\n")
    maven.fetch(Maven(), pom, tmp_path / "jars", ["-Dsome=option"], checksums=sums, what="some jars", without={"b.jar"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SHA256SUMS", "jars", "pom.xml"]
    assert [path.name for path in (tmp_path / "jars").iterdir()] == ["a.jar"]
    assert [path.exists() for path in seen] == [False]


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"a.jar": ONE, "b.jar": TWO}, []),
        ({"a.jar": ONE}, ["b.jar is missing"]),
        ({"a.jar": ONE, "b.jar": TWO, "c.jar": TWO}, ["c.jar is not pinned"]),
        ({"a.jar": TWO, "b.jar": TWO}, [f"a.jar has the checksum {TWO}"]),
        ({"b.jar": ONE, "c.jar": ONE}, ["a.jar is missing", "c.jar is not pinned", f"b.jar has the checksum {ONE}"]),
    ],
)
def test_every_difference_is_named(found: dict[str, str], wrong: list[str]) -> None:
    assert maven.differences({"a.jar": ONE, "b.jar": TWO}, found) == wrong


def test_a_folder_is_checked_by_content(tmp_path: Path) -> None:
    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "a.jar").write_text("one")
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{ONE}  a.jar\n")
    maven.check(jars, sums, "the jars")
    (jars / "a.jar").write_text("two")
    with pytest.raises(SandboxError, match=rf"the jars are not those that {sums} pins: a.jar has the checksum {TWO}"):
        maven.check(jars, sums, "the jars")


@pytest.mark.parametrize(
    "checksums",
    [
        catalogue.CONNECT / catalogue.CHECKSUMS,
        catalogue.KAFKA / catalogue.CHECKSUMS,
        catalogue.KAFKA / catalogue.AGENT_CHECKSUMS,
        strimzi.CHECKSUMS,
    ],
)
def test_checksums_are_of_jars_once_each_in_order(checksums: Path) -> None:
    lines = checksums.read_text().splitlines()
    pinned = maven.read(checksums)
    assert len(pinned) == len(lines)
    assert list(pinned) == sorted(pinned)
    assert all(name.endswith(".jar") and len(value) == 64 and int(value, 16) for name, value in pinned.items())
