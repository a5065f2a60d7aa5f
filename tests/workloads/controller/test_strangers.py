"""Who is in a group that is none of ours, what is left behind in it, and what is done about either."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.protocol.decisions import SPEC, STANDING_BY, pod
from workloads.common.kube import UnreachableError
from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, State
from workloads.controller.measured import MeasureError
from workloads.controller.observe import PositionsFrom, Switch
from workloads.controller.places import Place, Places, told
from workloads.controller.strangers import GroupWatch, Question, looked_at
from workloads.controller.terms import Member, Standby

OURS = Place("g-0", "m-0", "consumer-blue-0", "/10.0.0.1", (0, 1))
DEBUGGING = Place("", "m-9", "rdkafka", "/10.0.0.9", (2, 3))


class Group(Places):
    """A group as a test has it. error: raised by the next looks."""

    def __init__(self, *members: Place) -> None:
        self.members = members
        self.state = "Stable"
        self.error: Exception | None = None
        self.looks = 0
        self.removed: list[Place] = []

    def look(self, group: str) -> tuple[str, tuple[Place, ...]]:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.state, self.members

    def remove(self, group: str, places: Sequence[Place]) -> None:
        self.removed += places


class Bench:
    def __init__(self, *members: Place) -> None:
        self.group = Group(*members)
        self.woken = 0
        self.stands = True
        self.watch = GroupWatch(self.group, self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def _still(self) -> bool:
        return self.stands

    def ask(self, *reports: Report | None, waits: bool = False) -> None:
        """About blue pods that have said this."""
        members = [
            Member(f"u{number}", f"consumer-blue-{number}", Color.BLUE, ready=True, report=report)
            for number, report in enumerate(reports)
        ]
        hosts = [f"10.0.0.{number + 1}" for number, _ in enumerate(reports)]
        self.watch.ask(Question.of("g", members, hosts, self._still, waits=waits))


def said(member: str, state: State | None = State.ACTIVE) -> Report:
    return Report("b", state, 2, 2, member_id=member)


def test_a_member_of_others_is_told_when_it_was_seen_twice() -> None:
    bench = Bench(OURS, DEBUGGING)
    bench.ask(said("m-0"))
    bench.watch.read()
    assert (bench.watch.foreign(), bench.woken) == ((), 0)
    bench.watch.read()
    assert (bench.watch.foreign(), bench.woken) == ((DEBUGGING,), 1)
    assert told(bench.watch.foreign()) == "member m-9, client rdkafka at /10.0.0.9, owns partitions [2, 3]"
    bench.group.members = (OURS,)
    bench.watch.read()
    assert (bench.watch.foreign(), bench.woken) == ((), 2)
    assert bench.group.removed == [], "it is somebody else's"


@pytest.mark.parametrize(
    "member",
    [
        replace(DEBUGGING, member="m-0"),
        replace(DEBUGGING, instance="g-7"),
        replace(DEBUGGING, host="/10.0.0.1"),
        replace(DEBUGGING, client="consumer-blue-0"),
    ],
    ids=["a living process", "a static member of ours", "a host of ours", "a client of ours"],
)
def test_who_could_be_ours_is_none_of_others(member: Place) -> None:
    """Interleaving 9."""
    bench = Bench(member)
    bench.ask(said("m-0"))
    for _ in range(3):
        bench.watch.read()
    assert bench.watch.foreign() == ()


def test_a_group_that_rebalances_tells_nothing() -> None:
    bench = Bench(OURS, DEBUGGING)
    bench.group.state = "PreparingRebalance"
    bench.ask(said("m-0"))
    for _ in range(3):
        bench.watch.read()
    assert bench.watch.foreign() == ()


@pytest.mark.parametrize(
    ("waits", "state", "report", "goes"),
    [
        (True, "Stable", said(""), True),  # its process has another life, and is kept out by this place
        (True, "Stable", said("m-new"), True),
        (True, "Stable", said("m-1"), False),  # it is its own
        (True, "PreparingRebalance", said(""), False),  # it may be on its way in
        (True, "Stable", None, False),  # nobody knows who is there
        (True, "Reconciling", said("m-new"), True),  # the group was converted, and its process came in beside it
        (True, "Reconciling", said(""), False),
        (True, "Reconciling", said("m-1"), False),
        (False, "Stable", said(""), False),  # it may be at work
        (False, "Reconciling", said("m-new"), False),
    ],
)
def test_a_place_that_no_process_claims_goes_where_nobody_works(
    waits: bool, state: str, report: Report | None, goes: bool
) -> None:
    old = Place("g-1", "m-1", "consumer-blue-1", "/10.0.0.2", (2, 3))
    bench = Bench(OURS, old)
    bench.group.state = state
    bench.ask(said("m-0"), report, waits=waits)
    for _ in range(2):
        bench.watch.read()
    assert bench.group.removed == ([old] if goes else [])


def test_what_was_left_behind_does_not_hold_a_rebalance_up() -> None:
    """One pod's place was removed while another was still ending: the rebalance then waits for that one."""
    ghost = Place("g-1", "m-1", "consumer-blue-1", "/10.0.0.2", ())
    bench = Bench(OURS, ghost)
    bench.group.state = "PreparingRebalance"
    bench.ask(said("m-0"))
    for _ in range(2):
        bench.watch.read()
    assert bench.group.removed == [ghost]


