import dataclasses
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.sandbox.catalogue import CHECKSUMS, CONNECT, KAFKA, PREFIX, Catalogue, Image
from tools.sandbox.errors import SandboxError
from tools.sandbox.inputs import Input
from tools.sandbox.maven import read
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner
from tools.sandbox.stores import _stage


@pytest.fixture
def image(tmp_path: Path) -> Image:
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    code = tmp_path / "code"
    (code / "part").mkdir(parents=True)
    (code / "main.py").write_text("print()\n")
    (code / "part" / "a.py").write_text("A = 1\n")
    base = Image("base", tmp_path / "Containerfile", inputs={"x": Input("x1", lambda: tmp_path)})
    return Image(
        "some",
        tmp_path / "Containerfile",
        base=base,
        files={"code": code},
        mounts={"/wheels": Input("w1", lambda: tmp_path)},
        arguments={"A": "1"},
    )


def _code(image: Image) -> Path:
    return image.files["code"]


def _edit(image: Image) -> Image:
    (_code(image) / "part" / "a.py").write_text("A = 2\n")
    return image


def _rename(image: Image) -> Image:
    (_code(image) / "part" / "a.py").rename(_code(image) / "part" / "b.py")
    return image


def _make_executable(image: Image) -> Image:
    (_code(image) / "main.py").chmod(0o755)
    return image


def _change_containerfile(image: Image) -> Image:
    image.containerfile.write_text("FROM scratch\nUSER 1\n")
    return image


def _change_base(image: Image) -> Image:
    return dataclasses.replace(image, base=Image("base", image.containerfile, inputs={"x": Input("x2", Path)}))


def _change_mount(image: Image) -> Image:
    return dataclasses.replace(image, mounts={"/wheels": Input("w2", Path)})


def _change_argument(image: Image) -> Image:
    return dataclasses.replace(image, arguments={"A": "2"})


@pytest.mark.parametrize(
    "change",
    [_edit, _rename, _make_executable, _change_containerfile, _change_base, _change_mount, _change_argument],
)
def test_whatever_goes_into_an_image_changes_its_tag(image: Image, change: Callable[[Image], Image]) -> None:
    before = image.reference
    assert change(image).reference != before


