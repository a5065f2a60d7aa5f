"""The table of what the stand-in does names a source and a test for each line, and the tests are there."""

import ast
import re
from pathlib import Path

import pytest

import workloads.connect_operator
from tests.support.source import parsed

HERE = Path(__file__).parent
TEXT = workloads.connect_operator.__doc__ or ""
ROW = re.compile(r"^\| (?P<what>.+?) \| (?P<source>[^|]*?) ?\| (?P<tests>[^|]*?) ?\|$", re.MULTILINE)
TABLE = TEXT.partition("| behaviour |")[2].partition("\n\n")[0]
ROWS = [row.groups() for row in ROW.finditer(TABLE) if not row["what"].startswith(("---", "**"))]
FILES = dict(re.findall(r"\*(\w)\*\s+(test_\w+)", TEXT))


def names_in(file: str) -> list[str]:
    """The names of its tests."""
    tree = parsed(HERE / f"{file}.py")
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def test_there_are_lines() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize(("what", "source", "tests"), ROWS)
def test_each_line_has_its_source_and_its_tests(what: str, source: str, tests: str) -> None:
    assert re.fullmatch(r"(A|C|CRD|K|M|O|R|P \d+)(, (A|C|CRD|K|M|O|R|P \d+))*", source), what
    for named in tests.split(", "):
        letter, _, part = named.partition(" ")
        assert any(part in name for name in names_in(FILES[letter])), f"{what}: no test {named}"
