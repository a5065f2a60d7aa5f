"""What a colour failed, and when the other one was back."""

from typing import Any

from experiments.failures import Failures, active_after, by_epoch


def line(color: str, epoch: int, offset: int, t: float, error: str = "") -> dict[str, Any]:
    found = {"color": color, "epoch": epoch, "topic": "t", "partition": 0, "offset": offset, "t": int(t * 1e9)}
    return found | ({"error": error} if error else {})


def test_failed_records_by_the_epoch_of_the_grant() -> None:
    consumed = [
        line("green", 4, 7, 12.5, "no"),
        line("green", 4, 6, 11.5, "no"),
        line("green", 4, 5, 10.0),
        line("blue", 6, 6, 20.0),  # handled again, and well
        line("blue", 6, 8, 21.0, "no"),
        line("green", 8, 9, 30.0, "no"),
        line("green", 8, 9, 30.5, "no"),  # a record is one, however often it fails
    ]
    assert by_epoch(consumed, "green") == {4: Failures(11.5, 2, 1), 8: Failures(30.0, 1, 0)}
    assert by_epoch(consumed, "blue") == {6: Failures(21.0, 1, 0)}
    assert by_epoch([], "green") == {}


def event(color: str, name: str, epoch: int, t: float) -> dict[str, Any]:
    return {"color": color, "event": name, "epoch": epoch, "t": int(t * 1e9)}


def test_a_colour_is_back_with_its_last_member_of_the_first_grant() -> None:
    events = [
        event("blue", "ACTIVE", 2, 1.0),
        event("green", "ACTIVE", 4, 10.0),
        event("blue", "ACTIVE", 6, 20.5),
        event("blue", "ACTIVE", 6, 20.7),
        event("blue", "DRAINING", 7, 29.0),
        event("blue", "ACTIVE", 10, 40.0),
    ]
    assert active_after(events, "blue", 11.5) == 20.7
    assert active_after(events, "blue", 30.0) == 40.0
    assert active_after(events, "blue", 41.0) is None
