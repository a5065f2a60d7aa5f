"""What a result says of how far its times can be believed, and of what it cannot be judged on."""

import pytest

from components.strategies import connectors
from experiments.clocks import Clocks
from experiments.recorders import Times
from experiments.run import clock_error, not_judged, of_recorders

TIMES = Times(late_seconds=0.012, unknown=3, torn=1, restarted=("recorder-blue-0",))
CLOCKS = Clocks(0.1, 0.01, between_nodes=0.05, nodes=2)


@pytest.mark.parametrize(
    ("clocks", "recorded", "expected"),
    [(None, None, 0.0), (CLOCKS, None, 0.05), (None, TIMES, 0.012), (CLOCKS, TIMES, 0.062)],
)
def test_nodes_that_are_apart_and_lines_that_are_seen_late_add_up(
    clocks: Clocks | None, recorded: Times | None, expected: float
) -> None:
    assert clock_error(clocks, recorded) == pytest.approx(expected)


def test_what_the_recorders_missed_is_named() -> None:
    assert of_recorders(TIMES) == {
        "recorded_late_ms_max": 12.0,
        "recorded_unknown_lines": 3,
        "recorded_torn_lines": 1,
        "recorders_restarted": "recorder-blue-0",
    }


def test_what_cannot_be_judged_is_in_the_result_by_name() -> None:
    assert not_judged({}) == {}
    told = str(not_judged(connectors.UNJUDGED)["not_judged"])
    assert all(f"{name}: " in told for name in connectors.UNJUDGED)
