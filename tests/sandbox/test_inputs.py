from pathlib import Path

import pytest

from tools.sandbox.inputs import cached
from tools.sandbox.paths import Layout


def test_an_input_is_made_once_and_whole(layout: Layout) -> None:
    made: list[Path] = []

    def make(target: Path) -> None:
        made.append(target)
        target.write_text("content")
        if len(made) == 1:
            raise OSError("interrupted")

    thing = cached(layout, "thing", "identity", make)
    assert thing.kept is not None
    with pytest.raises(OSError, match="interrupted"):
        thing.path()
    assert not thing.kept.exists()
    assert thing.path().read_text() == "content"
    assert thing.path() == thing.kept
    assert len(made) == 2
    assert cached(layout, "thing", "another", make).kept != thing.kept


def test_what_an_interruption_left_of_a_folder_is_not_kept(layout: Layout) -> None:
    def make(target: Path) -> None:
        target.mkdir()
        (target / "whole").touch()

    thing = cached(layout, "thing", "identity", make)
    assert thing.kept is not None
    rest = thing.kept.with_name(f".{thing.kept.name}.partial")
    rest.mkdir(parents=True)
    (rest / "half").touch()
    assert [path.name for path in thing.path().iterdir()] == ["whole"]
