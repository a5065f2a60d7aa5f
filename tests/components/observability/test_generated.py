"""What is made of the lists is committed as they are, and says what the strategies say."""

from pathlib import Path

import pytest

from components.observability import generate
from components.observability.plan_metrics import CONNECTORS, CONSUMERS, PLAN
from components.settings import StackName, registry, strategy_settings
from components.strategies.base import strategy


@pytest.mark.parametrize("path", generate.FILES, ids=lambda path: path.name)
def test_a_file_is_what_the_lists_say(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.FILES[path](), f"run: {generate.COMMAND}"


def test_a_file_that_differs_is_told_and_written_only_when_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "made.md"
    monkeypatch.setattr(generate, "FILES", {path: lambda: "right"})
    path.write_text("wrong")
    assert generate.main(["--check"]) == 1
    assert path.read_text() == "wrong"
    assert "made.md is not what the lists say; run: python -m" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert path.read_text() == "right"
    assert generate.main(["--check"]) == 0
    assert generate.main(["--all"]) == 2


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_the_page_says_of_each_strategy_what_does_its_work(letter: str) -> None:
    stack = StackName(f"strategy-{letter}")
    parts = strategy(letter).parts(strategy_settings({"strategy": letter}, stack.name), stack)
    column = CONSUMERS if parts.connectors is None else CONNECTORS
    assert f" {letter.upper()}" in column


def test_the_page_says_who_has_none_and_why() -> None:
    for metric in PLAN:
        assert metric.connectors is not None or metric.lacking, metric.name
