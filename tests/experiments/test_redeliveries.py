"""What was handled again after which crash."""

from typing import Any

from experiments import redeliveries
from experiments.redeliveries import Crash, repetitions


def line(t: int, partition: int, offset: int, **more: Any) -> dict[str, Any]:
    return {"topic": "t", "partition": partition, "offset": offset, "t": t, **more}


FIRST = Crash("blue-connect-0", "blue", 100, 3, 2, 6.5)
SECOND = Crash("green-connect-0", "green", 200, 3, 0, None)


def test_every_handling_but_the_first_is_a_repetition() -> None:
    lines = [line(130, 0, 5), line(90, 0, 5), line(140, 0, 5), line(95, 1, 5), {"pod": "x", "end": 4}]
    assert repetitions(lines) == [(130, 0), (140, 0)]
    assert repetitions([line(1, 0, 5), line(2, 0, 6)]) == []


def test_a_crash_has_what_was_repeated_until_the_next_one() -> None:
    table = redeliveries.rows([SECOND, FIRST], [(50, 0), (130, 0), (140, 1), (199, 1), (200, 2)] + [(300, 3)] * 3)
    assert [(row["repeated"], row["partitions"], row["within_bound"]) for row in table] == [(3, 2, True), (4, 2, False)]
    found = redeliveries.measurements(table)
    assert (found["crash_repeated_worst"], found["crash_repeated_total"]) == (4, 7)
    assert (found["crashes_beyond_bound"], found["crashes_not_recovered"]) == (1, 1)
    assert (found["crash_bound"], found["crash_recovery_seconds_worst"]) == (3, 6.5)


def test_without_a_crash_nothing_is_said() -> None:
    assert redeliveries.measurements(redeliveries.rows([], [(1, 0)]))["crash_repeated_worst"] is None
