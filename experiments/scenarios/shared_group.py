"""What the original design comes to by its letter: both colours are members of one group all the time, and who is not
active is paused in it (`membership: shared`). A measurement.

A paused member keeps its partitions, and nobody else is given them. So with two colours of the same number about half
of the partitions are with somebody who rests, before a switch as after it, when it is the other half. How many stand
still, for how long, and how the lag on them grows against what comes in, is counted from the record logs.

The pair begins and ends with `membership: takeover`, so what stood still is handled at the end, and nothing is lost:

- into the group: a switch with `membership: shared`;
- `before`: a while with one colour active and the other one paused;
- the switch: it ends as `RolledBack`, for the controller counts only whom every partition belongs to as active. What
  the original design calls switched is the time from the grant until then: `after`;
- out of it: a switch with `membership: takeover`. The colour that is left is a member once more until its pods have
  been replaced, and its places stay for a session, which is a short one here.

Its author measured that 14,952 of 30,000 records were consumed (`report/expected.json`).
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments import criteria, fitness
from experiments.criteria import Observations
from experiments.disturbance import Disturbance
from experiments.errors import DeadlineError
from experiments.lab import Lab, Notes
from experiments.measurements import SwitchRecord, other
from experiments.membership import SHARED, TAKEOVER
from experiments.ownership import Window
from experiments.records import CONSUMED, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario
from experiments.standstill import Flow, Records
from experiments.variants import MEMBERSHIP

BEFORE, AFTER = WHEN = ("before", "after")
_TABLE = "windows"
_FLOWS = "partitions_by_window"
_WINDOW_SECONDS = 20.0
_RESUME_SECONDS = 30
"""So long the controller waits for the colour granted to own everything: longer than what is watched."""
_SESSION_SECONDS = 12
_MEMBERS_SECONDS = 60.0


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    if not enter(lab).switched:
        return
    for number in range(1, switches + 1):
        wait_all_have_partitions(lab)
        _watch(lab, BEFORE)
        # What was asked for and did not go through is asked for again by another number.
        record = lab.switch(during=_watch_it(lab), attempt=number + 1)
        lab.report(number, switches, record)
    leave(lab, switches + 2)


def enter(lab: Lab) -> SwitchRecord:
    """The switch by which both colours become members of one group; it is noted whether they did."""
    record = lab.switch(reshapes=True, membership=SHARED)
    lab.notes.measured |= {"entered": record.outcome, MEMBERSHIP: SHARED}
    if record.switched:
        lab.wait_pods(lab.whole)
    else:
        lab.progress.say(f"  not into one group: {record.outcome}: {record.error or record.reason}")
    return record


def leave(lab: Lab, attempt: int) -> None:
    """The switch by which only one of them is a member again, and what stood still is handled; it is noted, too."""
    record = lab.switch(reshapes=True, membership=TAKEOVER, attempt=attempt)
    lab.notes.measured["left"] = record.outcome if record.error is None else record.error
    lab.wait_pods(lab.whole)
    lab.spell()


def _watch_it(lab: Lab) -> Any:
    target = other(lab.active)

    def during(disturbance: Disturbance) -> None:
        disturbance.wait_holder(target)
        _watch(lab, AFTER)

    return during


def _watch(lab: Lab, when: str) -> None:
    """Let time go by, and note who was in the group at its end. Time itself is what is measured."""
    begun = time.time() + lab.clock_offset
    time.sleep(_WINDOW_SECONDS)
    ended = time.time() + lab.clock_offset
    live = lab.cluster.switch(lab.namespace)
    members = _members(live.raw)
    row = {"when": when, "begun": begun, "ended": ended, "members": members}
    lab.notes.tables.setdefault(_TABLE, []).append(row)
    lab.progress.say(f"  {when}: {_told(members)}")


def _members(switch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each member that the switch's status tells of: pod, colour, state, and the partitions that it has."""
    names = ("pod", "color", "state")
    return [
        {**{name: member.get(name) for name in names}, "partitions": list(member.get("partitions", ()))}
        for member in switch.get("status", {}).get("members", [])
    ]


