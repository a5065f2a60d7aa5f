"""What a session observes of a run: everybody who produced, and whoever changed the stack, until its last record."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import strategy_settings
from components.strategies.consumers import PARTS
from components.strategies.parts import Parts
from experiments import session
from experiments.cluster import Cluster, Pod
from experiments.errors import ExperimentError, PreconditionError
from experiments.guard import ForeignChangeError, Guard
from experiments.options import Options
from experiments.pod_history import PodHistory
from experiments.positions import Group, Groups
from experiments.producer import Counts, ProducerLog
from experiments.progress import Progress
from experiments.run import REPOSITORY
from experiments.scenarios import Scenario
from experiments.session import Observed, Session
from tests.experiments.test_guard import serve
from tests.experiments.test_pod_history import raw
from tests.experiments.test_recorders import SAID
from tests.experiments.test_recorders import serve as serve_recorders
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi

MINE, OTHER, CLOSING = "p0-mine", "p0-other", "p0-closing"


class Flow:
    """A producer that is renewed for the run and after it, and may be started again in the middle of it."""

    def __init__(self) -> None:
        self.name = MINE
        self.acked = 700
        self.at = 0.0
        self.names = iter([MINE, CLOSING])
        self.written = {"p0-before": ProducerLog(1, 99, ended=True), MINE: ProducerLog(100, 900, ended=True)}

    def started_again(self) -> None:
        self.name = OTHER
        self.written[MINE] = ProducerLog(100, 130, ended=False)
        self.written[OTHER] = ProducerLog(131, 900, ended=True)

    def counts(self) -> Counts:
        self.at, self.acked = self.at + 1000.0, self.acked + 96_300
        return Counts(self.name, self.acked, 0, 0, 0, self.at)

    def renew(self) -> Counts:
        return Counts(next(self.names), 0, 0, 0, 0, 0.0)

    silence = counts

    def clock(self) -> int:
        return 100

    def measure_rate(self, rate: int) -> float:
        return float(rate)

    def rate(self) -> int:
        return 100

    def logs(self) -> dict[str, ProducerLog]:
        return self.written


class Watch:
    """The pods of a namespace, of which nothing becomes."""

    def __init__(self, _cluster: Cluster, _namespace: str) -> None:
        self.history = PodHistory()

    def start(self) -> None:
        self.history.observe([Pod.of(raw("producer-0", "u", 0, "producer"))], 0.0)

    def stop(self) -> PodHistory:
        return self.history

    def abandon(self) -> None:
        pass


Measure = Callable[..., Observed]


@pytest.fixture
def flow() -> Flow:
    return Flow()


@pytest.fixture
def measure(api: FakeApi, cluster: Cluster, flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Measures a scenario. during, drain: what happens in the middle of it, and while its last records are handled."""
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", str(tmp_path))
    monkeypatch.setattr(session, "PodWatch", Watch)
    monkeypatch.setattr("experiments.session.clocks.read", lambda *_: None)

    def nothing(*_: object) -> None:
        pass

    def measured(
        during: Callable[[], None] = nothing, drain: Callable[[], None] = nothing, of: Parts = PARTS
    ) -> Observed:
        serve(api, 4)
        scenario = Scenario(
            name="1", title="t", step=1, default_switches=2, perform=lambda *_: during(), judge=lambda _: []
        )
        options = Options("c", scenario, 2, tmp_path, "command", 0.0)
        interrupts: Any = None
        made = Session(options, cluster, tmp_path, repository=REPOSITORY, interrupts=interrupts, progress=Progress())
        made.parts = of
        lag = SimpleNamespace(start=nothing, stop=nothing, close=nothing, wait_caught_up=lambda *_: drain())
        lab: Any = SimpleNamespace(
            producer=flow,
            lag=lag,
            guard=Guard(cluster, "strategy-c"),
            active="blue",
            wait_pods=nothing,
            preconditions=nothing,
        )
        return made.measure(lab)

    return measured


