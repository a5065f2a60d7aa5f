"""What the end-to-end tests do to deployed stacks: bring them up and switch them as a user does, judge the logs, and
take them away.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.names import CONTROLLER, NAME_LABEL
from experiments import collection, recorders, verdict
from experiments.cluster import Cluster, ClusterError, LiveSwitch, Pod
from experiments.disturbance import in_background
from experiments.gathering import clock_error
from experiments.interrupts import Interrupts
from experiments.lab import Lab
from experiments.measurements import Verdict
from experiments.preflight import only_one, strategy_settings_of
from experiments.processes import LocalProcesses
from experiments.progress import Progress
from experiments.recorders import Recorded
from experiments.records import EVENTS, by_process
from experiments.session import lab_of
from experiments.stacks import Configuration, Stack, Update
from tests.support.cluster_use import shared
from tests.support.engine import Project
from tests.support.interruptions import interruptions
from tests.support.waiting import until

SETTLE_SECONDS = 90.0
# Records that a member has handled and not committed, at most: at 100/s, of a commit each second and one that is late.
_UNCOMMITTED = 200


@dataclass(frozen=True)
class Ground:
    """What the stacks of these tests stand on: the platform, which is up, and where its brokers are.

    folder: for what the tests leave. passing: stacks that are taken away at the end, all at the same time.
    """

    project: Project
    cluster: Cluster
    platform: Stack
    bootstrap: str
    interrupts: Interrupts
    progress: Progress
    folder: Path
    passing: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def standing(self, name: str, **settings: Any) -> Iterator["Field"]:
        """A strategy's stack, up with these settings: all pods Ready, blue active. No run uses it within the block."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        with only_one(name):
            configuration = Configuration(self.project.folder, name, folder / f"Pulumi.{name}.yaml")
            configuration.share_salt(self.platform.configuration)
            stack = Stack(self.project.folder, configuration, self.interrupts, self.progress)
            attempt = self._attempt(name)
            configuration.set(active="blue", attempt=attempt, allowInPlace=True, **settings)
            stack.prepare(lambda: None)
            configuration.put_back("allowInPlace")
            lab = lab_of(
                self.cluster,
                stack,
                strategy_settings_of(configuration),
                bootstrap=self.bootstrap,
                progress=self.progress,
                spell_seconds=0.0,
            )
            field = Field(lab, folder, attempt)
            field.wait_ready_pods()
            try:
                yield field
            finally:
                lab.lag.close()

    def beside(self, strategy: str, what: str = "beside") -> str:
        """The name of a further stack of a strategy, with a topic of its own: the one that is checked in is other
        tests', which run at the same time.
        """
        name = f"strategy-{strategy}-{what}"
        settings = {"strategy": strategy, "active": "blue", "topic": f"bluegreen-{strategy}-{what}"}
        lines = [f"  kafka-bluegreen:{key}: {value}\n" for key, value in settings.items()]
        (self.project.folder / "stacks" / f"Pulumi.{name}.yaml").write_text("".join(["config:\n", *lines]))
        return name

    def _attempt(self, name: str) -> int:
        """One that the stack has not had yet: what failed is asked for again."""
        try:
            return int(self.cluster.switch(name).raw["spec"].get("attempt", 1)) + 1
        except ClusterError as error:
            if error.not_found:
                return 1
            raise

    def clear(self) -> None:
        """Take the passing stacks away, and all that they deployed."""
        if self.passing:
            with shared(), ThreadPoolExecutor(len(self.passing)) as pool:
                list(pool.map(lambda name: self.project.stack(name).destroy(remove=True), sorted(self.passing)))


@dataclass(frozen=True)
class Begun:
    """The beginning of what is judged: the producer's name, the time in nanoseconds, what the recorders said."""

    producer: str
    since_ns: int
    recorded: list[Recorded]


