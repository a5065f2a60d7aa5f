"""One run, from nothing to its result: the order of things, and what is put right when it ends early."""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from components.names import (
    COLORS,
    CONSUMER,
    CONTROLLER,
    KAFKA,
    PLATFORM_NAMESPACE,
    PLATFORM_STACK,
    consumer_set,
)
from components.settings import (
    PlatformSettings,
    SettingsError,
    StackName,
    StrategySettings,
    platform_settings,
    strategy_settings,
)
from experiments import broker_log, criteria, environment, metrics, records, verdict
from experiments.cluster import CONSUMERS, Cluster, ClusterError
from experiments.criteria import Observations, lag_limit
from experiments.errors import ExperimentError, PreflightError
from experiments.interrupts import Interrupts
from experiments.lab import Lab
from experiments.lag import EndOffsets, Lag
from experiments.measurements import LagSample, SwitchRecord, max_lag, recovery_seconds, results_of
from experiments.producer import CONTAINER, POD, Counts, Producer
from experiments.progress import Progress
from experiments.results import Measured, ResultFolder, RunResult, remove_abandoned
from experiments.scenarios import Scenario
from experiments.stacks import Configuration, Stack, require_programs

REPOSITORY = Path(__file__).resolve().parent.parent
_SANDBOX_ENVIRONMENT = 'eval "$(python -m tools.sandbox env)"'
_BOOTSTRAP_OUTPUT = "bootstrapServers"
_DRAIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. None: as the stack's configuration has it."""

    strategy: str
    scenario: Scenario
    switches: int
    out: Path
    command: str
    spell_seconds: float
    rate: int | None = None
    message_bytes: int | None = None
    partitions: int | None = None
    replicas: int | None = None
    membership: str | None = None
    group_protocol: str | None = None
    lag_policy: str | None = None

    @property
    def stack(self) -> str:
        return f"strategy-{self.strategy}"


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed while the scenario went on, before anything was collected."""

    producer: Counts
    started: float
    finished: float
    produced_rate: float
    restarts: int


def execute(options: Options, interrupts: Interrupts, progress: Progress) -> tuple[Path, RunResult]:
    """Carry out a run.

    Returns its folder and result. Raises ExperimentError if it could not be, Interrupted if it was ended.
    """
    cluster = preflight()
    options.out.mkdir(parents=True, exist_ok=True)
    with only_one(options.stack):
        for name in remove_abandoned(options.out):
            progress.say(f"removed what an unfinished run left: {name}")
        started = datetime.now(UTC)
        folder = ResultFolder(options.out, _run_name(options, started))
        try:
            result = _Run(
                options=options,
                cluster=cluster,
                folder=folder,
                interrupts=interrupts,
                progress=progress,
                started=started,
            ).go()
            return folder.commit(result), result
        except BaseException:
            folder.discard()
            raise


def preflight() -> Cluster:
    """What a run needs of its surroundings. Raises PreflightError with the command that provides what is missing."""
    require_programs()
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        raise PreflightError(f"KUBECONFIG is not set; run: {_SANDBOX_ENVIRONMENT}")
    if not all(Path(part).exists() for part in kubeconfig.split(os.pathsep) if part):
        raise PreflightError(
            f"KUBECONFIG names {kubeconfig}, which is not there; "
            f"run: python -m tools.sandbox up && {_SANDBOX_ENVIRONMENT}"
        )
    images = os.environ.get("KAFKA_BLUEGREEN_IMAGES")
    if images is not None and not Path(images).exists():
        raise PreflightError(
            f"KAFKA_BLUEGREEN_IMAGES names {images}, which is not there; run: python -m tools.sandbox images"
        )
    try:
        cluster = Cluster(kubeconfig)
    except ClusterError as error:
        raise PreflightError(str(error)) from error
    try:
        cluster.request("GET", "/version")
    except ClusterError as error:
        raise PreflightError(
            f"the cluster of {kubeconfig} does not answer; run: python -m tools.sandbox up\n  {error}"
        ) from error
    return cluster


@contextmanager
def only_one(stack: str) -> Iterator[None]:
    """Keep a second run off the same stack for the time of this one.

    The lock ends with the process, however that ends.
    """
    file = Path(tempfile.gettempdir()) / f"kafka-bluegreen-{os.getuid()}-{stack}.lock"
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreflightError(f"another run is using stack {stack} (lock {file}); wait for its end") from None
        yield


def _run_name(options: Options, started: datetime) -> str:
    return f"{started:%Y%m%dT%H%M%SZ}-{options.strategy}-{options.scenario.name}"


def _settings(configuration: Configuration) -> StrategySettings:
    try:
        return strategy_settings(configuration.raw(), configuration.stack)
    except SettingsError as error:
        raise PreflightError(str(error)) from error


def _platform_settings(configuration: Configuration) -> PlatformSettings:
    try:
        return platform_settings(configuration.raw())
    except SettingsError as error:
        raise PreflightError(str(error)) from error


class _Run:
    def __init__(
        self,
        *,
        options: Options,
        cluster: Cluster,
        folder: ResultFolder,
        interrupts: Interrupts,
        progress: Progress,
        started: datetime,
    ) -> None:
        self._options = options
        self._cluster = cluster
        self._folder = folder
        self._interrupts = interrupts
        self._progress = progress
        self._started = started
        self._namespace = options.stack
        self._group = StackName(options.stack).consumer_group
        self._configuration = Configuration(REPOSITORY, options.stack, folder.path / f"Pulumi.{options.stack}.yaml")
        self._configuration.set(
            strategy=options.strategy,
            rate=options.rate,
            messageBytes=options.message_bytes,
            partitions=options.partitions,
            replicas=options.replicas,
            membership=options.membership,
            groupProtocol=options.group_protocol,
            lagPolicy=options.lag_policy,
        )
        self._settings = _settings(self._configuration)
        self._platform = Configuration(REPOSITORY, PLATFORM_STACK, folder.path / f"Pulumi.{PLATFORM_STACK}.yaml")
        if _platform_settings(self._platform).platform == "sandbox" and not os.environ.get("KAFKA_BLUEGREEN_IMAGES"):
            raise PreflightError(f"KAFKA_BLUEGREEN_IMAGES is not set; run: {_SANDBOX_ENVIRONMENT}")

    def go(self) -> RunResult:
        stack, bootstrap = self._prepare()
        producer = Producer(self._cluster, self._namespace, self._progress)
        ends = EndOffsets(
            self._namespace,
            POD,
            CONTAINER,
            bootstrap=bootstrap,
            topic=self._settings.topic,
            partitions=self._settings.partitions,
        )
        lag = Lag(self._cluster, self._namespace, ends, self._settings.partitions)
        lab = Lab(
            cluster=self._cluster,
            stack=stack,
            settings=self._settings,
            producer=producer,
            lag=lag,
            progress=self._progress,
            spell_seconds=self._options.spell_seconds,
        )
        try:
            measured = self._measure(lab, ends)
            return self._conclude(lab, measured)
        except BaseException:
            self._tidy_up(lab, ends)
            raise

    # Before

    def _prepare(self) -> tuple[Stack, str]:
        """Both stacks as configured, whatever was there before; the strategy's stack and the broker's address."""
        platform = Stack(REPOSITORY, self._platform, self._interrupts, self._progress)
        platform.prepare(lambda: None)
        self._configuration.share_salt(self._platform)
        self._ask_again_for_what_failed()
        stack = Stack(REPOSITORY, self._configuration, self._interrupts, self._progress)
        stack.prepare(self._drifted)
        return stack, platform.output(_BOOTSTRAP_OUTPUT)

    def _ask_again_for_what_failed(self) -> None:
        """A generation that has an outcome is not tried again.

        If the colour wanted is the one that failed, a new attempt asks for it.
        """
        with suppress(ClusterError):
            live = self._cluster.switch(self._namespace)
            if live.wanted == self._settings.active != live.active and live.holds(live.settled):
                self._configuration.set(attempt=int(live.raw["spec"].get("attempt", 1)) + 1)

    def _drifted(self) -> str | None:
        """What of the live objects is not as configured. None if they are not there: then `up` has said why."""
        try:
            live = self._cluster.switch(self._namespace)
        except ClusterError as error:
            if error.not_found:
                return None
            raise
        if live.wanted != self._settings.active:
            return f"the live KafkaConsumerSwitch asks for {live.wanted}, not for {self._settings.active}"
        for color in COLORS:
            name = consumer_set(color)
            replicas = self._cluster.get(f"/apis/apps/v1/namespaces/{self._namespace}/statefulsets/{name}")["spec"][
                "replicas"
            ]
            wanted = self._settings.replicas_of("blue" if color == "blue" else "green")
            if replicas != wanted:
                return f"the live StatefulSet {name} has {replicas} replicas, not {wanted}"
        return None

    # During

    def _measure(self, lab: Lab, ends: EndOffsets) -> Observed:
        lab.wait_pods({"blue": self._settings.replicas, "green": self._settings.replicas})
        with self._progress.step("a fresh producer"):
            name = lab.producer.renew().name
        rate = lab.producer.measure_rate(self._settings.rate)
        self._progress.say(f"producer {name} keeps {rate:.1f} records/s")
        lab.preconditions()
        restarts = self._restarts()
        lab.lag.start()
        first, started = lab.producer.counts(), time.time()
        what = (
            f"scenario {self._options.scenario.name}, {self._options.scenario.title}: {self._options.switches} switches"
        )
        with self._progress.step(what):
            self._options.scenario.perform(lab, self._options.switches)
        last = lab.producer.counts()
        finished = time.time()
        with self._progress.step("rate 0, waiting for lag 0"):
            silent = lab.producer.silence()
            lab.lag.wait_caught_up(_DRAIN_SECONDS, lab.active)
        lab.lag.stop()
        ends.close()
        with self._progress.step("ending the producer"):
            lab.producer.renew()
        restarted = self._restarts() - restarts
        return Observed(silent, started, finished, (last.acked - first.acked) / (last.at - first.at), restarted)

    def _restarts(self) -> int:
        return sum(pod.restarts for pod in self._cluster.pods(self._namespace, CONSUMERS))

    # After

    def _conclude(self, lab: Lab, measured: Observed) -> RunResult:
        folder, name = self._folder.path, measured.producer.name
        logs = folder / "logs"
        with self._progress.step("copying the record logs"):
            self._collect_records(name, logs)
        with self._progress.step("validating"):
            judged = verdict.validate(logs, name, folder / "validator.json")
        group_events = self._collect_component_logs(measured)
        with self._progress.step("metrics and versions"):
            series = metrics.collect(self._cluster, self._namespace, measured.started, time.time(), folder / "metrics")
            found = environment.describe(self._cluster, self._namespace, self._settings, lab.stack.provider_versions())
        self._write_notes(lab)

        notes, samples = lab.notes, lab.lag.samples
        # What the scale down does to the lag is a criterion of its own, and not what a switch has to recover from.
        switching_ended = notes.scale_down_window[0] if notes.scale_down_window else measured.finished
        seen = Observations(
            strategy=self._options.strategy,
            rate=self._settings.rate,
            switches_asked=self._options.switches,
            switches=notes.switches,
            rollbacks=notes.rollbacks,
            anomalies=judged.anomalies,
            acked=judged.acked,
            verdict=judged.verdict,
            lag_recovery_seconds=_worst_recovery(
                notes.switches, samples, switching_ended, lag_limit(self._settings.rate)
            ),
            lag_after_rollback=_highest_after(notes.rollbacks, notes.switches, samples, measured.finished),
            produced_rate=measured.produced_rate,
            spells=notes.spells,
            spells_asked=notes.spells_asked,
            scaled_down_lag=max_lag(_between(samples, *notes.scale_down_window)) if notes.scale_down_window else None,
        )
        judgements = criteria.judge(self._options.scenario.name, seen)
        measurements: dict[str, Measured] = {
            "lost": judged.anomalies["lost"],
            "duplicates": judged.anomalies["duplicate"],
            "dual_active": judged.anomalies["dual_active"],
            "zombies": judged.anomalies["zombie"],
            "rebalances": group_events.rebalances,
            "static_members_replaced": group_events.replaced_static_members,
            "max_lag": max_lag(samples),
            "lag_recovery_seconds": seen.lag_recovery_seconds,
            "lag_samples": len(samples),
            "lag_samples_failed": lab.lag.failures,
            "rollback_seconds": max((r.switch_seconds or 0.0 for r in notes.rollbacks), default=None),
            "scale_down_seconds": notes.scale_down_seconds,
            "produced": judged.produced,
            "acked": judged.acked,
            "consumed": judged.consumed,
            "produced_rate": round(measured.produced_rate, 3),
            "container_restarts": measured.restarts,
            "metrics_series": sum(series.values()),
            "switches_asked": self._options.switches,
            "duration_seconds": round(measured.finished - measured.started, 3),
        }
        return RunResult(
            run=self._folder.final.name,
            strategy=self._options.strategy,
            scenario=self._options.scenario.name,
            membership=self._settings.membership,
            group_protocol=self._settings.group_protocol,
            started_at=self._started.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            passed=criteria.passed(judgements),
            criteria=judgements,
            switches=results_of(notes.switches, judged.handoffs),
            measurements=measurements,
            environment=found,
            command=self._options.command,
        )

    def _collect_records(self, producer: str, target: Path) -> None:
        since = str(int(self._started.timestamp() * 1e9))
        arguments = ["--producer", producer, "--since-ns", since]
        records.export(self._namespace, POD, CONTAINER, arguments, scratch=self._folder.path, target=target)
        for pod in self._cluster.pods(self._namespace, CONSUMERS):
            records.export(self._namespace, pod.name, CONSUMER, arguments, scratch=self._folder.path, target=target)

    def _collect_component_logs(self, measured: Observed) -> broker_log.GroupEvents:
        """Keep the broker's and the controller's log of the scenario; returns what the broker's says of the group."""
        # To the second before: the API takes the time in whole seconds, and the group was at rest then.
        since = datetime.fromtimestamp(int(measured.started), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = self._cluster.log(PLATFORM_NAMESPACE, f"{KAFKA}-0", since, container=KAFKA)
        records.write_compressed(self._folder.path / "kafka.log.zst", text.encode())
        for pod in self._cluster.pods(self._namespace, f"app.kubernetes.io/name={CONTROLLER}"):
            log = self._cluster.log(self._namespace, pod.name, since)
            records.write_compressed(self._folder.path / f"{CONTROLLER}.log.zst", log.encode())
        return broker_log.count(text.splitlines(), self._group)

    def _write_notes(self, lab: Lab) -> None:
        switches = [asdict(switch) for switch in lab.notes.switches]
        (self._folder.path / "switches.json").write_text(json.dumps(switches, indent=1) + "\n")
        samples = [asdict(sample) for sample in lab.lag.samples]
        records.write_compressed(self._folder.path / "lag.json.zst", json.dumps(samples).encode())

    # When it ends early

    def _tidy_up(self, lab: Lab, ends: EndOffsets) -> None:
        """Give the system back as the next run, or its user, wants it.

        The flow on, both colours there. What fails here the next run repairs.
        """
        with self._interrupts.shielded():
            self._progress.say(
                "ending early: putting the producer's rate and the replicas back "
                "(Ctrl-C again leaves that to the next run)"
            )
            lab.lag.stop()
            ends.close()
            with suppress(ExperimentError):
                lab.producer.set_rate(self._settings.rate)
            if not self._interrupts.hurried:
                with suppress(ExperimentError):
                    lab.restore_replicas()


def _between(samples: Sequence[LagSample], since: float, until: float) -> list[LagSample]:
    return [sample for sample in samples if since <= sample.at <= until]


def _windows(
    records_: Sequence[SwitchRecord], all_: Sequence[SwitchRecord], finished: float
) -> Iterator[tuple[float, float]]:
    """For each switch, from its new colour's being active until the next command (or the end)."""
    for record in records_:
        if record.last and record.last.active_at is not None:
            later = [other.commanded_at for other in all_ if other.commanded_at > record.commanded_at]
            yield record.last.active_at, min(later, default=finished)


def _worst_recovery(
    switches: Sequence[SwitchRecord], samples: Sequence[LagSample], finished: float, limit: int
) -> float | None:
    found = [recovery_seconds(samples, since, until, limit) for since, until in _windows(switches, switches, finished)]
    known = [seconds for seconds in found if seconds is not None]
    return max(known) if known and len(known) == len(found) == len(switches) else None


def _highest_after(
    rollbacks: Sequence[SwitchRecord], switches: Sequence[SwitchRecord], samples: Sequence[LagSample], finished: float
) -> int | None:
    found = [max_lag(_between(samples, since, until)) for since, until in _windows(rollbacks, switches, finished)]
    known = [lag for lag in found if lag is not None]
    return max(known) if known and len(known) == len(found) == len(rollbacks) else None
