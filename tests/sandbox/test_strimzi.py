import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.sandbox import jdk, strimzi
from tools.sandbox.errors import SandboxError
from tools.sandbox.inputs import Input
from tools.sandbox.maven import read
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner


class _Machine(Runner):
    """Stands in for Maven and Java: jars as pinned or not, and a definition wherever the generator is to write one."""

    def __init__(self, jars: Sequence[str]) -> None:
        super().__init__()
        self._jars = jars
        self.generated: list[list[str]] = []

    def run(self, command: Sequence[str | Path], **_: Any) -> str:
        parts = [str(part) for part in command]
        if parts[0] == "mvn":
            (target,) = [part.partition("=")[2] for part in parts if part.startswith("-DoutputDirectory=")]
            Path(target).mkdir()
            for name in self._jars:
                (Path(target) / name).touch()
        else:
            self.generated.append(parts)
            for part in parts[parts.index("io.strimzi.crdgenerator.CrdGenerator") + 1 :]:
                name, equals, path = part.partition("=")
                if equals:
                    Path(path).write_text(f"metadata: {{name: {name}}}\n")
        return ""


@pytest.fixture
def java(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime that is new enough."""
    found = Path("/some/jdk/bin/java")
    monkeypatch.setattr(jdk, "find", lambda *_: found)
    return found


def _pinned(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    path.write_text(f"{empty}  api.jar\n")
    monkeypatch.setattr(strimzi, "CHECKSUMS", path)


def _definitions(layout: Layout, *jars: str) -> tuple[Input, _Machine]:
    machine = _Machine(jars)
    return strimzi.definitions(layout, machine), machine


def test_both_definitions_are_generated_once_and_kept(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, java: Path
) -> None:
    _pinned(monkeypatch, tmp_path / "sums")
    made, machine = _definitions(layout, "api.jar")
    folder = made.path()
    assert folder == made.kept == made.path()
    assert sorted(path.name for path in folder.iterdir()) == ["kafkaconnectors.yaml", "kafkaconnects.yaml"]
    (command,) = machine.generated
    assert command[0] == str(java)
    assert [part.partition("=")[0] for part in command[-2:]] == list(strimzi.CLASSES.values())


@pytest.mark.usefixtures("java")
def test_jars_that_are_not_pinned_do_not_run(layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _pinned(monkeypatch, tmp_path / "sums")
    made, machine = _definitions(layout, "api.jar", "more.jar")
    with pytest.raises(SandboxError, match=r"Strimzi's generator are not those .*more.jar is not pinned"):
        made.path()
    assert made.kept is not None
    assert not made.kept.exists()
    assert machine.generated == []


def test_without_a_java_that_is_new_enough_it_is_said_what_to_install(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jdk, "find", lambda *_: None)
    made, _ = _definitions(layout)
    with pytest.raises(SandboxError, match=r"Java 21 or newer is missing.*JAVA_HOME.*/usr/lib/jvm.*install one"):
        made.path()


def test_other_jars_are_another_input(layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before, _ = _definitions(layout)
    _pinned(monkeypatch, tmp_path / "sums")
    after, _ = _definitions(layout)
    assert before.kept != after.kept


def test_who_made_them_and_of_which_version_is_on_them(tmp_path: Path) -> None:
    for name, metadata in (("a", {"name": "a"}), ("b", {"name": "b", "labels": {"app": "strimzi"}})):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"metadata": metadata, "spec": {"text": "yes"}}))
    first, second = yaml.safe_load_all(strimzi.labelled(tmp_path))
    made = {"app.kubernetes.io/version": strimzi.VERSION, "app.kubernetes.io/managed-by": "kafka-bluegreen-sandbox"}
    assert first["metadata"] == {"name": "a", "labels": made}
    assert second["metadata"] == {"name": "b", "labels": {"app": "strimzi", **made}}
    assert first["spec"] == second["spec"] == {"text": "yes"}


def test_the_version_is_the_pinned_one() -> None:
    pom = strimzi.POM.read_text()
    versions = re.findall(r"<groupId>io.strimzi</groupId>\s*<artifactId>(.+?)</artifactId>\s*<version>(.+?)<", pom)
    assert dict(versions) == {"crd-generator": strimzi.VERSION, "api": strimzi.VERSION}
    assert {f"{name}-{strimzi.VERSION}.jar" for name, _ in versions} <= read(strimzi.CHECKSUMS).keys()
