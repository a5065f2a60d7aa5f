from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.sandbox.catalogue import PREFIX
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner
from tools.sandbox.stores import KEPT, Imports


class _Containerd(Runner):
    """Answers for ctr: images as they are imported and removed, and what containers use."""

    def __init__(self) -> None:
        super().__init__()
        self.images: set[str] = set()
        self.used: set[str] = set()

    def run(self, command: Sequence[str | Path], **_: Any) -> str:
        match [str(part) for part in command[2:]]:
            case ["images", "list", "--quiet"]:
                return "\n".join([*self.images, "sha256:abc", "somebody/else:1"])
            case ["images", "import", archive]:
                self.images.add(Path(archive).read_text())
            case ["images", "remove", *names]:
                self.images.difference_update(names)
            case ["containers", "list"]:
                return "\n".join(["CONTAINER IMAGE RUNTIME", *(f"c1 {name} runc" for name in self.used)])
        return ""


@pytest.fixture
def containerd() -> _Containerd:
    return _Containerd()


@pytest.fixture
def imports(layout: Layout, containerd: _Containerd) -> Imports:
    layout.image_store.mkdir(parents=True)
    return Imports(layout, containerd, lambda command: command)


def _import(imports: Imports, folder: Path, number: int, name: str = "some") -> str:
    reference = f"{PREFIX}/{name}:{number}"
    archive = folder / "archive.tar"
    archive.write_text(reference)
    imports.add(archive, reference)
    assert not archive.exists()
    return reference


def test_what_was_imported_is_known_without_asking(imports: Imports, tmp_path: Path) -> None:
    assert imports.recorded() == []
    first, second = _import(imports, tmp_path, 1), _import(imports, tmp_path, 2)
    assert imports.recorded() == [first, second]


def test_asking_corrects_the_record(imports: Imports, containerd: _Containerd, tmp_path: Path) -> None:
    first, second = _import(imports, tmp_path, 1), _import(imports, tmp_path, 2)
    containerd.images.remove(first)
    containerd.images.add(f"{PREFIX}/other:1")
    assert imports.actual() == [f"{PREFIX}/other:1", second]
    assert imports.recorded() == imports.actual()


def test_old_images_go_but_for_those_in_use_and_other_names(
    imports: Imports, containerd: _Containerd, tmp_path: Path
) -> None:
    other = _import(imports, tmp_path, 1, "other")
    used = _import(imports, tmp_path, 0)
    containerd.used.add(used)
    references = [_import(imports, tmp_path, number) for number in range(1, KEPT + 3)]
    expected = {other, used, *references[-KEPT:]}
    assert containerd.images == expected
    assert set(imports.recorded()) == expected


def test_a_damaged_record_is_no_record(imports: Imports, layout: Layout) -> None:
    (layout.image_store / "kafka-bluegreen-images.json").write_text("{")
    assert imports.recorded() == []
