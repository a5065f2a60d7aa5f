"""Lag and analysis, with an account of end offsets and positions that a test makes up."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException

from tests.support.standin import StandIn
from tests.support.waiting import until
from workloads.common.bystander import Bystanders
from workloads.common.http import HttpServer, Response
from workloads.common.labels import unsealed
from workloads.controller import measure
from workloads.controller.analysis import Tally, foregone, verdict
from workloads.controller.argo import Order
from workloads.controller.argo_runs import AnalysisRuns
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.lag import MemberPositions, behind
from workloads.controller.measure import Measurer
from workloads.controller.measured import (
    AnalysisRunTask,
    AnalysisTask,
    LagTask,
    MeasureError,
    Progress,
    RemovalTask,
    RewindTask,
    SinceTask,
)
from workloads.controller.observe import AnalysisLimits, TemplateAnalysis
from workloads.controller.places import Place, Places
from workloads.controller.progress import ProgressReader
from workloads.controller.replay import rewound
from workloads.controller.terms import Analysis, Lag
from workloads.handling import carry


def account(positions: dict[int, int], handled: int = 0, failed: int = 0, process: str = "b") -> Progress:
    return Progress(process, positions, handled, failed)


@pytest.mark.parametrize(
    ("ends", "positions", "threshold", "said"),
    [
        ({0: 10, 1: 0}, [{0: 10}], 0, ""),  # partition 1 was never written to
        ({0: 10, 1: 5}, [{0: 12}, {1: 5}], 0, ""),
        ({0: 10}, [{0: 9}], 0, "1 records behind on 1 partitions, most on 0: 1"),
        ({0: 10}, [{0: 9}], 1, ""),
        ({0: 10, 1: 10}, [{0: 1}, {1: 8}], 0, "11 records behind on 2 partitions, most on 0: 9"),
        ({0: 10, 1: 10}, [{0: 10}], 0, "no position known of partitions [1]"),
        ({0: 10}, [], 0, "no position known of partitions [0]"),
        ({0: 10}, [{0: 3}, {0: 10}], 0, ""),
    ],
)
def test_behind(ends: dict[int, int], positions: list[dict[int, int]], threshold: int, said: str) -> None:
    accounts = Accounts()
    accounts.now = {f"p{n}": account(p) for n, p in enumerate(positions)}
    assert behind(ends, MemberPositions(accounts, dict).read(), threshold) == said


class Brokers(BrokerOffsets):
    """written: what was committed; refusing: so many commits are refused."""

    def __init__(self) -> None:
        super().__init__("nowhere:1")
        self.written: list[tuple[str, str, dict[int, tuple[int, str]]]] = []
        self.refusing = 0
        self.asked: list[tuple[str, str, int]] = []
        self.end_offsets: dict[int, int] | None = {}
        self.commits: dict[str, dict[int, int]] = {}
        self.reads = 0

    def ends(self, topic: str, partitions: int) -> dict[int, int]:
        self.reads += 1
        if self.end_offsets is None:
            raise MeasureError("the broker does not answer")
        return self.end_offsets

    def committed(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        self.asked.append((group, topic, partitions))
        return self.commits[group]

    def beginnings(self, topic: str, partitions: int) -> dict[int, int]:
        return dict.fromkeys(range(partitions), 3)

    def commit(self, group: str, topic: str, offsets: Mapping[int, tuple[int, str]]) -> None:
        if self.refusing:
            self.refusing -= 1
            raise MeasureError(f"offsets of group {group} on {topic} cannot be set: UNKNOWN_MEMBER_ID")
        self.written.append((group, topic, dict(offsets)))


class Accounts(ProgressReader):
    """behind: what becomes of the world when it was read. reads: how often it was."""

    def __init__(self) -> None:
        super().__init__(1)
        self.now: dict[str, Progress] | None = {}
        self.behind: Callable[[], None] = lambda: None
        self.reads = 0

    def read(self, addresses: Mapping[str, str]) -> dict[str, Progress]:
        if self.now is None:
            raise MeasureError("p0 does not tell its progress")
        now = self.now
        self.reads += 1
        self.behind()
        return now


class Group(Places):
    """A group whose members are told by a test. unwilling: so many removals come to nothing. returning: whoever is
    removed is there again.
    """

    def __init__(self) -> None:
        self.members: list[Place] = []
        self.removed: list[list[Place]] = []
        self.unwilling = 0
        self.returning = False
        self.silent = False

    def of(self, group: str) -> tuple[Place, ...]:
        if self.silent:
            raise MeasureError("group g cannot be described")
        return tuple(self.members)

    def remove(self, group: str, places: Sequence[Place]) -> None:
        self.removed.append(list(places))
        if self.unwilling:
            self.unwilling -= 1
            raise MeasureError("removal from group g: g-0 (NotCoordinatorError)")
        if not self.returning:
            self.members = [member for member in self.members if member not in places]


class Runs(AnalysisRuns):
    """AnalysisRuns as a test tells of them. says: the verdict, or what keeps it from being had."""

    def __init__(self) -> None:
        self.says: tuple[Analysis, str] | Exception = (Analysis.PENDING, "AnalysisRun r is Running")
        self.looked: list[Order] = []
        self.ended: list[Order] = []

    def on_change(self, changed: Callable[[], None]) -> None:
        self.tell = changed

    def look(self, order: Order) -> tuple[Analysis, str]:
        self.looked.append(order)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def end(self, order: Order) -> None:
        self.ended.append(order)


class Bench:
    def __init__(self) -> None:
        self.brokers, self.accounts, self.group = Brokers(), Accounts(), Group()
        self.woken = 0
        self.runs = Runs()
        self.measurer = Measurer(self.brokers, self.accounts, self.group, self.runs, self._wake)
        self.measurer.thread.start()

    def _wake(self) -> None:
        self.woken += 1

    def lag(self, key: str = "k", threshold: int = 0, group: str | None = None) -> None:
        self.measurer.measure(key, LagTask("t", 2, threshold, dict, group))

    def analysis(self, seconds: float, rate: float, throughput: float = 0.0) -> None:
        self.measurer.measure("k", AnalysisTask(AnalysisLimits(seconds, rate, min_throughput=throughput), dict, "t", 2))

    def judge(self, timeout: float = 60.0, key: str = "k") -> Order:
        order = Order("consumer", "u", 7, TemplateAnalysis(("errors",), (), timeout))
        self.measurer.measure(key, AnalysisRunTask(order))
        return order

    def removal(self, *, still: bool = True) -> None:
        self.measurer.measure("k", RemovalTask("g", lambda: still))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_end_offsets_are_read_once_and_met(bench: Bench) -> None:
    bench.brokers.end_offsets = {0: 10, 1: 10}
    bench.accounts.now = {"p": account({0: 10, 1: 7})}
    assert bench.measurer.result("k").lag is Lag.UNKNOWN
    bench.lag()
    until("behind", lambda: bench.measurer.result("k").lag is Lag.BEHIND)
    assert "most on 1: 3" in bench.measurer.result("k").detail
    bench.brokers.end_offsets = {0: 99, 1: 99}  # what comes later does not count
    bench.accounts.now = {"p": account({0: 10, 1: 10})}
    until("caught up", lambda: bench.measurer.result("k").lag is Lag.CAUGHT_UP)
    assert bench.woken == 1
    assert bench.brokers.reads == 1
    met = bench.measurer.result("k").met_at
    assert met is not None
    assert time.monotonic() - met < 60


def test_a_broker_or_a_pod_that_does_not_answer_is_named_and_asked_again(bench: Bench) -> None:
    bench.brokers.end_offsets = None
    bench.lag()
    until("named", lambda: "broker" in bench.measurer.result("k").detail)
    bench.brokers.end_offsets = {0: 1}
    bench.accounts.now = None
    until("named", lambda: "p0" in bench.measurer.result("k").detail)
    bench.accounts.now = {"p0": account({0: 1})}
    until("caught up", lambda: bench.measurer.result("k").lag is Lag.CAUGHT_UP)


def test_another_phase_gets_another_measurement(bench: Bench) -> None:
    bench.brokers.end_offsets = {0: 1}
    bench.accounts.now = {"p": account({0: 1})}
    bench.lag()
    until("caught up", lambda: bench.measurer.result("k").lag is Lag.CAUGHT_UP)
    assert bench.measurer.result("other").lag is Lag.UNKNOWN
    bench.brokers.end_offsets = {0: 2}
    bench.lag("other")
    until("behind", lambda: bench.measurer.result("other").lag is Lag.BEHIND)
    bench.measurer.measure("other", None)
    time.sleep(0.1)
    reads = bench.brokers.reads
    time.sleep(0.2)
    assert bench.brokers.reads == reads, "nobody asks any more"


def test_an_analysis_counts_what_happened_in_its_time(bench: Bench) -> None:
    bench.accounts.now = {"p": account({}, handled=1000, failed=900), "q": account({}, handled=50)}
    bench.analysis(3.0, 0.1)
    until("the first read", lambda: bench.accounts.reads)
    bench.accounts.now = {"p": account({}, handled=1100, failed=905), "q": account({}, handled=50)}
    until("passed", lambda: bench.measurer.result("k").analysis is Analysis.PASSED)
    assert "5 of 100 records failed" in bench.measurer.result("k").detail


def test_an_analysis_fails_on_too_many_errors_also_in_a_new_process(bench: Bench) -> None:
    bench.accounts.now = {"p": account({}, handled=1000)}
    bench.analysis(3.0, 0.1)
    until("the first read", lambda: bench.accounts.reads)
    bench.accounts.now = {"p": account({}, handled=20, failed=20, process="another")}
    until("failed", lambda: bench.measurer.result("k").analysis is Analysis.FAILED)
    assert "20 of 20 records failed" in bench.measurer.result("k").detail


def test_an_analysis_of_nothing_is_inconclusive(bench: Bench) -> None:
    bench.accounts.now = {"p": account({})}
    bench.analysis(0.1, 0.0)
    until("over", lambda: bench.measurer.result("k").analysis is Analysis.INCONCLUSIVE)
    assert "0 of 0 records failed; at least 1" in bench.measurer.result("k").detail


@pytest.mark.parametrize(
    ("handled", "expected"),
    [(900, Analysis.PASSED), (899, Analysis.FAILED), (0, Analysis.FAILED)],
)
def test_an_analysis_counts_what_came_in_meanwhile(bench: Bench, handled: int, expected: Analysis) -> None:
    def come_in() -> None:
        bench.brokers.end_offsets = {0: 1000, 1: 1000}
        bench.accounts.now = {"p": account({}, handled=70 + handled)}

    bench.brokers.end_offsets = {0: 500, 1: 500}
    bench.accounts.now = {"p": account({}, handled=70)}
    bench.accounts.behind = come_in
    bench.analysis(0.2, 0.1, 0.9)
    until("its end", lambda: bench.measurer.result("k").analysis is not Analysis.PENDING)
    assert bench.measurer.result("k").analysis is expected
    if expected is Analysis.FAILED:
        said = f"{handled} of 1000 records that came in were handled; a share of 0.9 is needed"
        assert said in bench.measurer.result("k").detail


def test_how_much_came_in_that_nobody_tells_is_inconclusive(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workloads.controller.measure.ANALYSIS_GRACE_SECONDS", 0.3)
    bench.brokers.end_offsets = None
    bench.accounts.now = {"p": account({}, handled=70)}
    bench.analysis(0.2, 0.1, 0.9)
    until("over", lambda: bench.measurer.result("k").analysis is Analysis.INCONCLUSIVE)
    assert "nobody tells how many records came in" in bench.measurer.result("k").detail


def test_an_analysis_that_ends_unexpectedly_is_begun_anew_and_is_no_pass(bench: Bench) -> None:
    class Broken(Accounts):
        def read(self, addresses: Mapping[str, str]) -> dict[str, Progress]:
            raise RuntimeError("a defect")

    bench.measurer._progress = Broken()
    bench.analysis(0.0, 1.0)
    time.sleep(0.3)
    assert bench.measurer.result("k").analysis is Analysis.PENDING
    bench.measurer._progress = bench.accounts
    bench.accounts.now = {"p": account({}, handled=10)}
    until("over", lambda: bench.measurer.result("k").analysis is Analysis.INCONCLUSIVE)


def test_an_analysis_that_cannot_be_made_is_inconclusive(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workloads.controller.measure.ANALYSIS_GRACE_SECONDS", 0.3)
    bench.accounts.now = None
    bench.analysis(0.1, 1.0)
    until("over", lambda: bench.measurer.result("k").analysis is Analysis.INCONCLUSIVE)
    assert "p0 does not tell" in bench.measurer.result("k").detail


@pytest.mark.parametrize(
    ("handled", "failed", "min_records", "problem", "expected"),
    [
        (0, 0, 1, "", Analysis.INCONCLUSIVE),
        (1, 0, 1, "", Analysis.PASSED),
        (9, 0, 10, "", Analysis.INCONCLUSIVE),
        (9, 9, 10, "", Analysis.INCONCLUSIVE),  # too few to say anything, good or bad
        (10, 1, 10, "", Analysis.PASSED),
        (10, 2, 10, "", Analysis.FAILED),
        (10, 0, 10, "p0 does not answer", Analysis.INCONCLUSIVE),  # what it would add is not known
        (10, 2, 10, "p0 does not answer", Analysis.FAILED),  # bad enough without it
    ],
)
def test_the_verdict(handled: int, failed: int, min_records: int, problem: str, expected: Analysis) -> None:
    tally = Tally()
    tally.add({"p": account({}, handled=100, failed=50)})
    tally.add({"p": account({}, handled=100 + handled, failed=50 + failed)})
    analysis, why = verdict(tally, AnalysisLimits(5, 0.1, min_records), problem)
    assert analysis is expected
    assert f"{failed} of {handled} records failed" in why
    assert problem in why or expected is Analysis.FAILED


@pytest.mark.parametrize(
    ("handled", "failed", "elapsed", "expected"),
    [
        (100, 50, 0.9, False),  # too early to know a pace
        (100, 51, 1.0, True),  # of 1,000 in all, more than 50 at a share of 0.05
        (100, 6, 1.0, False),
        (200, 51, 2.0, True),
        (200, 50, 2.0, False),
        (9, 9, 9.0, False),  # fewer than say anything
        (1000, 51, 10.0, True),
        (1000, 51, 20.0, True),  # after its time nothing is expected any more
        (0, 0, 5.0, False),
    ],
)
def test_an_analysis_ends_early_when_nothing_can_mend_it(
    handled: int, failed: int, elapsed: float, expected: bool
) -> None:
    tally = Tally()
    tally.handled, tally.failed = handled, failed
    assert foregone(tally, AnalysisLimits(10, 0.05, 10), elapsed) is expected


def test_an_early_end_does_not_wait_for_its_time(bench: Bench) -> None:
    bench.accounts.now = {"p": account({}, handled=1000)}
    bench.analysis(60, 0.01)
    until("the first read", lambda: bench.accounts.reads)
    bench.accounts.now = {"p": account({}, handled=2000, failed=1000)}
    until("failed", lambda: bench.measurer.result("k").analysis is Analysis.FAILED, 30)


@pytest.mark.parametrize("expected", [Analysis.PASSED, Analysis.FAILED, Analysis.INCONCLUSIVE])
def test_an_analysis_run_is_obeyed_as_soon_as_it_has_judged(bench: Bench, expected: Analysis) -> None:
    order = bench.judge()
    until("told", lambda: "Running" in bench.measurer.result("k").detail)
    assert bench.measurer.result("k").analysis is Analysis.PENDING
    bench.runs.says = (expected, "AnalysisRun r has judged")
    bench.runs.tell()
    until("judged", lambda: bench.measurer.result("k").analysis is expected)
    assert bench.measurer.result("k").detail.startswith("AnalysisRun r has judged (")
    assert bench.woken == 1
    until("ended", lambda: bench.runs.ended == [order])


def test_an_analysis_run_without_a_verdict_by_its_time_shows_nothing(bench: Bench) -> None:
    order = bench.judge(timeout=1.5)
    until("inconclusive", lambda: bench.measurer.result("k").analysis is Analysis.INCONCLUSIVE)
    assert bench.measurer.result("k").detail.startswith("no verdict within 1.5 s: AnalysisRun r is Running (")
    until("ended", lambda: bench.runs.ended == [order])


@pytest.mark.parametrize("error", [MeasureError("AnalysisRun r: no answer"), KeyError("no answer")])
def test_what_keeps_a_verdict_away_for_the_whole_time_shows_nothing(bench: Bench, error: Exception) -> None:
    bench.runs.says = error
    bench.judge(timeout=2.0)
    until("named", lambda: "no answer" in bench.measurer.result("k").detail)
    until("inconclusive", lambda: bench.measurer.result("k").analysis is Analysis.INCONCLUSIVE)
    assert len(bench.runs.looked) > 1, "it was tried again"


def test_an_api_server_that_comes_back_is_asked_again(bench: Bench) -> None:
    bench.runs.says = MeasureError("AnalysisRun r: no answer")
    bench.judge()
    until("named", lambda: "no answer" in bench.measurer.result("k").detail)
    bench.runs.says = (Analysis.PASSED, "AnalysisRun r is Successful")
    until("passed", lambda: bench.measurer.result("k").analysis is Analysis.PASSED)


def test_an_analysis_run_that_nobody_waits_for_is_ended(bench: Bench) -> None:
    order = bench.judge()
    until("looked at", lambda: bool(bench.runs.looked))
    bench.measurer.measure("other", None)
    until("ended", lambda: bench.runs.ended == [order])
    assert bench.measurer.result("k").analysis is Analysis.PENDING


def test_a_process_that_began_in_the_analysis_counts_from_its_beginning() -> None:
    tally = Tally()
    tally.add({})  # nobody has answered yet
    tally.add({"p": account({}, handled=100, failed=50)})
    tally.add({"p": account({}, handled=5, failed=1, process="next"), "q": account({}, handled=3, process="new")})
    assert (tally.handled, tally.failed) == (8, 1)


def test_positions_from_the_group_of_the_holder(bench: Bench) -> None:
    """The members are not asked: what is committed counts."""
    bench.brokers.end_offsets = {0: 10, 1: 10}
    bench.accounts.now = None
    bench.brokers.commits = {"blues": {0: 10, 1: 7}, "greens": {0: 10, 1: 10}}
    bench.lag(group="blues")
    until("behind", lambda: bench.measurer.result("k").lag is Lag.BEHIND)
    assert "most on 1: 3" in bench.measurer.result("k").detail
    bench.brokers.commits["blues"] = {0: 10}
    until("nothing committed", lambda: "no position known of partitions [1]" in bench.measurer.result("k").detail)
    bench.brokers.commits["blues"] = {0: 10, 1: 10}
    until("caught up", lambda: bench.measurer.result("k").lag is Lag.CAUGHT_UP)


def test_a_group_that_will_be_asked_about_is_kept_warm(bench: Bench) -> None:
    bench.brokers.commits = {"g": {}, "h": {}}
    bench.measurer.keep_warm("t", 2, ("g", "h"))
    until("asked", lambda: {group for group, *_ in bench.brokers.asked} == {"g", "h"})
    assert bench.measurer.result("k").since is None


def test_where_a_group_has_come_to_is_read_of_all_partitions(bench: Bench) -> None:
    """One that it has committed nothing of begins with the first record."""
    bench.brokers.commits = {"g": {0: 17}}
    bench.measurer.measure("k", SinceTask("g", "t", 2))
    until("read", lambda: bench.measurer.result("k").since is not None)
    assert bench.measurer.result("k").since == ((0, 17), (1, 3))
    assert bench.woken == 1


def rewind(bench: Bench, *, still: bool = True) -> None:
    bench.measurer.measure("k", RewindTask("g", "t", 3, ((0, 17), (1, 1)), 9, lambda: still))


def test_offsets_are_set_when_nobody_is_left_in_the_group(bench: Bench) -> None:
    bench.group.members = [Place("g-0", "m0"), Place("", "other")]
    bench.brokers.refusing = 1  # by somebody whose end the coordinator has not noticed yet
    rewind(bench)
    until("set", lambda: bench.measurer.result("k").rewound)
    assert bench.measurer.result("k").removed
    assert bench.group.removed == [[Place("g-0", "m0")]]
    ((group, topic, offsets),) = bench.brokers.written
    assert (group, topic) == ("g", "t")
    # As kept; where that record is gone, and of a partition that came since, the first that there is.
    assert {p: offset for p, (offset, _) in offsets.items()} == {0: 17, 1: 3, 2: 3}
    found = {p: carry.read(offset, unsealed(label)) for p, (offset, label) in offsets.items()}
    assert found == {p: carry.Commit(offset, 9) for p, (offset, _) in offsets.items()}


def test_who_keeps_offsets_from_being_set_is_named(bench: Bench) -> None:
    bench.group.members = [Place("", "m9", "somebody", "/10.0.0.9", (2,))]
    bench.brokers.refusing = 1_000_000
    rewind(bench)
    until("named", lambda: "in it: member m9, client somebody at /10.0.0.9" in bench.measurer.result("k").detail)
    assert not bench.measurer.result("k").removed


def test_what_keeps_offsets_from_being_set_is_told_also_where_nobody_can_be_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit(*_: object) -> None:
        bench.group.silent = True
        raise MeasureError("offsets of group g: the coordinator is away")

    monkeypatch.setattr(bench.brokers, "commit", commit)
    monkeypatch.setattr(measure, "AGAIN_SECONDS", 60.0)
    rewind(bench)
    until("told", lambda: bench.measurer.result("k").detail == "offsets of group g: the coordinator is away")


def test_no_offset_is_set_by_a_lease_that_was_written_meanwhile(bench: Bench) -> None:
    rewind(bench, still=False)
    until("told", lambda: "the Lease was written meanwhile" in bench.measurer.result("k").detail)
    assert bench.brokers.written == []


def test_a_start_after_a_replay_is_where_it_was_set_to() -> None:
    """Green's commits, and what was copied of them, are of the epoch before the withdrawal's."""
    (offset, label) = rewound(((0, 17),), {0: 3}, 9)[0]
    own, other = carry.read(offset, unsealed(label)), carry.Commit(40, 8)
    assert carry.start(carry.Found(own, other, 0, 50), 10) == carry.Start(17, carry.Source.OWN, own)


@pytest.fixture
def consumer() -> Iterator[StandIn]:
    made = StandIn((0, 1))
    yield made
    made.server.stop()


def test_progress_is_read_over_http(consumer: StandIn) -> None:
    consumer.lifecycle = consumer.lifecycle.__class__(partitions=(0, 1))
    consumer.positions = {0: 7}
    consumer.handled, consumer.failed = 9, 2
    reader = ProgressReader(consumer.server.port)
    assert reader.read({"p": "127.0.0.1"}) == {"p": Progress(consumer.boot_id, {0: 7, 1: 0}, 9, 2)}
    with pytest.raises(MeasureError, match="q has no address"):
        reader.read({"p": "127.0.0.1", "q": ""})


@pytest.mark.parametrize(
    "body",
    [
        b"no",
        b"[]",
        b"{}",
        b'{"positions": {"x": 1}}',
        b'{"positions": {}, "handled": NaN}',
        b'{"positions": {}, "handled": 1e999}',
        b'{"positions": {}, "handled": null}',
        b'{"positions": {}, "handled": 5, "failed": 6}',
        b'{"positions": {}, "handled": 5, "failed": -1}',
    ],
)
def test_a_progress_that_is_none_names_the_pod(body: bytes) -> None:
    server = HttpServer("127.0.0.1", 0, {("GET", "/progress"): lambda _: Response(body)})
    server.start()
    with pytest.raises(MeasureError, match="pod-7"):
        ProgressReader(server.port).read({"pod-7": "127.0.0.1"})
    server.stop()


def test_a_broker_that_is_not_there() -> None:
    with pytest.raises(MeasureError, match="end offsets of t cannot be read"):
        BrokerOffsets("127.0.0.1:1").ends("t", 2)
    with pytest.raises(MeasureError, match="committed offsets of group g on t cannot be read"):
        BrokerOffsets("127.0.0.1:1").committed("g", "t", 2)


class OneGroup:
    """A group's client that answers with what a test says."""

    def __init__(self, answer: dict[int, int] | KafkaException) -> None:
        self.answer = answer

    def offsets(self, topic: str, partitions: Iterable[int], seconds: float) -> dict[int, int]:
        assert (topic, list(partitions)) == ("t", [0, 1])
        if isinstance(self.answer, KafkaException):
            raise self.answer
        return self.answer


