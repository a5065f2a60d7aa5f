"""The protocol model over its standard worlds, and its power: it catches broken copies of each function."""

import re

import pytest

from tests.protocol import broken
from tests.protocol.invariants import InvariantBroken
from tests.protocol.model import (
    DEEP,
    PAIRS,
    REPLAYED,
    SINGLES,
    STANDARD,
    STRATEGY_B,
    WIDE,
    faults,
    main,
    separate,
    visit,
)
from tests.protocol.parts import FAULTS, Bounds, Reshape, Rules
from tests.protocol.search import Search
from tests.protocol.world import World
from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, GroupProtocol, Membership, State
from workloads.controller import decide as dc
from workloads.controller.terms import Absence
from workloads.member import lifecycle as lc
from workloads.member.way import Way
from workloads.sidecar import step as sc


@pytest.mark.parametrize("bounds", [bounds for group in STANDARD.values() for bounds in group], ids=str)
def test_no_invariant_breaks_and_every_state_ends_well(bounds: Bounds) -> None:
    result = visit(bounds)
    assert result.states > 10_000
    assert result.steps > result.states
    assert sum(result.ends.values()) == result.states
    assert "good: Switched" in result.ends


def test_the_worlds_cover_what_can_go_wrong() -> None:
    assert {kind for bounds in (*SINGLES, *PAIRS) for kind, _ in bounds.faults} == FAULTS.keys() - {"zombie"}
    assert {(bounds.fenced, "zombie" in dict(bounds.faults)) for bounds in (*STRATEGY_B, *DEEP)} == {
        (fenced, zombie) for fenced in (True, False) for zombie in (True, False)
    }
    worlds = [bounds for group in STANDARD.values() for bounds in group]
    assert all(bounds.pods == 2 for bounds in (*SINGLES, *PAIRS))
    assert {bounds.membership for bounds in worlds} == set(Membership)
    assert {bounds.protocol for bounds in worlds} == set(GroupProtocol)
    assert {bounds.fine for bounds in worlds} == {True, False}
    assert {bounds.controllers for bounds in worlds} == {1, 2}
    assert {bounds.lag for bounds in worlds} == {bounds.analysis for bounds in worlds} == {True, False}
    assert {bounds.reshape for bounds in worlds} == set(Reshape)
    assert {bool(bounds.reshape) for bounds in worlds if bounds.fine} == {True, False}
    assert {bounds.membership for bounds in worlds if bounds.reshape} == set(Membership)
    assert {bounds.absence for bounds in worlds} == set(Absence)
    assert {bool(bounds.reshape) for bounds in REPLAYED} == {True, False}
    assert max(bounds.total for bounds in worlds) >= 3
    assert not set(worlds) & {*DEEP, *WIDE}


def test_every_outcome_is_reached() -> None:
    ends: set[str] = set()
    for kinds in (("deadline",), ("pod-delete", "deadline")):
        ends |= visit(Bounds(faults(*kinds), total=2, pods=1)).ends.keys()
    assert ends == {"good: Switched", "good: Failed", "good: RolledBack", "good: Refused"}


def caught(bounds: Bounds, rules: Rules, ends: bool = True) -> str:
    """The history that the model finds."""
    with pytest.raises(InvariantBroken) as found:
        Search(World(bounds, rules)).run(ends=ends)
    print(found.value)
    return str(found.value)


@pytest.mark.parametrize("pods", [1, 2])
def test_resume_before_pause_is_caught(pods: int) -> None:
    said = caught(Bounds(pods=pods), broken.RESUME_BEFORE_PAUSE)
    assert said.splitlines() == [
        "blue ACTIVE under green at epoch 4, generation 2 under way",
        "    1 the controller sees generation 2",
        "    2 the controller writes the Lease: nobody at epoch 3, withdrawn from blue, generation 2 under way",
        "    3 the controller writes the Lease: green at epoch 4, generation 2 under way",
        "      Lease: green at epoch 4, generation 2 under way; generation 2",
        *["      blue: ACTIVE at epoch 2"] * pods,
        *["      green: PAUSED at epoch 2"] * pods,
    ]


LOST = Bounds(faults("lease-delete", "controller-crash", "spec-flip"), total=3, pods=1)


