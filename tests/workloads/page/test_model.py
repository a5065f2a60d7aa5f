"""What is shown of the API server's objects, also of those that are missing or odd."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support import page_world
from tests.support.page_world import NAMESPACE, UID, past, pod, switch
from workloads.common.lease import Grant, to_lease
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, State
from workloads.page.model import Snapshot, view

BLUE, GREEN = Color.BLUE, Color.GREEN
HELD = Grant(BLUE, 2, BLUE, None, 1, Outcome.SWITCHED)
WITHDRAWN = Grant(None, 3, BLUE, BLUE, 2)
GRANTED = Grant(GREEN, 4, GREEN, BLUE, 2)


def lease(grant: Grant) -> dict[str, Any]:
    return to_lease(grant, "consumer-switch", "2026-11-28T10:00:00.000000Z", switch_uid=UID)


def report(state: State | None, epoch: int, *partitions: int, **more: Any) -> Report:
    return Report("boot", state, epoch, epoch, partitions=partitions, at=1, **more)


def seen(grant: Grant | None = HELD, obj: dict[str, Any] | None = None, *pods: dict[str, Any]) -> dict[str, Any]:
    named = tuple({**p, "metadata": {**p["metadata"], "name": f"consumer-{p['metadata']['uid']}"}} for p in pods)
    found = Snapshot(NAMESPACE, obj or switch(), None if grant is None else lease(grant), named, read=True)
    return view(found)


def test_nothing_is_shown_of_what_is_not_there() -> None:
    unread, gone = view(Snapshot(NAMESPACE)), view(Snapshot(NAMESPACE, read=True, lost_seconds=3.21))
    assert (unread["switch"], unread["read"]) == (None, False)
    assert (gone["switch"], gone["read"], gone["colors"], gone["lostSeconds"]) == (None, True, [], 3.2)


def test_a_pair_at_rest() -> None:
    shown = seen(
        HELD,
        switch(history=[past(3)]),
        pod("blue", 1, report(State.ACTIVE, 2, 1, 3)),
        pod("blue", 0, report(State.ACTIVE, 2, 0, 2)),
        pod("green", 0, report(State.PAUSED, 2)),
    )
    blue, green = shown["colors"]
    assert (blue["role"], blue["version"], blue["image"], blue["ready"], blue["replicas"]) == (
        *("active", "1.4.0", f"{page_world.IMAGE}:1.4.0", 2, 3),
    )
    assert [(p["name"], p["state"], p["partitions"]) for p in blue["pods"]] == [
        *(("consumer-blue-0", "ACTIVE", [0, 2]), ("consumer-blue-1", "ACTIVE", [1, 3])),
    ]
    assert green["role"] == "waiting"
    now = shown["switch"]
    assert (now["active"], now["epoch"], now["phase"], now["stage"]) == ("blue", 2, "Ready", "done")
    assert (now["ready"]["status"], now["settled"]["reason"]) == ("True", "Switched")
    assert shown["partitions"][1] == {"n": 1, "owner": "consumer-blue-1", "color": "blue"}
    assert shown["partitions"][5] == {"n": 5, "owner": "", "color": ""}
    assert [entry["outcome"] for entry in shown["history"]] == ["Switched"]


def test_a_waiting_members_partitions_are_not_owned() -> None:
    """In a group of its own (strategy B) it has some assigned, and reads none."""
    shown = seen(HELD, None, pod("green", 0, report(State.PAUSED, 2, 0, 1)))
    assert {one["owner"] for one in shown["partitions"]} == {""}


@pytest.mark.parametrize(
    ("grant", "generation", "pods", "phase", "stage"),
    [
        (HELD, 2, [], "Asked", "preparing"),
        (WITHDRAWN, 2, [], "Pausing", "switching"),
        (GRANTED, 2, [pod("green", 0, report(State.PAUSED, 2))], "Resuming", "switching"),
        (GRANTED, 2, [pod("green", 0, report(State.ACTIVE, 2))], "Resuming", "switching"),
        (GRANTED, 2, [pod("green", 0, report(State.ACTIVE, 4))], "Verifying", "switching"),
        (Grant(None, 5, GREEN, BLUE, 2), 2, [], "RollingBack", "rolling back"),
        (Grant(BLUE, 6, BLUE, BLUE, 2), 2, [], "RollingBack", "rolling back"),
        (None, 2, [], "Ready", "done"),
    ],
)
def test_the_phase_is_the_leases_word_before_the_statuses(
    grant: Grant | None, generation: int, pods: list[dict[str, Any]], phase: str, stage: str
) -> None:
    obj = switch("green", generation, observedGeneration=1)
    now = seen(grant, obj, *pods)["switch"]
    assert (now["phase"], now["stage"]) == (phase, stage)
    assert (now["ready"]["status"], now["settled"]["reason"]) == ("Unknown", ""), "of the generation before"


def test_what_a_switch_waits_for_is_the_statuses_word() -> None:
    waiting = switch("green", 2, phase="WaitingForLag")
    now = seen(HELD, waiting)["switch"]
    assert (now["phase"], now["stage"], now["ready"]["status"]) == ("WaitingForLag", "preparing", "True")


def test_how_it_ended_is_the_leases_word_before_the_statuses() -> None:
    back = Grant(BLUE, 6, BLUE, BLUE, 2, Outcome.ROLLED_BACK, "ResumeTimeout")
    now = seen(back, switch("green", 2, observedGeneration=1))["switch"]
    assert (now["settled"]["reason"], now["settled"]["message"]) == ("RolledBack", "ResumeTimeout")
    other = seen(replace(back, generation=1), switch("green", 2, observedGeneration=1))["switch"]
    assert other["settled"]["reason"] == "", "of the generation before"


def test_roles_while_the_grant_moves() -> None:
    def roles(grant: Grant | None, *pods: dict[str, Any]) -> list[str]:
        return [color["role"] for color in seen(grant, None, *pods)["colors"]]

    assert roles(WITHDRAWN) == ["letting go", "waiting"]
    assert roles(GRANTED, pod("green", 0, report(State.PAUSED, 2))) == ["waiting", "taking over"]
    assert roles(GRANTED, pod("green", 0, report(State.ACTIVE, 4))) == ["waiting", "active"]
    assert roles(None) == ["unknown", "unknown"]


def test_a_pod_is_shown_with_what_stands_against_it() -> None:
    silent = pod("blue", 0, None, ready=False)
    ending = pod("blue", 1, report(None, 2, obstacle="OffsetOutOfRange: partition 3"))
    ending["metadata"]["deletionTimestamp"] = "2026-11-28T10:00:00Z"
    ending["status"]["containerStatuses"] = [{"restartCount": 2}, {}]
    first, second = seen(HELD, None, silent, ending)["colors"][0]["pods"]
    assert (first["state"], first["ready"]) == ("no report", False)
    assert (second["state"], second["ready"], second["going"], second["restarts"]) == ("Unreachable", False, True, 2)
    assert second["obstacle"] == "OffsetOutOfRange: partition 3"


def test_a_lease_that_cannot_be_read_is_said_and_nothing_breaks() -> None:
    odd = {"metadata": {"name": "consumer-switch"}, "spec": {"holderIdentity": "red"}}
    now = view(Snapshot(NAMESPACE, switch(epoch=7), odd, read=True))["switch"]
    assert now["lease"] == "unreadable"
    assert "holderIdentity is 'red'" in now["problem"]
    assert (now["active"], now["epoch"]) == ("", 7)


def test_a_lease_of_an_object_before_says_nothing_of_this_ones_generation() -> None:
    other = to_lease(replace(HELD, generation=9), "l", "2026-11-28T10:00:00.000000Z", switch_uid="another")
    now = view(Snapshot(NAMESPACE, switch(), other, read=True))["switch"]
    assert (now["active"], now["phase"]) == ("blue", "Ready")


def test_an_object_without_a_status_is_shown() -> None:
    bare = switch()
    del bare["status"]
    now = seen(None, bare)["switch"]
    assert (now["phase"], now["stage"], now["lease"], now["ready"]["status"]) == (
        *("Asked", "preparing", "missing", "Unknown"),
    )


def test_of_a_members_two_words_the_newer_counts() -> None:
    recorded = pod("blue", 0, report(State.ACTIVE, 2, 0))
    named = {**recorded, "metadata": {**recorded["metadata"], "name": "consumer-blue-0"}}

    def shown(at: int) -> str:
        direct = {"blue-0": replace(report(State.PAUSED, 3), at=at)}
        found = view(Snapshot(NAMESPACE, switch(), lease(WITHDRAWN), (named,), direct, read=True))
        return str(found["colors"][0]["pods"][0]["state"])

    assert shown(at=2) == "PAUSED", "its sidecar said it, and has not written it down yet"
    assert shown(at=0) == "ACTIVE", "what was written down since is newer"


def test_pods_of_neither_colour_are_left_out() -> None:
    other = pod("blue", 0, None)
    other["metadata"]["labels"] = {"app.kubernetes.io/name": "producer"}
    assert seen(HELD, None, other)["colors"][0]["pods"] == []


def test_a_scalers_number_is_shown_in_the_place_of_the_colours_own() -> None:
    scaled = switch()
    scaled["spec"]["replicas"] = 6
    left_behind = [color["replicas"] for color in seen(HELD, scaled)["colors"]]
    for color in ("blue", "green"):
        scaled["spec"][color]["set"] = f"consumer-{color}"
    assert [color["replicas"] for color in seen(HELD, scaled)["colors"]] == [6, 6]
    assert left_behind == [3, 3]