def _with(group: OneGroup) -> BrokerOffsets:
    brokers = BrokerOffsets("nowhere:1")
    brokers._groups = cast("Bystanders", SimpleNamespace(of={"g": group}.__getitem__))
    return brokers


def test_committed_offsets_are_those_that_were_committed() -> None:
    brokers = _with(OneGroup({0: 7, 1: OFFSET_INVALID}))
    assert brokers.committed("g", "t", 2) == {0: 7}


def test_a_group_that_may_not_be_read_is_named() -> None:
    brokers = _with(OneGroup(KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))))
    with pytest.raises(MeasureError, match=r"committed offsets of group g on t cannot be read: .*GROUP_AUTHORIZATION"):
        brokers.committed("g", "t", 2)


def test_nobody_at_that_address() -> None:
    with pytest.raises(MeasureError, match="pod-7 does not tell its progress"):
        ProgressReader(1).read({"pod-7": "127.0.0.1"})


# -- what closed members have left behind ---------------------------------------------------------------------------

CLOSED = [Place("g-0", "g-0-a"), Place("g-1", "g-1-b")]
FOREIGN = [Place("", "rdkafka-1", "rdkafka"), Place("other-0", "other-0-c")]


def test_what_is_ours_is_removed_and_nobody_else(bench: Bench) -> None:
    bench.group.members = [*CLOSED, *FOREIGN]
    bench.removal()
    until("it is done", lambda: bench.measurer.result("k").removed)
    assert bench.group.removed == [CLOSED]
    assert bench.group.members == FOREIGN
    assert bench.woken == 1