def test_what_a_pod_that_is_gone_left_behind_is_removed_once_seen_twice() -> None:
    """Interleaving 7."""
    ghost = Place("g-1", "m-1", "consumer-blue-1", "/10.0.0.2", (2, 3))
    bench = Bench(OURS, ghost)
    bench.ask(said("m-0"))
    bench.watch.read()
    assert bench.group.removed == []
    bench.watch.read()
    assert bench.group.removed == [ghost]
    assert bench.watch.foreign() == ()


@pytest.mark.parametrize(
    "report",
    [None, said("", None), said("", State.PAUSED), said("m-2"), Report("old", State.ACTIVE, 2, 2)],
    ids=["it has said nothing", "it does not answer", "an old report", "as another member", "of an older version"],
)
def test_who_has_a_pod_is_never_removed_whatever_is_known_of_it(report: Report | None) -> None:
    """A sidecar that was killed leaves a report of before the grant, and its consumer works."""
    bench = Bench(OURS, Place("g-1", "m-1", "consumer-blue-1", "/10.0.0.2", (2, 3)))
    bench.ask(said("m-0"), report)
    for _ in range(3):
        bench.watch.read()
    assert (bench.group.removed, bench.watch.foreign()) == ([], ())


def test_nobody_is_removed_once_the_lease_was_written() -> None:
    bench = Bench(OURS, Place("g-1", "m-1"))
    bench.stands = False
    bench.ask(said("m-0"))
    for _ in range(3):
        bench.watch.read()
    assert bench.group.removed == []


@pytest.mark.parametrize("error", [MeasureError("no coordinator"), UnreachableError("GET lease", "timed out")])
def test_what_cannot_be_read_leaves_what_was_known(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(OURS, DEBUGGING)
    bench.ask(said("m-0"))
    bench.watch.read()
    bench.watch.read()
    bench.group.error = error
    bench.watch.read()
    bench.watch.read()
    assert bench.watch.foreign() == (DEBUGGING,)
    assert [record.message for record in caplog.records].count("the group cannot be described") == 1


def test_nobody_asks_when_nothing_is_asked_for() -> None:
    bench = Bench(OURS, DEBUGGING)
    bench.watch.read()
    bench.ask(said("m-0"))
    bench.watch.read()
    bench.watch.read()
    bench.watch.ask(None)
    bench.watch.read()
    assert (bench.watch.foreign(), bench.group.looks) == ((), 2)
    bench.watch.thread.start()
    bench.watch.stop()
    bench.watch.thread.join(5)
    assert not bench.watch.thread.is_alive()


def pair(**changed: Any) -> Switch:
    """A switch whose colours have groups of their own, each whole while it waits."""
    spec = replace(SPEC, active=Color.BLUE, standby=Standby.ASSIGNED)
    made = Switch(
        uid="u",
        version=1,
        spec=spec,
        strategy="b",
        selectors=((), ()),
        groups=("g-blue", "g-green"),
        topic="t",
        lease_name="l",
        lag_threshold=0,
        positions=PositionsFrom.MEMBERS,
        analysis=None,
        status={},
    )
    return replace(made, **changed)


def test_the_group_of_a_colour_that_waits_is_looked_at_where_it_is_to_be_whole() -> None:
    """Pods that were taken away leave their places behind, and their partitions with them."""
    grant = Grant(Color.BLUE, 10, generation=7, outcome=Outcome.SWITCHED)
    half = (pod(Color.GREEN, 0, State.PAUSED, 10, owns=(0, 1)), pod(Color.GREEN, 1, State.PAUSED, 10, owns=()))
    switch = pair()
    assert looked_at(switch, grant, half, whole=True) == "g-green"
    assert looked_at(switch, grant, half, whole=False) == "g-blue"
    assert looked_at(switch, grant, STANDING_BY, whole=True) == ""
    assert looked_at(switch, replace(grant, outcome=None), half, whole=True) == ""
    assert looked_at(switch, replace(grant, holder=None), half, whole=True) == ""
    assert looked_at(switch, None, half, whole=True) == ""
    for spec in (replace(switch.spec, standby=Standby.OUTSIDE), replace(switch.spec, replicas=(2, 0))):
        assert looked_at(replace(switch, spec=spec), grant, half, whole=True) == ""
    assert looked_at(pair(positions=PositionsFrom.GROUPS), grant, half, whole=False) == ""


def test_a_place_of_a_number_that_only_the_other_colour_has_is_left_behind() -> None:
    places = [Place(f"g-blue-consumer-blue-{n}", f"m-{n}") for n in range(3)]
    members = [Member(f"u{n}", f"consumer-blue-{n}", Color.BLUE, ready=True, report=None) for n in range(2)]
    question = Question.of("g-blue", members, [], lambda: True)
    assert [place.member for place in question.left_behind(places, "Stable")] == ["m-2"]
