"""What telling of commits costs, from what was taken."""

import pytest

from experiments.logs.benchmark import Span, cpu_seconds, summed_up

STAT = """1 (kafka (java) run) S 0 1 1 0 -1 4194560 1 2 3 4 100 50 0 0 20 0 1 0 5 6 7
17 (java) S 1 1 1 0 -1 4194560 1 2 3 4 1200 300 9 9 20 0 99 0 5 6 7
99 (cat) R 1 1 1 0 -1 4194560 1 2 3 4 7 7 0 0 20 0 1 0 5 6 7
"""


def test_the_brokers_time_is_that_of_its_java_alone() -> None:
    assert cpu_seconds(STAT.split("\n", 1)[1], 100) == pytest.approx(15.0)
    with pytest.raises(ValueError, match="called java"):
        cpu_seconds("99 (cat) R 1 1\n", 100)


def test_what_telling_costs_is_the_difference_of_the_medians() -> None:
    spans = [
        Span(telling, 10.0, cpu, size, late)
        for telling, cpu, size, late in (
            (False, 0.10, 100.0, 2.0),
            (True, 0.14, 9000.0, None),
            (False, 0.30, 110.0, None),
            (True, 0.15, 9100.0, 2.5),
            (False, 0.11, 90.0, None),
            (True, 0.90, 9200.0, 3.0),
        )
    ]
    found = summed_up(spans)
    assert found["cpu_seconds_per_second"] == {"silent": 0.11, "telling": 0.15, "more": 0.04}
    assert found["log_bytes_per_second"] == {"silent": 100.0, "telling": 9100.0, "more": 9000.0}
    assert found["commit_ms"] == {"silent": 2.0, "telling": 2.75, "more": 0.75}
    assert len(found["spans"]) == 6
    assert summed_up(spans[:1])["commit_ms"] == {"silent": 2.0, "telling": None, "more": None}
