"""Runs that a table compares: of which commits they are stands below it, and is checked."""

from pathlib import Path

import pytest

from experiments.evidence import command
from experiments.evidence.commits import footnoted
from experiments.evidence.sources import Sources
from experiments.results import RunResult
from tests.support.samples import result

HEAD = "| | b | c |\n| --- | --- | --- |\n"
ROW = "| lost | 0<!--= one measurements.lost --> | 0<!--= two measurements.lost --> |\n"


def noted(folder: Path, one: RunResult, two: RunResult, text: str = HEAD + ROW) -> str:
    for name, made in (("one", one), ("two", two)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "result.json").write_text(made.to_json())
    return footnoted(text, Sources(folder), "en")


def of(commit: str | None) -> RunResult:
    return result(environment={"commit": commit})


def test_runs_of_several_commits_are_told_below_the_table(tmp_path: Path) -> None:
    text = noted(tmp_path, of("aaa"), of("bbb"), HEAD + ROW + "\nAfter it.\n")
    assert text == (
        f"{HEAD}{ROW}\n<!-- commits -->The runs of this table are not of one commit and platform: "
        "`aaa`: `one`; `bbb`: `two`.\n\nAfter it.\n"
    )
    assert footnoted(text, Sources(tmp_path), "en") == text, "once, however often it is written"


def test_runs_of_one_commit_need_no_line_and_an_old_one_goes(tmp_path: Path) -> None:
    old = noted(tmp_path, of("aaa"), of("bbb"))
    assert noted(tmp_path, of("aaa"), of("aaa"), old) == HEAD + ROW


def test_what_is_in_no_commit_is_marked(tmp_path: Path) -> None:
    text = noted(tmp_path, of("aaa-dirty"), of("aaa"))
    assert "`aaa`, with changes that are in no commit: `one`; `aaa`: `two`." in text
    assert "a commit that is not known: `one`" in noted(tmp_path, of(None), of("aaa"))


def test_what_else_was_running_is_told(tmp_path: Path) -> None:
    busier = result(environment={"commit": "aaa"}, logs={"store": "x"}, alerts={"fired": []}, screenshots=[{}])
    text = noted(tmp_path, busier, of("aaa"))
    assert "`aaa`, with a log store, alerts, pictures taken: `one`; `aaa`: `two`." in text


def test_a_short_name_is_its_run(tmp_path: Path) -> None:
    table = HEAD + ROW.replace("= one ", "= 1st ")
    text = noted(tmp_path, of("aaa"), of("bbb"), f"<!-- results: 1st = one -->\n\n{table}")
    assert "`aaa`: `one`" in text


@pytest.mark.parametrize("file", ["README.md", "README.ko.md", "docs/page.md"])
def test_a_line_that_is_missing_is_found_and_written(file: str, tmp_path: Path) -> None:
    data = tmp_path / "report" / "data"
    data.mkdir(parents=True)
    noted(data, of("aaa"), of("bbb"))
    page = tmp_path / file
    page.parent.mkdir(exist_ok=True)
    page.write_text(HEAD + ROW)

    def found() -> list[str]:
        return [line for line in command.looked_at(tmp_path, lambda _: True).wrong if line.startswith(file)]

    assert any("a table compares runs of several commits" in line for line in found())
    page.write_text(command._footnoted(page, tmp_path, Sources(data)))
    assert found() == []
