"""What was handled twice: found in the logs, and explained by a fault and by what that did, or not at all."""

from typing import Any

import pytest

from experiments.fault_campaign.duplicates import Crash, Explained, Repeat, Trail, behind_commits, explain, repeats

NS = 1_000_000_000


def line(partition: int, offset: int, at: float, **more: Any) -> dict[str, Any]:
    return {"topic": "t", "partition": partition, "offset": offset, "t": int(at * NS), **more}


def test_repetitions_are_found_in_the_logs() -> None:
    consumed = [
        ("blue-0.a", line(0, 7, 10.0)),
        ("blue-0.a", line(0, 8, 10.1)),
        ("green-0.b", line(0, 8, 12.0)),
        ("green-0.b", line(0, 9, 12.1, error="refused")),
        ("green-1.c", line(0, 9, 13.0)),
        ("green-0.b", {"pod": "green-0", "end": 3}),
    ]
    assert repeats(consumed) == [Repeat(0, 8, "blue-0.a", "green-0.b", int(10.1 * NS), int(12.0 * NS))]


REPEATS = [Repeat(p, 8 + p, "blue-0.a", "green-0.b", 100 * NS, 103 * NS) for p in (0, 1)]


def event(what: str, at: float, *partitions: Any) -> dict[str, Any]:
    return {"event": what, "t": int(at * NS), "partitions": [["t", *one] for one in partitions]}


@pytest.mark.parametrize(
    ("committed", "begun", "behind"),
    [
        ((101.0, 9), 102.0, True),
        ((101.0, 8), 102.0, False),
        ((102.5, 9), 102.0, False),
        ((101.0, 9), None, False),
    ],
    ids=["committed before it began", "committed up to it", "committed after it began", "nobody knows when it began"],
)
def test_what_was_committed_is_not_to_be_handled_again(
    committed: tuple[float, int], begun: float | None, behind: bool
) -> None:
    at, offset = committed
    events = [("blue-0.a", event("COMMITTED", at, [0, offset])), ("green-1.c", event("COMMITTED", 1.0, [0, 99]))]
    if begun is not None:
        events.append(("green-0.b", event("ASSIGNED", begun, [0], [1])))
    assert (behind_commits(REPEATS[:1], events) == REPEATS[:1]) == behind


KILL = Crash("worker-kill", "blue-0", 100.5, 100.5)
ANOTHER = ("blue-0.z", event("ACTIVE", 104.0))
FENCED = ("blue-0.a", event("FENCED", 101.0))


def why(crashes: list[Crash], events: list[Any], *, logs: bool = True) -> Explained:
    (found,) = explain(
        REPEATS, crashes, Trail(events, places=logs, logs=logs), [(101.0, "Lease: nobody"), (900.0, "x")]
    )
    return found


@pytest.mark.parametrize(
    ("events", "mechanism"),
    [
        ([ANOTHER], "its process ended"),
        ([FENCED], "it was fenced"),
        ([("blue-0.a", event("LOST", 120.0, [0], [1]))], "its partitions were lost"),
        ([("blue-0.a", event("PAUSED", 102.0, [0, 8], [1, 9]))], "the commit of its drain was not acknowledged"),
        ([("blue-0.a", event("PAUSED", 102.0, [0, 9], [1, 10]))], ""),
        ([("blue-0.a", event("LOST", 101.0, [5]))], ""),
        ([("blue-0.a", event("FENCED", 99.0))], ""),
        ([("green-0.b", event("FENCED", 101.0))], ""),
        ([ANOTHER, ("blue-0.a", event("COMMITTED", 106.0, [0, 3]))], ""),
        ([], ""),
    ],
    ids=[
        "another process",
        "fenced",
        "lost, and said late",
        "drained without a commit",
        "drained and committed",
        "lost others",
        "fenced before",
        "who came after",
        "it lived on",
        "nothing was done to it",
    ],
)
def test_a_fault_explains_only_what_it_did(events: list[Any], mechanism: str) -> None:
    """Found by an audit: any fault near by was an explanation, whether the process lived on or not."""
    found = why([KILL], events)
    assert (found.count, found.partitions, found.mechanism) == (2, (0, 1), mechanism)
    assert found.crash == (KILL if mechanism else None)
    assert ("nothing that could explain it" in str(found)) != bool(mechanism)


@pytest.mark.parametrize(
    ("crash", "fenced", "ended"),
    [
        (KILL, True, True),
        (Crash("broker-stall", "", 95.0, 101.0), True, True),
        (Crash("cut-broker", "green-0", 95.0, 101.0), True, False),
        (Crash("worker-kill", "green-0", 102.0, 102.0), True, False),
        (Crash("worker-kill", "blue-1", 100.5, 100.5), False, False),
        (Crash("worker-kill", "blue-0", 104.0, 104.0), False, False),
        (Crash("worker-kill", "blue-0", 90.0, 90.0), False, False),
    ],
    ids=["of the first", "of all", "of who shares its place", "of the second", "of another", "after it", "long before"],
)
def test_the_fault_lies_between_effect_and_commit_and_hit_who_had_it_first(
    crash: Crash, fenced: bool, ended: bool
) -> None:
    """A pod of the other colour can fence it; it cannot end its process."""
    assert (why([crash], [FENCED]).crash == crash) == fenced
    assert (why([crash], [ANOTHER]).crash == crash) == ended


def test_who_has_no_log_of_its_own_is_explained_by_its_own_fault_alone() -> None:
    """Workers of two Connect clusters have nothing in common but their number."""
    told = [why([Crash("worker-kill", pod, 101.0, 101.0)], [], logs=False) for pod in ("blue-0", "red-0")]
    assert [one.crash and one.crash.pod for one in told] == ["blue-0", None]


def test_each_is_told_with_its_timeline_and_no_more_than_that() -> None:
    commits = [("blue-0.a", event("COMMITTED", 90.0 + at, [0, at])) for at in range(9)]
    found = why([KILL], [*commits, FENCED, ANOTHER])
    assert list(found.timeline) == [
        "98.000 blue-0.a COMMITTED 0@8",
        "100.000 blue-0.a handles",
        "100.500 and is over",
        "100.500 worker-kill of blue-0 begins",
        "101.000 Lease: nobody",
        "101.000 blue-0.a FENCED",
        "103.000 green-0.b again",
    ]
    assert found.as_json() == {"told": str(found), "timeline": list(found.timeline)}
    (long,) = explain(
        REPEATS, [KILL], Trail([FENCED], places=True, logs=True), [(101.0 + at / 100, f"line {at}") for at in range(99)]
    )
    assert len(long.timeline) == 13
