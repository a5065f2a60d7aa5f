from experiments.results import Criterion, SwitchResult
from experiments.summary import closing, summary, times_table
from experiments.tables import table
from tests.support.samples import RESULT, result


def test_a_table_lines_up() -> None:
    assert table(["name", "n", "s"], [["a", 1, 0.5], ["longer", 20, None]]) == (
        "name     n      s\n------  --  -----\na        1  0.500\nlonger  20      -"
    )


def test_the_distribution_is_over_the_switches_of_a_run() -> None:
    switches = [SwitchResult("blue-green", float(n), n + 1.0, n / 100, None, 0.1, "Switched") for n in range(1, 21)]
    lines = [line.split() for line in times_table(result(switches=switches)).splitlines()]
    assert ["switch_seconds", "20", "10.500", "19.000", "20.000"] in lines
    assert ["handoff_seconds", "20", "0.105", "0.190", "0.200"] in lines
    assert ["gap_seconds", "0", "-", "-", "-"] in lines


def test_the_closing_table_says_what_passed_and_what_did_not() -> None:
    text = closing(RESULT)
    assert "verdict: PASSED" in text
    assert "blue-green" in text
    failed = closing(result(passed=False, criteria=[Criterion("lost", "= 0", None, False)]))
    assert "verdict: FAILED" in failed
    assert "FAIL  lost       = 0    not measured" in failed


def test_the_summary_has_every_run() -> None:
    text = summary([RESULT, result(run="another", passed=False)])
    assert "20261123T120000Z-c-1: strategy c" in text
    assert "another: strategy c" in text
    assert "FAILED: acked" in text


def test_what_a_measurement_has_shown_stands_with_its_run() -> None:
    shown = result(kind="measurement", passed=None, measurements={**RESULT.measurements, "still_seconds_max": 60.1234})
    assert "measured: still seconds max 60.1\n" in summary([shown], {shown.scenario: ("still_seconds_max", "unknown")})
    assert "measured: still seconds max 60.1\n" in closing(shown, ("still_seconds_max",))
    assert "measured:" not in summary([shown])


def test_what_is_said_of_the_brokers_does_not_come_between_the_rate_and_its_unit() -> None:
    delay = "group.initial.rebalance.delay.ms"
    told = summary([result(environment={**RESULT.environment, delay: 3000})])
    assert f"{delay} 3000, rate 100 records/s" in told