def test_equal_epochs_that_resume_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two Leases come to use one epoch only when more epochs were lost than the margin of the second; so it is 1 here."""
    monkeypatch.setattr(dc, "LOST_EPOCHS", 1)
    said = caught(LOST, broken.EQUAL_EPOCHS_RESUME, ends=False)
    assert said.startswith("green ACTIVE under blue")
    paused = said.index("a green consumer executes Pause(epoch=4,")
    assert said.index("the Lease is deleted") < paused < said.index("a green consumer executes Resume(epoch=4,")


def test_equal_epochs_are_safe_with_the_real_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same world: nobody is ACTIVE who must not be, even beyond the margin."""
    monkeypatch.setattr(dc, "LOST_EPOCHS", 1)
    result = Search(World(LOST)).run(ends=False)
    print(f"{LOST}: {result.states:,} states, {result.steps:,} steps, with no margin after a lost Lease")
    assert result.states > 100_000


def test_the_margin_after_a_lost_lease_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a command of the lost Lease can be newer than the new Lease's withdrawal."""
    monkeypatch.setattr(dc, "LOST_EPOCHS", 1)
    said = caught(Bounds(faults("lease-delete", "controller-crash", "deadline"), total=3, pods=1), Rules())
    assert said.startswith("blue ACTIVE under green")


@pytest.mark.parametrize("pods", [1, 2])
def test_a_stale_list_that_counts_as_gone_is_caught(pods: int) -> None:
    said = caught(Bounds(faults("pod-delete"), pods=pods), broken.STALE_LIST_COUNTS)
    assert said.startswith("blue ACTIVE under green")
    assert "a blue pod is created" in said
    assert "lists the pods" not in said


@pytest.mark.parametrize(
    ("rules", "bounds"),
    [
        (broken.NEVER_DRAINS, Bounds(pods=1)),
        (broken.EPOCH_STANDS_STILL, Bounds(pods=1)),
        (broken.TRUSTS_A_LOST_LEASE, Bounds(faults("lease-delete"), pods=1)),
        (broken.REPORTS_WHAT_WAS_ASKED, Bounds(pods=1, fine=True)),
        (broken.OLD_COMMANDS_EXECUTE, Bounds(faults("deadline"), pods=1)),
    ],
    ids=["never drains", "epoch stands still", "trusts a lost Lease", "reports what was asked", "old commands execute"],
)
def test_other_broken_copies_are_caught(rules: Rules, bounds: Bounds) -> None:
    caught(bounds, rules)


@pytest.mark.parametrize(
    ("rules", "bounds", "says"),
    [
        (broken.TAKES_WHOEVER_IS_THERE, Bounds(faults("unready"), pods=1), "withdrawn for a colour that is not ready"),
        (broken.WAITS_FOR_NO_LAG, Bounds(pods=1, lag=True), "withdrawn before the holder had caught up"),
        (broken.COUNTS_NO_PARTITIONS, Bounds(faults("revoked"), pods=1), "a partition has no owner"),
        (
            broken.BELIEVES_IN_THE_NEW,
            Bounds(faults("analysis-empty"), pods=1, analysis=True),
            "the analysis did not pass",
        ),
        (broken.ABSENT_IS_GONE, Bounds(faults("pod-delete"), pods=1, absence=Absence.UNKNOWN), "somebody is absent"),
    ],
    ids=["not ready", "no lag", "no partitions", "no analysis", "absent is gone"],
)
def test_broken_copies_of_what_a_switch_waits_for_are_caught(rules: Rules, bounds: Bounds, says: str) -> None:
    assert caught(bounds, rules).startswith(says)
    Search(World(bounds)).run()