def _told(members: Iterable[Mapping[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for member in members:
        key = f"{member['color']} {member['state']}"
        counts[key] = counts.get(key, 0) + len(member["partitions"])
    return ", ".join(f"{key} {number} partitions" for key, number in sorted(counts.items()))


def wait_all_have_partitions(lab: Lab) -> None:
    """Until every member of both colours has some. Past the deadline it goes on: the result says who had none."""

    def missing(live: Any) -> str | None:
        members = _members(live.raw)
        without = [member["pod"] for member in members if not member["partitions"]]
        if len(members) != sum(lab.whole.values()):
            return f"{len(members)} members"
        return f"without partitions: {', '.join(without)}" if without else None

    try:
        what = "every member of both colours to have partitions"
        lab.cluster.wait_switch(lab.namespace, missing, what, _MEMBERS_SECONDS)
    except DeadlineError as error:
        lab.progress.say(f"  {error}")


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What stood still in each window, and how its lag grew; each partition is in a table."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    records = Records(objects(logs, PRODUCED), objects(logs, CONSUMED))
    flows = [records.within(Window.of(row["begun"], row["ended"])) for row in rows]
    notes.tables[_FLOWS] = [
        {"when": row["when"], "still": flow.still, **_as_row(flow)}
        for row, own in zip(rows, flows, strict=True)
        for flow in own
    ]
    return {**_shared_by(rows), **figures(rows, flows), **_over_all(rows, records)}


def _as_row(flow: Flow) -> dict[str, Any]:
    names = ("partition", "produced", "handled", "silent_seconds", "lag_begins", "lag_ends")
    return {name: getattr(flow, name) for name in names}


def _shared_by(rows: list[dict[str, Any]]) -> dict[str, Measured]:
    """In how many windows members of both colours had partitions, and those that rested among them."""
    both = sum({m["color"] for m in row["members"] if m["partitions"]} == {"blue", "green"} for row in rows)
    return {"windows": len(rows), "windows_with_both_colours_in_the_group": both}


def figures(rows: list[dict[str, Any]], flows: list[list[Flow]]) -> dict[str, Measured]:
    """Of the windows of each kind: the fewest and the most partitions that stood still for all of it, the share of all
    records that came in on these, by how many a second they came in, and by how many a second these fell behind.
    """
    found: dict[str, Measured] = {}
    for when in WHEN:
        own = [flow for row, flow in zip(rows, flows, strict=True) if row["when"] == when]
        seconds = sum(row["ended"] - row["begun"] for row in rows if row["when"] == when)
        still = [sum(one.still for one in each) for each in own]
        stood = [one for each in own for one in each if one.still]
        produced = sum(one.produced for each in own for one in each)
        found |= {
            f"windows_{when}": len(own),
            f"partitions_still_{when}_min": min(still, default=None),
            f"partitions_still_{when}_max": max(still, default=None),
            f"unread_share_{when}": round(sum(one.produced for one in stood) / produced, 4) if produced else None,
            f"still_produced_per_second_{when}": _rate(sum(one.produced for one in stood), seconds),
            f"still_lag_growth_per_second_{when}": _rate(sum(one.lag_ends - one.lag_begins for one in stood), seconds),
        }
    return found


def _rate(records: int, seconds: float) -> float | None:
    return round(records / seconds, 3) if seconds else None


def _over_all(rows: list[dict[str, Any]], records: Records) -> dict[str, Measured]:
    """For how long partitions stood still, and how far behind they came, from the first window's beginning until the
    last one's end.
    """
    if not rows:
        return {"still_seconds_max": None, "still_partitions": None, "lag_at_the_end": None}
    whole = records.within(Window.of(rows[0]["begun"], rows[-1]["ended"]))
    silences = [flow.silent_seconds for flow in whole if flow.silent_seconds >= _WINDOW_SECONDS]
    return {
        "still_seconds_max": max(silences, default=0.0),
        "still_seconds_min": min(silences, default=0.0),
        "still_partitions": len(silences),
        "partitions_in_all": len(whole),
        "lag_at_the_end": sum(flow.lag_ends for flow in whole),
    }


def judge(seen: Observations) -> list[Criterion]:
    """That both colours were in one group, before and after a switch, and that nothing is lost by it. How much stood
    still is what it is there to show.
    """
    told, asked = seen.measured, seen.switches_asked
    windows = [told.get(f"windows_{when}") for when in WHEN]
    both, left = told.get("windows_with_both_colours_in_the_group"), told.get("left")
    return [
        Criterion("entered_one_group", "= Switched", told.get("entered"), told.get("entered") == "Switched"),
        Criterion("windows_watched", f"= {asked}, {asked}", f"{windows[0]}, {windows[1]}", windows == [asked, asked]),
        Criterion("windows_with_both_colours_in_the_group", f"= {2 * asked}", both, both == 2 * asked),
        Criterion("left_it_again", "= Switched", left, left == "Switched"),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "shared",
    "the original design by its letter: both colours in one group, who rests keeps its partitions",
    default_switches=2,
    step=1,
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    configuration={
        "lagPolicy": "immediate",
        "resumeTimeoutSeconds": _RESUME_SECONDS,
        "sessionTimeoutSeconds": _SESSION_SECONDS,
    },
    kind="measurement",
    observe=observe,
    reshapes=True,
    shows=(
        "partitions_still_before_max",
        "partitions_still_after_max",
        "unread_share_before",
        "unread_share_after",
        "still_seconds_max",
        "still_produced_per_second_before",
        "still_lag_growth_per_second_before",
    ),
)