def test_nobody_is_left_to_remove(bench: Bench) -> None:
    bench.group.members = list(FOREIGN)
    bench.removal()
    until("it is done", lambda: bench.measurer.result("k").removed)
    assert bench.group.removed == []


def test_nothing_is_removed_once_the_lease_says_otherwise(bench: Bench) -> None:
    """Interleaving 1. Whoever has joined under a newer grant must stay."""
    bench.group.members = list(CLOSED)
    bench.removal(still=False)
    until("it is told", lambda: "the Lease was written meanwhile" in bench.measurer.result("k").detail)
    assert bench.group.removed == []
    assert not bench.measurer.result("k").removed


def test_a_removal_that_failed_is_tried_again(bench: Bench) -> None:
    bench.group.members = list(CLOSED)
    bench.group.unwilling = 1
    bench.removal()
    until("it is done", lambda: bench.measurer.result("k").removed)
    assert bench.group.removed == [CLOSED, CLOSED]


def test_who_joins_again_is_named_and_not_chased(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living member that is taken out comes back at once: it is what an empty group is waited for."""
    monkeypatch.setattr(measure, "AGAIN_SECONDS", 60.0)
    bench.group.members = list(CLOSED)
    bench.group.returning = True
    bench.removal()
    until("named", lambda: "in it again: member g-0" in bench.measurer.result("k").detail)
    assert bench.group.removed == [CLOSED]
    assert not bench.measurer.result("k").removed


def test_a_removal_that_is_done_is_not_begun_again(bench: Bench) -> None:
    """The loop that was not yet told asks once more; and something else may be asked for the same phase."""
    bench.group.members = list(CLOSED)
    bench.removal()
    until("it is done", lambda: bench.measurer.result("k").removed)
    bench.group.members = list(CLOSED)  # whoever joined since, under a newer grant
    bench.removal()
    bench.brokers.commits = {"g": {0: 17}}
    bench.measurer.measure("k", SinceTask("g", "t", 2))
    until("read", lambda: bench.measurer.result("k").since is not None)
    bench.measurer.measure("k", None)
    bench.removal()
    bench.measurer.measure("other", SinceTask("g", "t", 2))
    until("read", lambda: bench.measurer.result("other").since is not None)
    assert bench.group.removed == [CLOSED]
    assert bench.woken == 3


def test_of_two_tasks_for_one_phase_the_newer_goes_on(bench: Bench) -> None:
    bench.brokers.end_offsets = {0: 1}
    bench.lag()
    until("behind", lambda: bench.measurer.result("k").detail != "")
    bench.removal()
    until("it is done", lambda: bench.measurer.result("k").removed)
    assert bench.measurer.result("k").lag is not Lag.CAUGHT_UP
