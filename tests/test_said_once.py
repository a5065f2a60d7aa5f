"""What has one meaning has one home."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(file for room in ("components", "experiments") for file in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ('Literal["blue", "green"]', "components/names.py"),
        ('("blue", "green")\n', "components/names.py"),
        ('"kubectl", "exec"', "experiments/kubectl.py"),
    ],
)
def test_it_stands_where_it_belongs_and_nowhere_else(text: str, home: str) -> None:
    assert [file.relative_to(ROOT).as_posix() for file in MODULES if text in file.read_text()] == [home]