def test_what_an_absent_agent_moves_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes an absent agent for gone has two colours ACTIVE, whatever it could know when it wrote the Lease."""
    monkeypatch.setattr("tests.protocol.world.unearned", lambda *_, **__: "")
    said = caught(Bounds(faults("pod-delete"), pods=1, absence=Absence.UNKNOWN), broken.ABSENT_IS_GONE)
    assert said.startswith("blue ACTIVE under green")
    assert "blue: no pod (ACTIVE at epoch 2)" in said


def test_a_thawed_zombie_is_not_resumed_from_memory() -> None:
    """Interleaving 11. Cut off, with green at work under epoch 4: resumed, it would take its transactional id back from
    green.
    """
    life = lc.Lifecycle(Way.of(Membership.SEPARATE, GroupProtocol.CLASSIC), State.ACTIVE, 2, 2, client=lc.Client.MEMBER)
    for event in (lc.Stalled(), lc.CommitEnded(True)):
        life = lc.step(life, event).lifecycle
    thawed = Report("0.0", life.state, life.epoch, life.seen_epoch, voids=life.voids)
    remembered = Grant(Color.BLUE, 2, Color.BLUE)
    assert sc.step(sc.View(Color.BLUE, remembered, "0.0", thawed, thawed)).call == sc.ReadLease("0.0+1")
    assert lc.step(life, lc.Resume(2, 0)).refused, "what was posted before it stood still comes true no more"


@pytest.mark.parametrize(
    ("rules", "bounds", "says"),
    [
        (broken.GOES_BY_THE_LAST_HOLDER, separate("deadline"), "the offset difference is -1"),
        (broken.GOES_BY_THE_LAST_HOLDER, separate("consumer-crash"), "a start goes back"),
        (broken.BEGINS_AT_THE_END, separate(total=0, reigned=False), "records are lost"),
        (broken.READS_FIRST, separate(total=0), "the offset difference is -1"),
        (broken.WAITS_FOR_NO_COPY, separate("consumer-crash"), "a start goes back"),
        (
            broken.HEARS_NOTHING,
            separate(total=0, earlier=41),
            "went through after somebody had started under a newer epoch",
        ),
        (broken.HEARS_OF_MORE, separate(total=0), "made again, and none was lost"),
        (broken.AN_ID_PER_COLOUR, separate("zombie"), "went through after somebody had started under a newer epoch"),
    ],
    ids=[
        "last holder",
        "a repeated start",
        "at the end",
        "reads first",
        "overtaken by a copy",
        "hears nothing",
        "hears of more",
        "an id per colour",
    ],
)
def test_broken_copies_of_strategy_b_are_caught(rules: Rules, bounds: Bounds, says: str) -> None:
    assert says in caught(bounds, rules).splitlines()[0]


@pytest.mark.parametrize(
    ("rules", "bounds", "says"),
    [
        (
            broken.SAYS_IT_HAS_LEFT,
            Bounds(pods=1, reshape=Reshape.WITH_SWITCH),
            "a consumer that says that it has left is in the group",
        ),
        (
            broken.JOINS_AGAIN_WHEN_PAUSED_AGAIN,
            Bounds(pods=1, membership=Membership.SHARED, reshape=Reshape.WITH_SWITCH),
            "a consumer that says that it has left is in the group",
        ),
        (broken.WAITS_FOR_NO_LEAVER, Bounds(pods=1, reshape=Reshape.WITH_SWITCH), "granted before everybody had left"),
        (broken.WAITS_FOR_NO_LEAVER, Bounds(pods=1, reshape=Reshape.ALONE), "granted before everybody had left"),
        (broken.REMOVES_NOBODY, Bounds(pods=1, reshape=Reshape.ALONE), "granted before the group was empty"),
        (broken.WAITS_FOR_NO_LEAVER, REPLAYED[0], "granted before everybody had left"),
        (broken.FORGETS_WHERE_IT_WAS, REPLAYED[0], "granted, and nobody knows where a way back would"),
        (broken.REWINDS_A_GROUP_THAT_IS_NOT_EMPTY, REPLAYED[0], "granted again, and nobody was asked to leave"),
        (broken.STAYS_INSIDE, Bounds(pods=1, reshape=Reshape.ALONE), "granted in another shape, and nobody was asked"),
    ],
    ids=[
        "says so at once",
        "joins again",
        "nobody waits",
        "nor alone",
        "removes nobody",
        "nor for a replay",
        "forgets where it was",
        "asks nobody to leave for a replay",
        "stays inside",
    ],
)
def test_broken_copies_of_leaving_are_caught(rules: Rules, bounds: Bounds, says: str) -> None:
    assert caught(bounds, rules).startswith(says)


def test_a_withdrawal_that_asks_to_leave_ends_by_a_sidecar_that_asks() -> None:
    bounds = Bounds(pods=1, reshape=Reshape.WITH_SWITCH)
    assert Search(World(bounds)).run().ends.keys() == {"good: Switched"}
    assert Search(World(bounds, broken.ASKS_NOBODY_TO_LEAVE)).run().ends.keys() == {"good: Failed"}


def test_the_histories_are_the_shortest_and_numbered() -> None:
    said = caught(Bounds(faults("pod-delete"), pods=1), broken.STALE_LIST_COUNTS)
    numbers = [int(found) for found in re.findall(r"^ +(\d+) ", said, re.MULTILINE)]
    assert numbers == list(range(1, 11))


def test_a_kind_of_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        World(Bounds(faults("earthquake")))


def test_the_command_line_says_what_it_saw(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.protocol.model.DEEP", ())
    monkeypatch.setattr("tests.protocol.model.STANDARD", {"few": (Bounds(faults("freeze"), pods=1),)})
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "1+1 pods, coarse, takeover; at most 1 of: freeze" in said
    assert re.search(r"^1 worlds, [\d,]+ states, [\d,]+ steps in \d+ s: no invariant broken$", said, re.MULTILINE)