def test_a_producer_of_ones_own_is_judged_by_its_counts(measure: Measure, flow: Flow) -> None:
    seen = measure()
    assert seen.producers == [MINE]
    assert (seen.producer.restarted, seen.producer.acked, seen.producer.without_end) == ([], flow.acked, [])
    assert seen.produced_rate == pytest.approx(96.3)


def test_a_producer_that_was_started_again_in_a_run_is_judged_with_all_before(measure: Measure, flow: Flow) -> None:
    """What passed at 96.3 records/s: the first process's records were taken for another run's."""
    seen = measure(during=flow.started_again)
    assert seen.producers == [MINE, OTHER]
    assert (seen.producer.restarted, seen.producer.acked, seen.producer.without_end) == ([OTHER], None, [MINE])
    assert seen.produced_rate is None


def test_what_was_recorded_late_is_measured_over_the_run(
    measure: Measure, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "_groups", lambda *_: frozenset({"g"}))
    serve_recorders(api, ("recorder-blue-0", "blue", SAID))
    late = {**SAID, "unknown": 6, "late_seconds_max": 0.5}
    seen = measure(of=parts(), during=lambda: serve_recorders(api, ("recorder-blue-0", "blue", late)))
    assert seen.recorded is not None
    assert (seen.recorded.late_seconds, seen.recorded.unknown) == (0.5, 4)


def test_members_that_write_down_what_they_handle_are_not_recorded(measure: Measure) -> None:
    assert measure().recorded is None


def test_a_recorder_that_does_not_answer_ends_the_run(measure: Measure, api: FakeApi) -> None:
    serve_recorders(api, ("recorder-blue-0", "blue", None))
    with pytest.raises(ExperimentError, match="recorders do not answer: recorder-blue-0"):
        measure(of=Parts(PARTS.members, recorder=parts().recorder))


@pytest.mark.parametrize(("own", "refused"), [("connect-strategy-e-blue", False), ("mine", True), (None, True)])
def test_a_connector_in_another_group_than_the_switch_says_is_refused(
    measure: Measure, api: FakeApi, monkeypatch: pytest.MonkeyPatch, own: str | None, refused: bool
) -> None:
    said = SimpleNamespace(groups=dict.fromkeys(("blue", "green"), "connect-strategy-e-blue"))
    monkeypatch.setattr("experiments.session.Connect.group", lambda *_: own)
    monkeypatch.setattr(Cluster, "switch", lambda *_: said)
    monkeypatch.setattr(Guard, "_marks", lambda _: {})
    serve_recorders(api, ("recorder-blue-0", "blue", SAID))
    if refused:
        with pytest.raises(PreconditionError, match="the protocol owns the group"):
            measure(of=parts())
    else:
        assert measure(of=parts()).groups == {"connect-strategy-e-blue"}


@pytest.mark.parametrize("moment", ["during", "drain"])
def test_what_somebody_changes_until_the_last_record_ends_the_run(measure: Measure, api: FakeApi, moment: str) -> None:
    with pytest.raises(ForeignChangeError, match=r"KafkaConsumerSwitch consumer: generation 4 -> 6"):
        measure(**{moment: lambda: serve(api, 6)})


@pytest.mark.parametrize("letter", ["b", "c", "e"])
def test_positions_are_asked_of_whom_the_strategy_says(
    letter: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Groups, "read", lambda _: {"blue": Group({0: 7}, (0,), 1)})
    stack: Any = SimpleNamespace(name=f"strategy-{letter}", wait_switching=lambda: None)
    settings = strategy_settings({"strategy": letter}, stack.name)
    lab = session.lab_of(cluster, stack, settings, bootstrap="kafka:9092", progress=Progress(), spell_seconds=0.0)
    if letter == "e":
        assert lab.lag.groups()["blue"].committed == {0: 7}
    else:
        with pytest.raises(ExperimentError, match="come from its members"):
            lab.lag.groups()
