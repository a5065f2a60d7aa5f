"""The times of a switch, and what status says of it."""

from dataclasses import replace
from typing import Any

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, Phase, State
from workloads.controller.history import History, Switching
from workloads.controller.moments import Moment
from workloads.controller.status import essence, following, is_settled, project, readiness, refused
from workloads.controller.terms import Decision, Member, Memory, Spec

BLUE, GREEN = Color.BLUE, Color.GREEN
HELD = Grant(BLUE, 2, BLUE, None, 1, Outcome.SWITCHED)
WITHDRAWN = Grant(None, 3, BLUE, BLUE, 2)
GRANTED = Grant(GREEN, 4, GREEN, BLUE, 2)
SWITCHED = replace(GRANTED, outcome=Outcome.SWITCHED)


class Watched:
    """A history and what it told about ends."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, Outcome | None, float | None]] = []
        self.history = History(self._ended)

    def _ended(self, switching: Switching, seconds: float | None) -> None:
        self.ends.append((switching.generation, switching.outcome, seconds))

    def begin(
        self, grant: Grant | None = HELD, number: int = 2, target: Color = GREEN, at: float = 0.0, **said: Any
    ) -> None:
        first_hand = said.pop("first_hand", True)
        self.history.generation(number, grant, target, moment(at), first_hand=first_hand, said=said)

    def shown(self) -> dict[str, Any]:
        assert self.history.shown is not None
        return dict(self.history.shown)


def moment(seconds: float) -> Moment:
    return Moment(1_800_000_000 + seconds, 100 + seconds)


def test_a_switch_has_all_its_times() -> None:
    seen = Watched()
    seen.begin()
    seen.history.lease(HELD, WITHDRAWN, moment(1))
    seen.history.paused(moment(2))
    seen.history.lease(WITHDRAWN, GRANTED, moment(3))
    seen.history.active(moment(4))
    seen.history.lease(GRANTED, SWITCHED, moment(5))
    shown = seen.shown()
    names = ("startedAt", "withdrawnAt", "pausedAt", "grantedAt", "activeAt", "endedAt")
    assert [shown[name][17:19] for name in names] == ["00", "01", "02", "03", "04", "05"]
    assert shown["handoffSeconds"] == 4
    assert (shown["from"], shown["to"], shown["epoch"], shown["outcome"]) == ("blue", "green", 4, "Switched")
    assert seen.ends == [(2, Outcome.SWITCHED, 5.0)]


def test_the_handoff_begins_when_the_lag_is_met() -> None:
    seen = Watched()
    seen.begin()
    seen.history.could_begin(moment(3).monotonic)
    seen.history.lease(HELD, WITHDRAWN, moment(3.1))
    seen.history.could_begin(moment(3.5).monotonic)  # of no use any more
    seen.history.lease(WITHDRAWN, GRANTED, moment(3.2))
    seen.history.active(moment(3.4))
    assert seen.shown()["handoffSeconds"] == 0.4
    assert seen.shown()["startedAt"][17:19] == "00"


def test_a_switch_that_was_met_half_way_has_no_handoff_time() -> None:
    seen = Watched()
    known = {"generation": 2, "from": "blue", "to": "green", "startedAt": "then", "withdrawnAt": "later"}
    seen.begin(WITHDRAWN, first_hand=False, lastSwitch=known)
    seen.history.lease(WITHDRAWN, GRANTED, moment(3))
    seen.history.active(moment(4))
    seen.history.lease(GRANTED, SWITCHED, moment(5))
    shown = seen.shown()
    assert shown["handoffSeconds"] is None
    assert (shown["startedAt"], shown["withdrawnAt"]) == ("then", "later")
    assert seen.ends == [(2, Outcome.SWITCHED, None)]


def test_a_generation_found_at_the_start_has_no_handoff_time() -> None:
    seen = Watched()
    seen.begin(first_hand=False)
    seen.history.lease(HELD, WITHDRAWN, moment(1))
    seen.history.lease(WITHDRAWN, GRANTED, moment(2))
    seen.history.active(moment(3))
    assert seen.shown()["handoffSeconds"] is None


def test_an_end_that_was_told_before_is_not_told_again() -> None:
    settled = {"type": "Settled", "status": "True", "reason": "Switched", "observedGeneration": 2}
    seen = Watched()
    seen.begin(SWITCHED, first_hand=False, conditions=[settled])
    assert seen.ends == []
    untold = Watched()
    untold.begin(SWITCHED, first_hand=False)
    assert untold.ends == [(2, Outcome.SWITCHED, None)]


UNENDED = {"generation": 2, "from": "blue", "to": "green", "epoch": 4, "outcome": "", "startedAt": "then"}


def test_what_the_process_before_left_unended_is_superseded_by_what_was_asked_for_meanwhile() -> None:
    """Found by a campaign: the controller was deleted in a switch that was asked back before the next one came. What
    is asked for now moves nothing, so it never takes the place of the one that did.
    """
    seen = Watched()
    seen.begin(HELD, number=3, target=BLUE, first_hand=False, lastSwitch=UNENDED)
    assert seen.shown()["outcome"] == "Superseded"
    assert seen.ends == [(2, Outcome.SUPERSEDED, None)]
    seen.history.lease(HELD, replace(HELD, generation=3), moment(1))
    assert (seen.shown()["generation"], seen.shown()["outcome"], seen.shown()["startedAt"]) == (2, "Superseded", "then")


def test_what_the_process_before_left_untold_ended_as_the_lease_says() -> None:
    seen = Watched()
    ended = Grant(BLUE, 6, BLUE, BLUE, 2, Outcome.ROLLED_BACK, "ResumeTimeout: x")
    seen.begin(ended, number=3, target=BLUE, first_hand=False, lastSwitch=UNENDED)
    assert (seen.shown()["outcome"], seen.shown()["reason"]) == ("RolledBack", "ResumeTimeout: x")
    assert seen.ends == [(2, Outcome.ROLLED_BACK, None)]


def test_what_has_ended_or_cannot_be_read_is_left_as_it_is() -> None:
    for known in ({**UNENDED, "outcome": "Switched"}, {**UNENDED, "from": ""}, {**UNENDED, "generation": 3}):
        seen = Watched()
        seen.begin(number=3, target=BLUE, first_hand=False, lastSwitch=known)
        assert not [end for end in seen.ends if end[0] == 2], known


def test_a_generation_that_moves_nothing_leaves_the_last_switch() -> None:
    seen = Watched()
    before = {"generation": 1, "from": "green", "to": "blue", "outcome": "Switched"}
    seen.begin(target=BLUE, lastSwitch=before)
    seen.history.lease(HELD, replace(HELD, generation=2), moment(1))
    assert seen.shown() == before
    assert seen.ends == [(2, Outcome.SWITCHED, 1.0)]


def test_a_refusal_is_shown() -> None:
    seen = Watched()
    seen.begin()
    seen.history.lease(HELD, replace(HELD, generation=2, outcome=Outcome.REFUSED, reason="NotReady: x"), moment(1))
    assert (seen.shown()["outcome"], seen.shown()["reason"], seen.shown()["epoch"]) == ("Refused", "NotReady: x", 2)
    assert "withdrawnAt" not in seen.shown()


def test_what_was_overtaken_is_superseded() -> None:
    seen = Watched()
    seen.begin()
    seen.history.lease(HELD, WITHDRAWN, moment(1))
    seen.begin(WITHDRAWN, 3, BLUE, at=2)
    assert seen.ends == [(2, Outcome.SUPERSEDED, 2.0)]
    assert (seen.shown()["generation"], seen.shown()["outcome"]) == (2, "Superseded")


def test_asked_back_after_the_grant_is_a_switch_of_its_own() -> None:
    seen = Watched()
    seen.begin()
    seen.history.lease(HELD, WITHDRAWN, moment(1))
    seen.history.lease(WITHDRAWN, GRANTED, moment(2))
    seen.begin(GRANTED, 3, BLUE, at=3)
    assert (seen.shown()["from"], seen.shown()["to"], seen.shown()["generation"]) == ("green", "blue", 3)
    back = Grant(None, 5, GREEN, GREEN, 3)
    seen.history.lease(GRANTED, back, moment(4))
    seen.history.lease(back, Grant(BLUE, 6, BLUE, GREEN, 3), moment(5))
    seen.history.active(moment(6))
    assert seen.shown()["handoffSeconds"] == 3


def test_a_change_on_the_way_keeps_the_switchs_times() -> None:
    """Another field of the spec changes while green becomes active: the switch goes on under the newer generation."""
    seen = Watched()
    seen.begin()
    seen.history.lease(HELD, WITHDRAWN, moment(1))
    seen.history.lease(WITHDRAWN, GRANTED, moment(2))
    seen.begin(GRANTED, 3, GREEN, at=3)
    seen.history.lease(GRANTED, replace(GRANTED, generation=3), moment(3))
    seen.history.active(moment(4))
    assert seen.shown()["handoffSeconds"] == 4
    assert seen.shown()["withdrawnAt"][17:19] == "01"


def test_a_rollback_is_not_a_withdrawal_of_the_switch() -> None:
    seen = Watched()
    seen.begin()
    seen.history.lease(HELD, WITHDRAWN, moment(1))
    seen.history.lease(WITHDRAWN, GRANTED, moment(2))
    backwards = Grant(None, 5, GREEN, BLUE, 2, None, "ResumeTimeout: x")
    seen.history.lease(GRANTED, backwards, moment(3))
    seen.history.lease(backwards, Grant(BLUE, 6, BLUE, None, 2, Outcome.ROLLED_BACK, "ResumeTimeout: x"), moment(4))
    shown = seen.shown()
    assert shown["withdrawnAt"][17:19] == "01"
    assert shown["grantedAt"][17:19] == "02"
    assert (shown["outcome"], shown["epoch"], shown["handoffSeconds"]) == ("RolledBack", 6, None)


def test_a_blocked_rollback_ends_twice() -> None:
    seen = Watched()
    seen.begin()
    blocked = Grant(GREEN, 6, GREEN, BLUE, 2, Outcome.ROLLBACK_BLOCKED, "x", ("p",))
    seen.history.lease(GRANTED, blocked, moment(3))
    seen.history.lease(blocked, Grant(BLUE, 8, BLUE, None, 2, Outcome.ROLLED_BACK, "x"), moment(4))
    assert [outcome for _, outcome, _ in seen.ends] == [Outcome.ROLLBACK_BLOCKED, Outcome.ROLLED_BACK]


# -- status --------------------------------------------------------------------------------------------------------

SPEC = Spec(2, GREEN, (1, 1), 1)
RESTING = Decision(Phase.READY, None, "Switched")
AT_WORK = Member("u", "green-0", GREEN, ready=True, report=Report("b", State.ACTIVE, 4, 4, partitions=(0,)))
DECISION = Decision(Phase.PAUSING, None, "Pausing", "waiting for PAUSED from: p")


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str, int]]:
    return {c["type"]: (c["status"], c["reason"], c["observedGeneration"]) for c in status["conditions"]}


def test_settled_only_when_the_lease_says_so_for_this_generation() -> None:
    for grant in (None, HELD, WITHDRAWN, GRANTED, replace(SWITCHED, generation=1)):
        status = project(SPEC, grant, Memory(9, BLUE), DECISION, members=(), last_switch=None)
        assert conditions(status)["Settled"] == ("False", "Pausing", 2), grant
        assert conditions(status)["Ready"] == ("False", "Switching", 2), grant
        assert readiness(status)["message"] == "waiting for PAUSED from: p"
        assert not is_settled(status)
    status = project(SPEC, SWITCHED, Memory(), RESTING, members=[AT_WORK], last_switch=None)
    assert status["phase"] == "Ready"
    assert conditions(status) == {"Ready": ("True", "Switched", 2), "Settled": ("True", "Switched", 2)}
    assert is_settled(status)


def test_settled_and_ready_are_two_things() -> None:
    """How a generation ended stays; what is true now does not."""
    status = project(SPEC, SWITCHED, Memory(), RESTING, members=(), last_switch=None)
    assert conditions(status) == {"Ready": ("False", "NotReady", 2), "Settled": ("True", "Switched", 2)}
    assert readiness(status)["message"] == "0 of 1 green pods exist"
    assert status["phase"] == "Resuming"


def test_settled_is_not_ready_unless_it_switched() -> None:
    for outcome in (Outcome.REFUSED, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_BLOCKED):
        grant = Grant(BLUE, 6, BLUE, None, 2, outcome, "because")
        status = project(SPEC, grant, Memory(), DECISION, members=(), last_switch=None)
        assert conditions(status) == {"Ready": ("False", str(outcome), 2), "Settled": ("True", str(outcome), 2)}
        assert status["conditions"][0]["message"] == "because"
        assert status["active"] == "blue"


def test_nobody_is_active_while_the_grant_is_withdrawn() -> None:
    status = project(
        SPEC, WITHDRAWN, Memory(), DECISION, members=[Member("u", "p", BLUE, ready=True, report=None)], last_switch=None
    )
    assert (status["active"], status["lastHolder"], status["epoch"], status["phase"]) == ("", "blue", 3, "Pausing")
    assert status["members"] == [
        {
            "pod": "p",
            "uid": "u",
            "color": "blue",
            "version": "",
            "image": "",
            "ready": True,
            "obstacle": "",
            "bootId": "",
            "state": "",
            "epoch": 0,
            "partitions": [],
        }
    ]


def test_what_each_colour_runs_is_told_also_while_it_changes() -> None:
    members = [
        Member("u0", "b-0", BLUE, ready=True, report=None, version="1", image="app:1"),
        Member("u1", "g-0", GREEN, ready=True, report=None, version="2", image="app:2"),
        Member("u2", "g-1", GREEN, ready=True, report=None, version="1", image="app:1"),
        Member("u3", "g-2", GREEN, ready=True, report=None),
    ]
    status = project(SPEC, SWITCHED, Memory(), DECISION, members=iter(members), last_switch=None)
    assert status["blue"] == {"version": "1", "image": "app:1"}
    assert status["green"] == {"version": "1, 2", "image": "app:1, app:2"}
    assert [(m["version"], m["image"]) for m in status["members"]] == [
        ("1", "app:1"),
        ("2", "app:2"),
        ("1", "app:1"),
        ("", ""),
    ]
    nobody = project(SPEC, SWITCHED, Memory(), DECISION, members=(), last_switch=None)
    assert nobody["blue"] == nobody["green"] == {"version": "", "image": ""}


def test_a_lost_lease_does_not_make_the_status_forget() -> None:
    status = project(SPEC, None, Memory(7, GREEN), DECISION, members=(), last_switch=None)
    assert (status["epoch"], status["lastHolder"], status["active"]) == (7, "green", "")


def test_transition_times_change_with_the_status_only() -> None:
    first = following(project(SPEC, GRANTED, Memory(), DECISION, members=(), last_switch=None), {}, "one")
    again = following(project(SPEC, WITHDRAWN, Memory(), DECISION, members=(), last_switch=None), first, "two")
    assert [c["lastTransitionTime"] for c in again["conditions"]] == ["one", "one"]
    done = following(project(SPEC, SWITCHED, Memory(), RESTING, members=[AT_WORK], last_switch=None), again, "three")
    assert [c["lastTransitionTime"] for c in done["conditions"]] == ["three", "three"]


def test_two_controllers_agree_on_the_essence() -> None:
    one = project(SPEC, SWITCHED, Memory(), DECISION, members=(), last_switch={"handoffSeconds": 1})
    other = project(SPEC, SWITCHED, Memory(), replace(DECISION, phase=Phase.READY), members=(), last_switch=None)
    assert essence(one) == essence(following(other, {}, "now"))
    assert essence(one) != essence(project(SPEC, GRANTED, Memory(), DECISION, members=(), last_switch=None))
    assert essence({}) != essence(one)


def test_a_switch_that_cannot_be_carried_out_keeps_what_was_true() -> None:
    status = refused(5, {"active": "blue", "epoch": 4}, "SwitchUnreadable", "spec.active is missing")
    assert (status["active"], status["epoch"], status["observedGeneration"]) == ("blue", 4, 5)
    assert conditions(status)["Settled"] == ("False", "SwitchUnreadable", 5)