def test_what_does_not_go_in_changes_nothing(image: Image) -> None:
    before = image.reference
    (_code(image) / "__pycache__").mkdir()
    (_code(image) / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    (_code(image) / ".hidden").write_text("x")
    os.utime(_code(image) / "main.py", (0, 0))
    assert image.reference == before
    assert before.startswith(f"{PREFIX}/some:")


def test_context_is_what_is_hashed_with_one_time_and_two_modes(image: Image, tmp_path: Path) -> None:
    (_code(image) / "__pycache__").mkdir()
    (_code(image) / "__pycache__" / "x.pyc").touch()
    (_code(image) / "main.py").chmod(0o700)
    (_code(image) / "part" / "a.py").chmod(0o600)
    context = tmp_path / "context"
    context.mkdir()
    _stage(image.files, context)
    there = {str(p.relative_to(context)): p.stat() for p in context.rglob("*")}
    assert sorted(there) == ["code", "code/main.py", "code/part", "code/part/a.py"]
    assert {name: stat.st_mode & 0o777 for name, stat in there.items()} == {
        "code": 0o755,
        "code/main.py": 0o755,
        "code/part": 0o755,
        "code/part/a.py": 0o644,
    }
    assert {stat.st_mtime for stat in there.values()} == {0}


class _Builds:
    """Stands in for the builder: nothing is built here."""

    def key(self, build: object) -> str:
        return "key"

    def folder(self, build: object) -> Path:
        return Path("/nowhere")


@pytest.fixture
def catalogue(layout: Layout) -> Catalogue:
    return Catalogue(layout, _Builds(), Runner())  # type: ignore[arg-type]


def test_every_image_has_its_files(catalogue: Catalogue) -> None:
    assert {
        "pause",
        "coredns",
        "volume-provisioner",
        "kafka",
        "connect",
        "victoriametrics",
        "workloads",
        "consumer-v2",
    } <= catalogue.images.keys()
    for image in catalogue.images.values():
        assert image.containerfile.read_text()
        assert all(path.exists() for path in image.files.values())
    references = {image.reference for image in catalogue.images.values()}
    assert len(references) == len(catalogue.images)


def test_the_second_version_follows_the_first(catalogue: Catalogue) -> None:
    """The same code and one layer more: whatever changes the workloads' image changes it, too."""
    second = catalogue["consumer-v2"]
    assert second.base is catalogue["workloads"]
    assert not second.files
    assert not second.inputs
    assert not second.mounts
    assert "COPY" not in second.containerfile.read_text()
    assert "RUN" not in second.containerfile.read_text()


def test_containerfiles_build_elsewhere_too(catalogue: Catalogue) -> None:
    """Each base has a default, and nothing but arguments that Containerfile declares is passed."""
    for image in catalogue.images.values():
        text = image.containerfile.read_text()
        arguments = set(image.arguments) | ({"BASE"} if image.base else set())
        for name in arguments:
            assert f"\nARG {name}=" in f"\n{text}", f"{image.name}: {name}"
        assert ("FROM ${BASE}" in text) == (image.base is not None)


def test_a_worker_stands_on_the_brokers_image_and_jars(catalogue: Catalogue) -> None:
    connect, kafka = catalogue["connect"], catalogue["kafka"]
    assert connect.base is kafka
    kept = [made.kept for made in catalogue._worker_jars]
    assert kept[0] == kafka.inputs["libs"].kept
    assert kept[1] == connect.inputs["libs"].kept
    assert kept[2] == kafka.inputs["jmx-exporter"].kept
    assert None not in kept


def test_the_jars_of_a_worker_are_told_once_all_are_there(catalogue: Catalogue) -> None:
    folders = [str(made.kept) for made in catalogue._worker_jars]
    for folder in folders:
        assert catalogue.variables() == {"KAFKA_LIBS": folders[0]}
        Path(folder).mkdir(parents=True)
    assert catalogue.variables() == {"KAFKA_LIBS": folders[0], "CONNECT_LIBS": ":".join(folders)}
    assert catalogue.connect_libs() == [Path(folder) for folder in folders]


class _Maven(Runner):
    """Puts jars where it is told to, by the pom that it is given."""

    def __init__(self, **jars: Sequence[str]) -> None:
        super().__init__()
        self._jars = jars

    def run(self, command: Sequence[str | Path], **_: Any) -> str:
        options = dict(str(part).split("=", 1) for part in command if "=" in str(part))
        artifact = re.search("<artifactId>(.+?)-image<", Path(options["--file"]).read_text())
        assert artifact is not None
        target = Path(options["-DoutputDirectory"])
        target.mkdir()
        for name in self._jars[artifact[1]]:
            (target / name).write_text(name)
        return ""


def _with_jars(layout: Layout, *, kafka: Sequence[str], connect: Sequence[str]) -> Catalogue:
    return Catalogue(layout, _Builds(), _Maven(kafka=kafka, connect=connect))  # type: ignore[arg-type]


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The images' folders with other checksums: of `clients.jar` and `core.jar`, and of `runtime.jar`."""
    for name, folder, jars in (
        ("KAFKA", KAFKA, ["clients.jar", "core.jar"]),
        ("CONNECT", CONNECT, ["runtime.jar"]),
    ):
        copy = shutil.copytree(folder, tmp_path / folder.name)
        (copy / CHECKSUMS).write_text("".join(f"{hashlib.sha256(jar.encode()).hexdigest()}  {jar}\n" for jar in jars))
        monkeypatch.setattr(f"tools.sandbox.catalogue.{name}", copy)


@pytest.mark.usefixtures("pinned")
def test_no_jar_is_there_twice(layout: Layout) -> None:
    catalogue = _with_jars(layout, kafka=["clients.jar", "core.jar"], connect=["clients.jar", "runtime.jar"])
    broker, own, _ = catalogue._worker_jars
    assert sorted(path.name for path in own.path().iterdir()) == ["runtime.jar"]
    assert sorted(path.name for path in broker.path().iterdir()) == ["clients.jar", "core.jar"]


@pytest.mark.usefixtures("pinned")
def test_a_library_of_another_release_than_the_brokers_is_refused(layout: Layout) -> None:
    catalogue = _with_jars(layout, kafka=["clients.jar", "core.jar"], connect=["clients-1.jar", "runtime.jar"])
    with pytest.raises(SandboxError, match=r"Kafka Connect's jars .*clients-1.jar is not pinned"):
        catalogue.connect_libs()
    assert "CONNECT_LIBS" not in catalogue.variables()


@pytest.mark.usefixtures("pinned")
def test_jars_of_a_broker_that_are_not_pinned_are_refused(layout: Layout) -> None:
    catalogue = _with_jars(layout, kafka=["clients.jar", "core-2.jar"], connect=[])
    with pytest.raises(SandboxError, match=r"Kafka's jars .*core.jar is missing; core-2.jar is not pinned"):
        catalogue._worker_jars[0].path()
    with pytest.raises(SandboxError, match=r"the JMX exporter .*core-2.jar is not pinned"):
        catalogue._worker_jars[2].path()


def test_the_worker_and_the_broker_are_of_one_release() -> None:
    versions = {
        version
        for folder in (KAFKA, CONNECT)
        for group, version in re.findall(
            r"<groupId>(.+?)</groupId>\s*<artifactId>.+?</artifactId>\s*<version>(.+?)</version>",
            (folder / "pom.xml").read_text(),
        )
        if group == "org.apache.kafka"
    }
    assert len(versions) == 1
    (version,) = versions
    assert f"connect-runtime-{version}.jar" in read(CONNECT / CHECKSUMS)
    assert f"kafka-clients-{version}.jar" in read(KAFKA / CHECKSUMS)
