"""Our applications keep the contract, on a real broker; and a bad one is found out, by name."""

import subprocess
from pathlib import Path

import pytest

from experiments.conformance.suite import FAIL, LEFT_OUT, PASS
from tests.applications.bad import DEFECTS
from tests.experiments.conformance.conftest import Try

GO = Path(__file__).parents[2] / "applications" / "go"

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("conformance")]


#: aiokafka tells no end of a partition, so Faust's positions stay before markers.
FAUST = frozenset({"markers"})


@pytest.mark.parametrize(
    ("program", "membership", "leaves_out"),
    [
        ("workloads.consumer", "takeover", frozenset()),
        ("workloads.consumer", "separate", frozenset()),
        ("workloads.faust_consumer", "leave-join", FAUST),
        ("workloads.faust_consumer", "separate", FAUST),
    ],
)
def test_ours_keep_it(tried: Try, program: str, membership: str, leaves_out: frozenset[str]) -> None:
    outcomes = tried(program, membership=membership, leaves_out=leaves_out).run()
    assert {one.point.name for one in outcomes if one.outcome == LEFT_OUT} == {
        one.point.name for one in outcomes if one.point.needs & leaves_out
    }
    outcomes = [one for one in outcomes if one.outcome != LEFT_OUT]
    assert [(one.point.name, one.seen) for one in outcomes if one.outcome != PASS] == []
    assert len(outcomes) > 30


def test_ours_keeps_it_by_the_other_group_protocol(tried: Try) -> None:
    """The points in which another member is in the group, or the coordinator takes it out."""
    outcomes = tried("workloads.consumer", membership="leave-join", protocol="consumer").run(["rebalance", "removed"])
    assert [(one.outcome, one.seen) for one in outcomes if one.outcome != PASS] == []
    assert len(outcomes) == 2


def test_one_in_another_language_that_was_written_from_the_page_alone_keeps_it(tried: Try, tmp_path: Path) -> None:
    program = tmp_path / "consumer"
    built = subprocess.run(
        ["go", "build", "-o", str(program), "."], cwd=GO, capture_output=True, text=True, timeout=600, check=False
    )
    assert built.returncode == 0, built.stderr
    outcomes = tried(str(program), membership="leave-join").run()
    assert [(one.point.name, one.seen) for one in outcomes if one.outcome != PASS] == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found_by_the_points_that_are_about_it(tried: Try, defect: str) -> None:
    told = DEFECTS[defect]
    expected = told.fails
    outcomes = tried("tests.applications.bad", defect, membership=told.membership).run(expected)
    assert {one.point.name: one.seen for one in outcomes if one.outcome != FAIL} == {}
    unreadable = [one.seen for one in outcomes if "JSONDecodeError" in one.seen]
    assert not unreadable or defect == "lines-that-are-no-json"
    assert len(outcomes) == len(expected)


def test_what_an_application_does_not_have_is_not_asked_of_it(tried: Try) -> None:
    outcomes = tried("tests.applications.bad", "no-metrics", leaves_out=frozenset({"metrics"})).run(["metrics"])
    assert [(one.outcome, one.seen) for one in outcomes] == [(LEFT_OUT, "the metrics: a switch is not seen on them")]