@dataclass
class Field:
    """One deployed stack, whatever its strategy. attempt: the newest one that was asked for."""

    lab: Lab
    folder: Path
    attempt: int

    @property
    def cluster(self) -> Cluster:
        return self.lab.cluster

    @property
    def stack(self) -> Stack:
        return self.lab.stack

    @property
    def namespace(self) -> str:
        return self.lab.namespace

    @property
    def processes(self) -> LocalProcesses:
        return self.lab.disturbance.processes

    # -- reading

    def switch(self) -> LiveSwitch:
        return self.cluster.switch(self.namespace)

    def lease(self) -> dict[str, Any]:
        return self.cluster.lease(self.namespace)

    def holder(self) -> str:
        return str(self.lease()["spec"].get("holderIdentity") or "")

    def pods(self, color: str) -> list[Pod]:
        """The pods that report on a colour."""
        selector = self.lab.parts.members.selector
        return [pod for pod in self.cluster.pods(self.namespace, selector) if pod.color == color]

    def uids(self, color: str) -> dict[str, str]:
        """Of these pods, by name."""
        return {pod.name: pod.uid for pod in self.pods(color)}

    def controller_pod(self) -> str:
        return self.cluster.running(self.namespace, CONTROLLER)

    def wait_settled(self, seconds: float = SETTLE_SECONDS) -> LiveSwitch:
        """Until the newest generation has its outcome and a colour holds the grant."""
        return self.cluster.wait_switch(
            self.namespace,
            lambda s: None if s.holds(s.settled) and s.active else s.describe(),
            "the switch to settle",
            seconds,
        )

    def wait_ready_pods(self) -> None:
        """Until both colours are whole."""
        self.lab.wait_pods(self.lab.whole)

    def renew_controller(self) -> None:
        """A new pod for a controller that was killed: kubelet waits ever longer before it starts a container again."""
        for pod in self.cluster.pods(self.namespace, f"{NAME_LABEL}={CONTROLLER}"):
            if pod.restarts and not pod.terminating:
                self.cluster.delete_pod(self.namespace, pod.name)

    # -- switching, as a user does

    def up(self, active: str, **changes: Any) -> Update:
        """`pulumi up` with this colour, as a new attempt; returns when Pulumi does."""
        self.attempt += 1
        self.stack.configuration.set(active=active, attempt=self.attempt, **changes)
        return self.stack.up()

    @contextlib.contextmanager
    def updating(self, active: str) -> Iterator[list[Update]]:
        """`pulumi up` in the background of the block; afterwards the list holds its Update."""
        ended: list[Update] = []
        with in_background(lambda: self.up(active)) as pending:
            yield ended
        ended.append(pending.update)

    def steady(self, active: str = "blue") -> None:
        """Everybody is there, and `active` is."""
        self.renew_controller()
        self.wait_ready_pods()
        if self.wait_settled().active != active or self.switch().wanted != active:
            update = self.up(active)
            assert update.error is None, update.error
        until(f"{active} to hold the grant", lambda: self.holder() == active)

    # -- judging

    def begin(self) -> Begun:
        """From here on it is judged what happens, by the record logs of a producer of its own."""
        since_ns = time.time_ns()
        producer = self.lab.producer.renew().name
        self.lab.lag.wait_caught_up(60)
        return Begun(producer, since_ns, self._recorded())

    def judge(self, begun: Begun, name: str) -> "Judged":
        """Everything that happened since, judged under a name that nothing else was judged under."""
        self.wait_ready_pods()
        active = self.wait_settled().active
        self.lab.producer.silence()
        self.lab.lag.wait_caught_up(90, active)
        recorded = recorders.times(begun.recorded, self._recorded(begun.recorded))
        assert not recorded.unknown, f"{self.namespace}: nobody knows how late {recorded.unknown} lines were seen"
        self.lab.producer.renew()
        logs = self.folder / name
        collection.record_logs(
            self.cluster,
            self.namespace,
            writers=self.lab.parts.writers,
            producers=[begun.producer],
            since_ns=begun.since_ns,
            scratch=self.folder,
            target=logs,
        )
        clock_error_ms = clock_error(None, recorded) * 1000
        target = self.folder / f"{name}.json"
        found = verdict.validate(logs, [begun.producer], target, clock_error_ms=clock_error_ms, tolerated={"duplicate"})
        events = ({**event, "pod": process} for process, event in by_process(logs, EVENTS))
        return Judged(found, list(interruptions(events)))

    def _recorded(self, since: Sequence[Recorded] = ()) -> list[Recorded]:
        """What every recorder says now, and since then; nothing where the members write down what they handle."""
        return recorders.every(self.cluster, self.namespace, self.lab.parts.recorder, since)


@dataclass(frozen=True)
class Judged:
    """The validator's verdict, and what took members out of their work meanwhile."""

    verdict: Verdict
    interruptions: list[str]


@contextlib.contextmanager
def judging(name: str, *fields: Field, duplicates: int = 0) -> Iterator[None]:
    """Blue is active on these stacks, and everything that the block lets happen there is judged at its end.

    duplicates: how many records may have been handled once more than needed, if nothing interrupts a member: what that
    may repeat is what it had not committed.
    """
    for each in fields:
        each.steady("blue")
    begun = [each.begin() for each in fields]
    yield
    judged = [each.judge(since, name) for each, since in zip(fields, begun, strict=True)]
    for each, found in zip(fields, judged, strict=True):
        assert_nothing_wrong(each.namespace, found, duplicates)


def held(field: Field, phase: str) -> contextlib.AbstractContextManager[None]:
    """The switch from blue to green is in `phase` within the block, and goes on after it."""
    return field.lab.disturbance.held(phase, "blue", "green")


def assert_nothing_wrong(stack: str, judged: Judged, duplicates: int = 0) -> None:
    """No anomaly but up to so many duplicates, and what interruptions explain; and the run saw traffic at all."""
    verdict, interrupted = judged.verdict, judged.interruptions
    assert verdict.acked > 100, f"{stack}: too little traffic to say anything"
    wrong = {kind: n for kind, n in verdict.anomalies.items() if n and kind != "duplicate"}
    assert not wrong, f"{stack}: anomalies {wrong} in {verdict.acked} acknowledged records; {interrupted}"
    found, allowed = verdict.anomalies["duplicate"], duplicates + _UNCOMMITTED * len(interrupted)
    assert found <= allowed, f"{stack}: {found} duplicates, at most {allowed}; {interrupted}"
