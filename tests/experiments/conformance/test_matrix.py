"""The committed matrix of the bad application: what a defect fails is about it, or follows from it."""

import json
from pathlib import Path

import pytest

from tests.applications.bad import DEFECTS

MATRIX = Path(__file__).parents[3] / "report" / "data" / "conformance" / "bad.json"
FOUND = json.loads(MATRIX.read_text())["defects"]


def test_no_defect_is_left_out() -> None:
    assert set(FOUND) == set(DEFECTS)


@pytest.mark.parametrize("defect", sorted(DEFECTS))
def test_each_fails_what_it_has_to_and_nothing_else(defect: str) -> None:
    failed, told = set(FOUND[defect]["fails"]), DEFECTS[defect]
    assert told.fails <= failed
    assert failed <= told.fails | told.follows
    assert not told.fails & told.follows
