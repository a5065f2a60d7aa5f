"""What a run keeps and is judged by when its scenario has ended: in which order, and what a missing part leads to."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import strategy_settings
from components.settings.stack import StackName
from components.strategies import connectors
from components.strategies.base import strategy
from experiments import dead_letters, environment, metrics, records, verdict
from experiments.clocks import Clocks
from experiments.cluster import ClusterError, Pod
from experiments.conclusion import Seen, conclude
from experiments.criteria import DUAL_ACTIVE_ALERTS
from experiments.errors import CollectionError
from experiments.gathering import clock_error, gather, not_judged, of_recorders
from experiments.lab import Notes
from experiments.measurements import LagSample, ProducerSeen
from experiments.pod_history import PodHistory
from experiments.recorders import Times
from experiments.records import CONSUMED, PRODUCED, objects, write_compressed
from experiments.scenarios import SCENARIOS
from experiments.session import Observed
from tests.experiments.test_conclusion import SUBJECT
from tests.experiments.test_pod_history import raw
from tests.support.samples import LAST, SWITCH

TIMES = Times(late_seconds=0.012, unknown=3, torn=1, restarted=("recorder-blue-0",))
CLOCKS = Clocks(0.1, 0.01, between_nodes=0.05, nodes=2)
NS = 1_000_000_000
PRODUCER = "producer-0.ab"


def line(seq: int, at: float, **more: object) -> dict[str, Any]:
    place = {"producer": PRODUCER, "seq": seq, "topic": "t", "partition": 0, "offset": seq}
    return {**place, **more, "t": int(at * NS)}


def handled(color: str, epoch: int, seq: int, at: float) -> dict[str, Any]:
    return line(seq, at, color=color, pod=f"{color}-0", epoch=epoch)


LOGS: Mapping[str, Mapping[str, list[dict[str, Any]]]] = {
    "producer-0": {
        f"{PRODUCED}/{PRODUCER}.jsonl.zst": [
            *(line(seq, 0, status="acked") for seq in range(4)),
            {"producer": PRODUCER, "end": 4},
        ]
    },
    "blue-0": {f"{CONSUMED}/blue-0.a.jsonl.zst": [handled("blue", 6, 0, 1), handled("blue", 6, 1, 2)]},
    "green-0": {f"{CONSUMED}/green-0.b.jsonl.zst": [handled("green", 8, 2, 2.5), handled("green", 8, 3, 3)]},
}


class Script:
    """A cluster whose answers stand here; what is asked of it and done with it is in `did`, in order."""

    def __init__(self, folder: Path, letter: str = "c") -> None:
        self.did: list[str] = []
        self.folder = folder
        self.pods = {"consumer": ["blue-0", "green-0"], "controller": ["controller-0"]}
        self.logs: dict[str, Mapping[str, list[dict[str, Any]]]] = dict(LOGS)
        self.history = PodHistory()
        self.platform = PodHistory()
        self.platform.observe([self.pod("kafka-0", "kafka")], 0.0)
        self.settings = strategy_settings({"strategy": letter}, f"strategy-{letter}")
        parts = strategy(letter).parts(self.settings, StackName(f"strategy-{letter}"))
        self.lab: Any = SimpleNamespace(
            cluster=SimpleNamespace(pods=self.pods_of, log=self.log),
            namespace=f"strategy-{letter}",
            parts=parts,
            notes=Notes(switches=[SWITCH], spells=1, spells_asked=1),
            lag=SimpleNamespace(samples=[LagSample(101.0, 3, 3)], failures=2, worked=["blue-0.a", "green-0.b"]),
            progress=SimpleNamespace(step=self.step),
            stack=SimpleNamespace(provider_versions=dict),
        )
        self.observed = Observed(
            started=95.0,
            finished=130.0,
            since_ns=0,
            producers=[PRODUCER],
            producer=ProducerSeen((), 4, ()),
            produced_rate=99.0,
            clocks=Clocks(0.1, 0.01, between_nodes=0.0, nodes=1),
            pods=self.history,
            platform_pods=self.platform,
            groups=frozenset({"g"}),
            recorded=None,
        )

    def pod(self, name: str, app: str) -> Pod:
        return Pod.of(raw(name, f"uid-{name}", 0, app))

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        self.did.append(what)
        yield

    def pods_of(self, _namespace: str, selector: str = "") -> list[Pod]:
        app = selector.partition("=")[2].partition(",")[0]
        return [self.pod(name, app) for name in self.pods.get(app, [])]

    def log(self, _namespace: str, pod: str, _since: str, **_: object) -> str:
        self.did.append(f"log of {pod}")
        if pod in self.silent:
            raise ClusterError("the container is gone", 400)
        return "[GroupCoordinator] Preparing to rebalance group g in state Stable\n" if pod == "kafka-0" else "said\n"

    silent: frozenset[str] = frozenset()

    def export(self, _namespace: str, pod: str, *_: object, target: Path, **__: object) -> None:
        self.did.append(f"records of {pod}")
        for name, lines in self.logs.get(pod, {}).items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            write_compressed(target / name, "".join(f"{json.dumps(one)}\n" for one in lines).encode())

    def observe(self, notes: Notes, logs: Path) -> Mapping[str, Any]:
        self.did.append("the scenario's own")
        notes.tables["own"] = [len(list(objects(logs, CONSUMED)))]
        return {"own": 1}

    def gather(self, **more: Any) -> Seen:
        scenario = replace(SCENARIOS["1"], observe=self.observe, **more.pop("scenario", {}))
        return gather(self.lab, self.observed, scenario=scenario, settings=self.settings, folder=self.folder, **more)

    @property
    def files(self) -> set[str]:
        return {str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file()}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    return scripted(tmp_path, monkeypatch)


def scripted(folder: Path, monkeypatch: pytest.MonkeyPatch, letter: str = "c") -> Script:
    made = Script(folder, letter)
    real = verdict.validate

    def validate(*arguments: Any, **more: Any) -> Any:
        made.did.append(
            f"judged with {more['clock_error_ms']:g} ms, {', '.join(sorted(more['tolerated'])) or 'strictly'}"
        )
        return real(*arguments, **more)

    def collect(*_: object) -> dict[str, int]:
        made.did.append("metrics")
        return {"up": 2, "errors": 1}

    def describe(*_: object) -> dict[str, str]:
        made.did.append("versions")
        return {"kubernetes": "v1"}

    monkeypatch.setattr(records, "export", made.export)
    monkeypatch.setattr(verdict, "validate", validate)
    monkeypatch.setattr(metrics, "collect", collect)
    monkeypatch.setattr(environment, "describe", describe)
    monkeypatch.setattr(
        dead_letters, "keep", lambda *_, **__: made.did.append(f"dead letters beside {len(made.files)} logs")
    )
    return made


def test_what_a_run_cannot_be_without_comes_first_and_what_it_was_judged_by_last(script: Script) -> None:
    seen = script.gather()
    assert script.did == [
        "copying the record logs",
        "records of producer-0",
        "records of blue-0",
        "records of green-0",
        "validating",
        "judged with 0 ms, strictly",
        "log of kafka-0",
        "log of controller-0",
        "log of blue-0",
        "log of green-0",
        "metrics and versions",
        "metrics",
        "versions",
        "the scenario's own",
    ]
    assert script.files == {
        f"logs/{PRODUCED}/{PRODUCER}.jsonl.zst",
        f"logs/{CONSUMED}/blue-0.a.jsonl.zst",
        f"logs/{CONSUMED}/green-0.b.jsonl.zst",
        "validator.json",
        "kafka.log.zst",
        "controller.log.zst",
        "blue-0.log.zst",
        "green-0.log.zst",
        "switches.json",
        "lag.json.zst",
        "offsets.json",
        "own.json",
        "observed.json",
    }
    assert json.loads((script.folder / "own.json").read_text()) == [4]
    kept = json.loads((script.folder / "observed.json").read_text())
    assert kept["measured"] == seen.measured
    assert (seen.judged.verdict, seen.judged.acked, seen.switches, seen.environment) == (
        "pass",
        4,
        [SWITCH],
        {"kubernetes": "v1"},
    )
    told = {"rebalances": 1, "rebalances_unknown": None, "lag_samples_failed": 2, "metrics_series": 3, "own": 1}
    assert seen.measured.items() >= told.items()
    assert DUAL_ACTIVE_ALERTS not in seen.measured


def test_a_process_that_worked_and_left_no_log_ends_it_before_anything_is_judged(script: Script) -> None:
    script.lab.lag.worked.append("blue-1.c")
    with pytest.raises(CollectionError, match=r"no consumed log of blue-1\.c"):
        script.gather()
    assert "validating" not in script.did
    assert not (script.folder / "observed.json").exists()


def test_logs_that_cannot_be_judged_end_it_before_anything_else_is_asked_for(script: Script) -> None:
    (lines,) = LOGS["producer-0"].values()
    script.logs["producer-0"] = {f"{PRODUCED}/{PRODUCER}.jsonl.zst": lines[1:]}
    with pytest.raises(CollectionError, match="cannot be judged"):
        script.gather()
    assert script.did[-2:] == ["validating", "judged with 0 ms, strictly"]
    assert not (script.folder / "observed.json").exists()


def test_what_the_scenario_tolerates_excuses_nothing_that_was_not_judged(script: Script) -> None:
    """Its line at 2.5 s comes after one at 3 s, and record 0 is handled twice."""
    back = [handled("green", 8, 2, 3), handled("green", 8, 3, 2.5)]
    script.logs["green-0"] = {f"{CONSUMED}/green-0.b.jsonl.zst": back}
    twice = [handled("blue", 6, 0, 1), handled("blue", 6, 0, 1), handled("blue", 6, 1, 2)]
    script.logs["blue-0"] = {f"{CONSUMED}/blue-0.a.jsonl.zst": twice}
    with pytest.raises(CollectionError, match="a clock went back 1 time"):
        script.gather(scenario={"tolerated": frozenset({"duplicate"})})
    assert script.did[-1] == "judged with 0 ms, duplicate"
    seen = script.gather()  # where it is not tolerated, it fails whatever else there is
    assert (seen.judged.failing, len(seen.judged.unjudged)) == (("duplicate",), 1)


def test_a_broker_that_is_gone_leaves_the_rebalances_unknown_and_the_run_its_result(script: Script) -> None:
    script.platform.observe([], 1.0)
    seen = script.gather()
    assert seen.measured["rebalances"] is None
    assert seen.measured["rebalances_unknown"] == "kafka-0 (UID uid-kafka-0) is gone, and its log with it"
    assert (script.folder / "observed.json").exists()


def test_a_pods_log_that_is_gone_is_named_unless_the_log_store_had_it(
    script: Script,
) -> None:
    script.history.observe([script.pod("blue-7", "consumer"), script.pod("blue-8", "consumer")], 0.0)
    script.history.observe([], 1.0)
    script.silent = frozenset({"green-0"})
    seen = script.gather(recovered={"blue-8 (UID uid-blue-8): gone"})
    assert seen.measured["logs_not_whole"] == "blue-7 (UID uid-blue-7): gone; green-0: the container is gone"


def test_an_api_server_that_refuses_a_log_of_a_broker_that_is_there_ends_it(script: Script) -> None:
    script.silent = frozenset({"kafka-0"})
    with pytest.raises(ClusterError, match="the container is gone"):
        script.gather()
    assert not (script.folder / "observed.json").exists()


def test_what_was_alerted_is_measured(script: Script) -> None:
    seen = script.gather(alert_section={"error": "vmalert is away"})
    assert seen.measured.items() >= {"alerts_fired": None, DUAL_ACTIVE_ALERTS: None}.items()


def test_clocks_that_nobody_knows_are_not_told(script: Script) -> None:
    script.observed = replace(script.observed, clocks=None)
    seen = script.gather()
    assert (seen.clocks, seen.measured["clock_error_ms"]) == (None, None)


def test_dead_letters_are_added_to_the_logs_before_they_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(tmp_path, monkeypatch, "e")
    script.pods = {script.lab.parts.recorder.app: ["blue-0", "green-0"]}
    script.gather()
    assert script.did.index("dead letters beside 3 logs") < script.did.index("validating")


def test_a_gap_may_be_below_0_by_as_much_as_its_lines_were_seen_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Green's first line bears a time before blue's last, by less than a recorder sees lines late."""
    script = scripted(tmp_path, monkeypatch, "e")
    script.pods = {script.lab.parts.recorder.app: ["blue-0", "green-0"]}
    early = [handled("green", 8, 2, 1.99), handled("green", 8, 3, 3)]
    script.logs["green-0"] = {f"{CONSUMED}/green-0.b.jsonl.zst": early}
    script.lab.notes.switches = [replace(SWITCH, last=replace(LAST, epoch=8))]

    def wrong(late: float) -> set[str]:
        script.observed = replace(script.observed, recorded=Times(late, 0, 0))
        result = conclude(SUBJECT, script.gather(), SCENARIOS["1"].judge)
        assert result.switches[0].gap_seconds == pytest.approx(-0.01)
        return {one.name for one in result.criteria if not one.passed} & {"times_not_negative", "dual_active"}

    assert wrong(0.012) == set()
    assert script.did.count("judged with 12 ms, duplicate") == 1
    assert wrong(0.008) == {"times_not_negative", "dual_active"}


@pytest.mark.parametrize(
    ("clocks", "recorded", "expected"),
    [(None, None, 0.0), (CLOCKS, None, 0.05), (None, TIMES, 0.012), (CLOCKS, TIMES, 0.062)],
)
def test_nodes_that_are_apart_and_lines_that_are_seen_late_add_up(
    clocks: Clocks | None, recorded: Times | None, expected: float
) -> None:
    assert clock_error(clocks, recorded) == pytest.approx(expected)


def test_what_the_recorders_missed_is_named() -> None:
    assert of_recorders(TIMES) == {
        "recorded_late_ms_max": 12.0,
        "recorded_unknown_lines": 3,
        "recorded_torn_lines": 1,
        "recorders_restarted": "recorder-blue-0",
    }


def test_what_cannot_be_judged_is_in_the_result_by_name() -> None:
    assert not_judged({}) == {}
    told = str(not_judged(connectors.UNJUDGED)["not_judged"])
    assert all(f"{name}: " in told for name in connectors.UNJUDGED)
