"""What a follower does after a turn."""

import pytest

from workloads.common.kube.pace import FIRST_SECONDS, MOST_SECONDS, OWN_ERROR_SECONDS, STOOD_SECONDS, Ended, Next, Pace


@pytest.mark.parametrize(
    ("ended", "then"),
    [
        (Ended.CLOSED, Next(0.0, read=False, broken=False)),
        (Ended.SILENT, Next(0.0, read=True, broken=False)),
        (Ended.EXPIRED, Next(0.0, read=True, broken=False)),
        (Ended.REFUSED, Next(FIRST_SECONDS, read=True, broken=True)),
        (Ended.BROKEN, Next(FIRST_SECONDS, read=False, broken=True)),
        (Ended.OWN_ERROR, Next(OWN_ERROR_SECONDS, read=True, broken=False)),
    ],
)
def test_after_a_watch_that_had_stood(ended: Ended, then: Next) -> None:
    pace = Pace()
    for _ in range(5):
        assert pace.after(ended, stood=200.0, told=3) == then


@pytest.mark.parametrize("ended", [ended for ended in Ended if ended is not Ended.SILENT])
def test_what_ends_at_once_again_and_again_waits_longer_each_time(ended: Ended) -> None:
    pace = Pace()
    pauses = [pace.after(ended, stood=0.0, told=0).pause for _ in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MOST_SECONDS
    assert all(pauses[1:])


def test_silence_takes_its_time_by_itself() -> None:
    pace = Pace()
    assert [pace.after(Ended.SILENT, stood=0.5, told=0).pause for _ in range(5)] == [0.0] * 5


@pytest.mark.parametrize(("stood", "told"), [(STOOD_SECONDS + 0.1, 0), (0.01, 1)])
def test_a_watch_that_worked_begins_the_backoff_anew(stood: float, told: int) -> None:
    pace = Pace()
    for _ in range(5):
        pace.after(Ended.BROKEN, stood=0.0, told=0)
    assert pace.after(Ended.BROKEN, stood, told).pause == FIRST_SECONDS


def test_a_server_that_ends_each_watch_after_its_first_event_is_not_asked_without_end() -> None:
    pace = Pace()
    assert all(pace.after(Ended.CLOSED, stood=0.01, told=1).pause for _ in range(5))


def test_only_what_a_request_said_breaks_a_watch() -> None:
    assert [ended for ended in Ended if Pace().after(ended, 0.0, 0).broken] == [Ended.REFUSED, Ended.BROKEN]
