import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.sandbox.catalogue import PREFIX, Catalogue, Image, Input
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
        "victoriametrics",
        "workloads",
    } <= catalogue.images.keys()
    for image in catalogue.images.values():
        assert image.containerfile.read_text()
        assert all(path.exists() for path in image.files.values())
    references = {image.reference for image in catalogue.images.values()}
    assert len(references) == len(catalogue.images)


def test_containerfiles_build_elsewhere_too(catalogue: Catalogue) -> None:
    """Each base has a default, and nothing but arguments that Containerfile declares is passed."""
    for image in catalogue.images.values():
        text = image.containerfile.read_text()
        arguments = set(image.arguments) | ({"BASE"} if image.base else set())
        for name in arguments:
            assert f"\nARG {name}=" in f"\n{text}", f"{image.name}: {name}"
        assert ("FROM ${BASE}" in text) == (image.base is not None)


def test_a_fetched_input_is_made_once_and_whole(catalogue: Catalogue) -> None:
    made: list[Path] = []

    def make(target: Path) -> None:
        made.append(target)
        target.write_text("content")
        if len(made) == 1:
            raise OSError("interrupted")

    thing = catalogue._cached("thing", "identity", make)
    assert thing.kept is not None
    with pytest.raises(OSError, match="interrupted"):
        thing.path()
    assert not thing.kept.exists()
    assert thing.path().read_text() == "content"
    assert thing.path() == thing.kept
    assert len(made) == 2
    assert catalogue._cached("thing", "another", make).kept != thing.kept
