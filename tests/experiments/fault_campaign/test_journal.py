"""What a campaign leaves, how it goes on, and its summary."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import PreconditionError
from experiments.fault_campaign import journal as journals
from experiments.fault_campaign.catalogue import FAULTS
from experiments.fault_campaign.journal import JOURNAL, SUMMARY, Journal, hits_of, summary, write_summary
from experiments.fault_campaign.kinds import Phase, Role
from experiments.fault_campaign.plan import cells
from experiments.fault_campaign.shrink import Shrunk
from tests.experiments.fault_campaign.samples import EXPLAINED, STEPS, carried, in_phase, judged

ASKED = {"strategy": "c", "seed": 3, "only": []}
ALL = frozenset(Role)


def piece(journal: Journal, **more: Any) -> None:
    told: dict[str, Any] = {"code": "abc", "planned": 6, "from": 1, "to": 2, "began": "b", "ended": "e", "acked": 1200}
    journal.piece(**{**told, "anomalies": {}, "duplicates": [], "findings": [], "alerts": {}, **more})


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
    journal.shorter(3, Shrunk(tuple(STEPS[2:3]), 5, minimal=True, again=True), ["invariant 5: lost 1"])
    piece(journal, anomalies={"duplicate": 3, "lost": 1}, duplicates=[str(EXPLAINED)], findings=["invariant 5: lost 1"])
    piece(journal, alerts={"ConsumerLag": 4})
    piece(journal, alerts={"ConsumerLag": 3})
    made = summary(journal.lines, cells(ALL))
    assert json.loads(json.dumps(made)) == made
    faults = sum(len(step.injections) for step in STEPS[:2])
    assert (made["switches"], made["faults"], made["missed"]) == (3, faults, len(STEPS[2].injections))
    assert made["outcomes"] == {"Switched": 2, "Failed": 1}
    assert made["anomalies"] == {"lost": 1, "dual_active": 0, "duplicate": 3}
    assert (made["seed"], made["strategy"], made["acked"], made["alerts"]) == (3, "c", 3600, {"ConsumerLag": 7})
    assert [one["switch"] for one in made["findings"]] == [3]
    assert made["findings"][0]["timeline"] == ["1000.000 Lease: blue at epoch 2"]
    assert made["shorter"][0]["steps"] == [STEPS[2].as_json()]
    assert made["duplicates"] == [str(EXPLAINED)]
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


def test_a_summary_is_there_whole(tmp_path: Path) -> None:
    assert write_summary(tmp_path, {"a": 1}) == tmp_path / SUMMARY
    assert [file.name for file in tmp_path.iterdir()] == [SUMMARY]


def test_the_table_has_a_row_for_each_way_and_a_dash_where_a_phase_is_none_of_its() -> None:
    text = journals.table({"broker-stall-long": {"resuming": 3}})
    header, row = text.splitlines()
    assert header.split() == [str(phase) for phase in Phase]
    assert row.split() == ["broker-stall-long", "-", "-", "-", "3", "-", "-"]
