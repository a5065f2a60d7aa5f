"""What a campaign leaves, how it goes on, and its summary."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import PreconditionError
from experiments.fault_campaign import journal as journals
from experiments.fault_campaign.catalogue import FAULTS
from experiments.fault_campaign.journal import JOURNAL, SUMMARY, Journal, hits_of, summary, write_summary
from experiments.fault_campaign.kinds import Phase, Role
from experiments.fault_campaign.plan import Planner, cells, planned_cells
from experiments.fault_campaign.shrink import Shrunk
from tests.experiments.fault_campaign.samples import EXPLAINED, STEPS, carried, in_phase, judged

ASKED = {"strategy": "c", "seed": 3, "only": []}
ALL = frozenset(Role)


def piece(journal: Journal, **more: Any) -> None:
    told: dict[str, Any] = {"code": "abc", "planned": 6, "from": 1, "to": 2, "began": "b", "ended": "e", "acked": 1200}
    journal.piece(**{**told, "anomalies": {}, "duplicates": [], "findings": [], **more})


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.begin(ASKED)
    assert first.done == 0
    first.switch(carried(STEPS[0]), judged())
    first.switch(carried(STEPS[1]), judged())
    again = Journal(tmp_path)
    again.begin(ASKED)
    assert again.done == 2
    assert again.lines == first.lines


def test_what_was_being_written_when_it_was_killed_is_done_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(ASKED)
    journal.switch(carried(STEPS[0]), judged())
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"kind": "switch", "step": {"num')
    again = Journal(tmp_path)
    assert again.done == 1
    again.switch(carried(STEPS[1]), judged())
    assert Journal(tmp_path).done == 2


@pytest.mark.parametrize("other", [{"seed": 4}, {"strategy": "b"}, {"only": ["worker-kill"]}])
def test_another_campaigns_journal_is_not_gone_on_with(tmp_path: Path, other: dict[str, Any]) -> None:
    Journal(tmp_path).begin(ASKED)
    with pytest.raises(PreconditionError, match="another campaign's"):
        Journal(tmp_path).begin({**ASKED, **other})


def test_the_summary_is_made_of_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(ASKED)
    for step in STEPS[:2]:
        journal.switch(carried(step), judged(duplicates=(EXPLAINED,)))
    journal.switch(carried(STEPS[2], missed=True), judged("invariant 5: lost 1", outcome="Failed"))
    shrunk = Shrunk(tuple(STEPS[2:3]), 5, minimal=True, again=True)
    journal.shorter(3, shrunk, ["invariant 5: lost 1"], ["invariant 5: lost 2"])
    journal.beside(3, STEPS[1:3], judged("invariant 1: dual_active 1"))
    duplicates = [EXPLAINED.as_json()]
    piece(journal, anomalies={"duplicate": 3, "lost": 1}, duplicates=duplicates, findings=["invariant 5: lost 1"])
    piece(journal)
    piece(journal)
    made = summary(journal.lines, cells(ALL), 17)
    assert json.loads(json.dumps(made)) == made
    faults = sum(len(step.injections) for step in STEPS[:2])
    assert (made["switches"], made["faults"], made["missed"]) == (3, faults, len(STEPS[2].injections))
    assert made["outcomes"] == {"Switched": 2, "Failed": 1}
    assert made["anomalies"] == {"lost": 1, "dual_active": 0, "duplicate": 3}
    assert (made["seed"], made["strategy"], made["acked"]) == (3, "c", 3600)
    assert (made["enough"], made["switches_needed"], made["least_covered"]) == (5, 17, 0)
    assert sum(map(len, made["not_covered"].values())) == len(cells(ALL))
    assert [one["switch"] for one in made["findings"]] == [3]
    assert made["findings"][0]["timeline"] == ["1000.000 Lease: blue at epoch 2"]
    assert made["shorter"][0]["steps"] == [STEPS[2].as_json()]
    assert (made["shorter"][0]["findings"], made["shorter"][0]["found"]) == (
        ["invariant 5: lost 1"],
        ["invariant 5: lost 2"],
    )
    assert [(one["number"], one["findings"]) for one in made["found_beside"]] == [(3, ["invariant 1: dual_active 1"])]
    assert journal.found == 2
    assert made["duplicates"] == [EXPLAINED.as_json()]
    assert made["duplicates"][0]["timeline"] == ["100.000 worker-kill of consumer-blue-0 begins"]
    assert made["pieces"][0]["code"] == "abc"
    assert sum(sum(row.values()) for row in made["coverage"].values()) == faults
    assert made["not_injected"].keys() == {fault.name for fault in FAULTS if not fault.ways}


def test_a_phase_that_was_not_reached_covers_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(ASKED)
    step = in_phase(Phase.PAUSING)
    journal.switch(carried(step), judged())
    journal.switch(carried(step, notes=("pausing was not reached: waited 60 s",)), judged())
    reached, not_reached = journal.lines[1:]
    assert {phase for _, phase in hits_of(reached)} == {Phase.PAUSING}
    assert hits_of(not_reached) == []


def test_alerts_are_counted_and_where_nobody_evaluated_them_that_is_told(tmp_path: Path) -> None:
    """Found by an audit: an empty list of alerts said the same where nothing looked for any."""
    journal = Journal(tmp_path)
    lag, not_there = {"alert": "ConsumerLag", "since": 1.0, "until": 9.0}, "the platform has no alerts"
    journal.switch(carried(STEPS[0]), replace(judged(), not_evaluated=not_there))
    assert (summary(journal.lines, cells(ALL))["alerts"], journals.NOT_EVALUATED) == ("not evaluated", "not evaluated")
    journal.switch(carried(STEPS[1]), replace(judged(), alerts=[lag, lag]))
    made = summary(journal.lines, cells(ALL))
    assert (made["alerts"], made["alerts_not_evaluated"]) == ({"ConsumerLag": 2}, 1)


def test_a_journal_of_before_there_were_alerts_and_shapes_is_summed_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.switch(carried(STEPS[0]), judged())
    for key in ("made_anew", "alerts", "not_evaluated"):
        del journal.lines[0][key]
    for key in ("replicas", "partitions"):
        del journal.lines[0]["step"][key]
    made = summary(journal.lines, cells(ALL))
    assert (made["alerts"], made["made_anew"], made["reshaped"]) == ("not evaluated", 0, 0)


def test_what_a_hand_did_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.switch(carried(STEPS[0]), replace(judged(), made_anew=["consumer-blue-0", "controller-x"]))
    assert journal.lines[0]["made_anew"] == ["consumer-blue-0", "controller-x"]
    assert summary(journal.lines, cells(ALL))["made_anew"] == 2


def test_a_planner_hears_what_was_carried_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.switch(carried(STEPS[0]), judged())
    journal.switch(carried(STEPS[1], missed=True), judged())
    planner, own = Planner(3, ALL), Planner(3, ALL)
    journal.count_into(planner)
    own.count(STEPS[0], planned_cells(STEPS[0]))
    own.count(STEPS[1], [])
    assert planner.step(3) == own.step(3) != Planner(3, ALL).step(3)


def test_what_is_short_of_enough_is_told_in_a_line() -> None:
    covered = {"worker-kill": {"steady": 5, "pausing": 4}, "mover-kill": {"steady": 9}}
    assert journals.under(covered) == {"worker-kill": {"pausing": 4}}
    assert journals.told_of(covered, 3) == (
        "coverage: 2 of 3 hit at least 5 times, the least 4; 3 more switches are needed, if everything hits"
    )
    covered["worker-kill"]["pausing"] = 5
    assert journals.told_of(covered, 0) == "coverage: every fault hit in every phase at least 5 times (3 of 3)"


def test_a_summary_is_there_whole(tmp_path: Path) -> None:
    assert write_summary(tmp_path, {"a": 1}) == tmp_path / SUMMARY
    assert [file.name for file in tmp_path.iterdir()] == [SUMMARY]


def test_the_table_has_a_row_for_each_way_and_a_dash_where_a_phase_is_none_of_its() -> None:
    text = journals.table({"broker-stall-long": {"resuming": 3}})
    header, row = text.splitlines()
    assert header.split() == [str(phase) for phase in Phase]
    assert row.split() == ["broker-stall-long", "-", "-", "-", "3", "-", "-"]
