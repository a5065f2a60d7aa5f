"""Whose a line is."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from components.observability import generate
from components.settings import registry
from components.strategies.base import strategy
from experiments import lines
from experiments.cli import main
from experiments.lines import SHARED, STAND_IN, Counted, code_lines, count, owner, owners, shown, total
from experiments.run import REPOSITORY

MADE_UP = {"x": ("s/x.py", "s/x/*"), STAND_IN: ("w/pretends/*",)}


def test_empty_lines_and_comments_do_not_count() -> None:
    assert code_lines('"""Doc."""\n\n# why\nx = 1  # what\n   # more\ny: 2\n') == 3
    assert code_lines("") == 0


@pytest.mark.parametrize(
    ("path", "whose"),
    [("s/x.py", "x"), ("s/x/deep/y.py", "x"), ("s/xx.py", SHARED), ("w/pretends/op.py", STAND_IN), ("w/c.py", SHARED)],
)
def test_a_files_owner_is_told_by_its_path(path: str, whose: str) -> None:
    assert owner(path, MADE_UP) == whose


def test_every_line_is_counted_once_and_the_sums_are_told() -> None:
    counted = count([("s/x.py", "a\nb\n"), ("s/base.py", "a\n" * 8), ("w/pretends/op.py", "a\n")], MADE_UP)
    assert counted == [
        Counted("s/x.py", 2, "x"),
        Counted("s/base.py", 8, SHARED),
        Counted("w/pretends/op.py", 1, STAND_IN),
    ]
    assert [total(counted, whose) for whose in ("x", SHARED, STAND_IN)] == [2, 8, 1]
    told = shown(counted, ["x"])
    assert "| shared | 8 |" in told
    assert "| X's own | 2 | 20 % of shared and own |" in told
    assert "| together | 10 |" in told
    assert "| s/x.py | 2 |" in told
    assert "| s | 8 |" in told


def test_what_a_built_strategy_is_said_to_own_is_there() -> None:
    """A file that was given another name would count as shared without a word."""
    paths = [path for path, _ in lines.read(REPOSITORY)]
    own = owners()
    for letter in registry.models():
        assert any(owner(path, own) == letter for path in paths), f"nothing is strategy {letter}'s own"
        said = (*strategy(letter).paths, *strategy(letter).stand_ins)
        assert not [pattern for pattern in said if not any(fnmatch(path, pattern) for path in paths)], letter
    assert [owner(path, own) for path in ("components/connect/operator.py", "components/connect/agent.py")] == [
        STAND_IN,
        "e",
    ]
    assert own.keys() == {STAND_IN, *registry.models()}


def test_what_is_counted_is_what_is_deployed_and_what_runs(tmp_path: Path) -> None:
    for name in ("__main__.py", "components/a.py", "components/files/crd.yaml", "stacks/Pulumi.x.yaml", "tests/t.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    paths = [path for path, _ in lines.read(tmp_path)]
    assert paths == ["__main__.py", "components/a.py", "components/files/crd.yaml", "stacks/Pulumi.x.yaml"]


def test_what_is_generated_or_of_others_is_not_counted() -> None:
    """Kinds of others, as they come with a release, and what is written from a list: nobody's lines."""
    texts = dict(lines.read(REPOSITORY))
    made = [path for path, text in texts.items() if path.endswith(".yaml") and "made by: python -m" in text[:400]]
    assert made == []
    assert not [file for file in generate.FILES if file.relative_to(REPOSITORY).as_posix() in texts]
    assert "components/files/kafka/jmx-exporter.yaml" in texts


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--lines"]) == 0
    assert "C's own, file by file:" in capsys.readouterr().out
