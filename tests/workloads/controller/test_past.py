"""The switches that have ended, as status keeps them."""

from dataclasses import replace
from typing import Any

from workloads.common.states import Color, Outcome
from workloads.controller.history import Switching
from workloads.controller.past import KEPT, REASON_CHARACTERS, Past, asked_by, merged
from workloads.controller.status import following

SWITCH = Switching(4, Color.BLUE, Color.GREEN, first_hand=True, epoch=9, outcome=Outcome.SWITCHED, handoff=0.05)


def obj(generation: int = 4, managers: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation, "managedFields": managers or []},
        "spec": {"active": "green", "blue": {"version": "1.0"}, "green": {"version": "2.0"}},
    }


def owner(manager: str, time: str, *fields: str, **more: str) -> dict[str, Any]:
    owned: dict[str, Any] = {"f:spec": {f"f:{name}": {} for name in fields}}
    return {"manager": manager, "time": time, "fieldsV1": owned, **more}


def test_an_entry_says_who_asked_and_between_which_versions() -> None:
    past = Past()
    past.asked(obj(managers=[owner("pulumi-kubernetes", "2026-11-28T10:00:00Z", "active", "topic")]))
    past.ended(SWITCH)
    (entry,) = past.entries
    assert (entry["from"], entry["fromVersion"], entry["to"], entry["toVersion"]) == ("blue", "1.0", "green", "2.0")
    assert (entry["askedBy"], entry["outcome"], entry["generation"]) == ("pulumi-kubernetes", "Switched", 4)
    assert (entry["epoch"], entry["handoffSeconds"]) == (9, 0.05)


def test_the_newest_owner_of_what_is_asked_for_has_asked() -> None:
    found = [
        owner("pulumi", "2026-11-28T10:00:00Z", "active"),
        owner("kubectl-patch", "2026-11-28T11:00:00Z", "attempt"),
        owner("kubectl-label", "2026-11-28T12:00:00Z", "topic"),
        owner("controller", "2026-11-28T13:00:00Z", "active", subresource="status"),
    ]
    assert asked_by(obj(managers=found)) == "kubectl-patch"
    assert asked_by(obj()) == ""
    assert asked_by({"metadata": {"managedFields": [{"manager": "odd"}]}}) == ""


def test_the_generation_before_keeps_its_own_versions() -> None:
    """A superseded switch ends when the next generation has been seen already."""
    past = Past()
    past.asked(obj(4, [owner("one", "1", "active")]))
    later = obj(5, [owner("two", "2", "active")])
    later["spec"]["green"]["version"] = "3.0"
    past.asked(later)
    past.ended(replace(SWITCH, outcome=Outcome.SUPERSEDED))
    (entry,) = past.entries
    assert (entry["toVersion"], entry["askedBy"], entry["outcome"]) == ("2.0", "one", "Superseded")


def test_what_moves_nothing_is_no_switch() -> None:
    past = Past()
    past.ended(replace(SWITCH, origin=Color.GREEN))
    past.ended(replace(SWITCH, origin=None))
    assert past.entries == ()


def test_an_end_that_is_told_anew_takes_the_former_ones_place() -> None:
    past = Past()
    past.ended(replace(SWITCH, outcome=Outcome.ROLLBACK_BLOCKED, reason="x" * 2 * REASON_CHARACTERS))
    assert len(past.entries[0]["reason"]) == REASON_CHARACTERS
    past.ended(replace(SWITCH, outcome=Outcome.ROLLED_BACK))
    assert [entry["outcome"] for entry in past.entries] == ["RolledBack"]


def test_the_newest_come_first_and_the_oldest_go() -> None:
    past = Past()
    for generation in range(1, KEPT + 6):
        past.ended(replace(SWITCH, generation=generation))
    assert [entry["generation"] for entry in past.entries] == list(range(KEPT + 5, 5, -1))


def test_a_new_process_goes_on_with_what_stands_in_the_object() -> None:
    before = {"history": [{"generation": 3, "outcome": "Failed"}, {"generation": 2, "outcome": "Switched"}]}
    status = following({"conditions": [], "history": [{"generation": 4, "outcome": "Switched"}]}, before, "now")
    assert [(e["generation"], e["outcome"]) for e in status["history"]] == [
        *((4, "Switched"), (3, "Failed"), (2, "Switched"))
    ]
    nothing_new = following({"conditions": [], "history": []}, status, "now")
    assert nothing_new["history"] == status["history"]


def test_of_one_generation_the_newer_word_counts() -> None:
    assert merged([{"generation": 3, "outcome": "RolledBack"}], [{"generation": 3, "outcome": "RollbackBlocked"}]) == [
        {"generation": 3, "outcome": "RolledBack"}
    ]
