"""What a zombie did after its thaw, from lines."""

from dataclasses import replace

from experiments.zombies import Line, Zombie, handled_after, measurements, row, stopping

SECOND = 10**9
ZOMBIE = Zombie(
    pod="consumer-blue-2",
    process="consumer-blue-2.abc",
    pid=77,
    started_ticks=4711,
    state_before_thaw="T",
    noticeable=False,
    frozen_ns=10 * SECOND,
    thawed_ns=11 * SECOND,
    watched_until_ns=13 * SECOND,
    kubelet_seconds=3.2,
    epoch=8,
    stopped_by="FENCED",
    stopped_ns=11 * SECOND + 250_000_000,
)


def line(t: float, offset: int = 0) -> Line:
    return {"partition": 3, "offset": offset, "t": round(t * SECOND)}


def event(t: float, name: str) -> Line:
    return {"event": name, "t": round(t * SECOND)}


def test_the_first_word_of_stopping_after_the_thaw_counts() -> None:
    events = [event(9, "DRAINING"), event(11.4, "PAUSED"), event(11.1, "COMMITTED"), event(11.2, "FENCED")]
    found = stopping(events, ZOMBIE.thawed_ns)
    assert found == event(11.2, "FENCED")
    assert stopping(events[:1], ZOMBIE.thawed_ns) is None


def test_only_what_was_handled_after_the_thaw_counts() -> None:
    lines: list[Line] = [line(9.99), line(11.0, 1), {"end": 3, "t": 12 * SECOND}, line(11.2, 2)]
    handled = handled_after(lines, ZOMBIE.thawed_ns)
    assert [one["offset"] for one in handled] == [1, 2]
    told = row(ZOMBIE, handled)
    assert (told["handled_after_thaw"], told["last_handled_seconds"], told["stopped_seconds"]) == (2, 0.2, 0.25)
    assert (told["pid"], told["started_ticks"], told["state_before_thaw"]) == (77, 4711, "T")
    assert (told["frozen_seconds"], told["kubelet_frozen_seconds"], told["watched_seconds"]) == (1.0, 3.2, 2.0)


def test_freezes_that_a_loop_notices_are_told_apart_from_those_that_it_does_not() -> None:
    rows = [
        row(replace(ZOMBIE, noticeable=True, frozen_ns=0), []),
        row(ZOMBIE, [line(11.1)] * 20),
        row(replace(ZOMBIE, stopped_by=None, stopped_ns=None), [line(11.1)] * 300),
    ]
    told = measurements(rows)
    assert (told["zombies_made"], told["zombies_long"], told["zombies_short"]) == (3, 1, 2)
    assert (told["zombie_long_handled_worst"], told["zombie_short_handled_worst"]) == (0, 300)
    assert told["zombie_short_handled_median"] == 160
    assert (told["zombie_long_not_stopped"], told["zombie_short_not_stopped"]) == (0, 1)
    assert told["zombie_short_stopped_seconds_worst"] == 0.25
    assert told["zombie_long_frozen_seconds_worst"] == 11.0


def test_without_a_zombie_there_is_nothing_to_tell() -> None:
    assert measurements([])["zombies_made"] == 0
    assert measurements([])["zombie_short_handled_worst"] is None
