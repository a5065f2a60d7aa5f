"""The committed matrix of the bad application: what a defect fails is about it, or follows from it."""

import json
from pathlib import Path

import pytest

from tests.applications.bad import DEFECTS

MATRIX = Path(__file__).parents[3] / "report" / "data" / "conformance" / "bad.json"
FOUND = json.loads(MATRIX.read_text())["defects"]
#: Its rows say in which membership they were tried; those of the first matrix did not, and knew fewer defects.
FIRST = any("membership" not in row for row in FOUND.values())
AGAIN = "the first matrix: make it anew, python -m tests.applications.matrix report/data/conformance/bad.json"


@pytest.mark.xfail(FIRST, reason=AGAIN, strict=True)
def test_no_defect_is_left_out() -> None:
    assert set(FOUND) == set(DEFECTS)


@pytest.mark.skipif(FIRST, reason=AGAIN)
@pytest.mark.parametrize("defect", sorted(DEFECTS))
def test_each_fails_what_it_has_to_and_nothing_else(defect: str) -> None:
    row, told = FOUND[defect], DEFECTS[defect]
    assert (row["membership"], row["why"]) == (told.membership, told.why)
    assert row["has_to_fail"] == sorted(told.fails)
    assert row["may_fail"] == sorted(told.follows)
    assert row["missed"] == row["beyond"] == []
    failed = set(row["fails"])
    assert told.fails <= failed <= told.fails | told.follows
    unreadable = [point for point, seen in row["fails"].items() if "JSONDecodeError" in seen]
    assert not unreadable or defect == "lines-that-are-no-json"
