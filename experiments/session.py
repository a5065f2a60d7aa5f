"""One run's hold on the system: both stacks prepared, the scenario measured, and everything given back."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.names import COLORS, PLATFORM_NAMESPACE
from components.settings import StackName, StrategySettings
from components.strategies.base import strategy
from components.strategies.parts import Parts, numbers
from experiments import clocks, own_pair, preflight, recorders
from experiments.clocks import Clocks
from experiments.cluster import Cluster, ClusterError
from experiments.connect import Connect
from experiments.errors import ExperimentError, PreconditionError
from experiments.guard import Guard, writers_of
from experiments.interrupts import Interrupted, Interrupts
from experiments.lab import Lab
from experiments.lag import EndOffsets, Lag
from experiments.measurements import ProducerSeen
from experiments.options import Options
from experiments.platform import KAFKA_CONFIG, Platform
from experiments.pod_history import PodHistory, PodWatch
from experiments.positions import Groups, OfGroups, OfMembers, Positions
from experiments.producer import CONTAINER, POD, Counts, Producer, producers_since
from experiments.progress import Progress
from experiments.recorders import Recorded, Times
from experiments.stacks import Configuration, Stack

_DRAIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed while the scenario went on, before anything was collected. Times in seconds since 1970, but
    for `since_ns`, the producer's own time at its beginning in nanoseconds.
    """

    started: float
    finished: float
    since_ns: int
    producers: Sequence[str]
    producer: ProducerSeen
    produced_rate: float | None
    clocks: Clocks | None
    pods: PodHistory
    platform_pods: PodHistory
    groups: frozenset[str]
    recorded: Times | None
    """How far the times of recorded lines may be believed; None where members write down what they handle."""


def lab_of(
    cluster: Cluster,
    stack: Stack,
    settings: StrategySettings,
    *,
    bootstrap: str,
    progress: Progress,
    spell_seconds: float,
) -> Lab:
    """What a scenario works with, on a strategy's stack that is up: what its strategy says of it, put together.

    bootstrap: where the brokers are.
    """
    name = StackName(stack.name)
    parts = strategy(settings.strategy).parts(settings, name)
    ends = EndOffsets(
        stack.name, POD, CONTAINER, bootstrap=bootstrap, topic=settings.topic, partitions=settings.partitions
    )
    connectors = parts.connectors
    return Lab(
        cluster=cluster,
        stack=stack,
        settings=settings,
        parts=parts,
        producer=Producer(cluster, stack.name, progress),
        lag=Lag(_positions(cluster, name, settings, parts, bootstrap), ends, settings.partitions),
        progress=progress,
        guard=Guard(
            cluster,
            stack.name,
            [*parts.kinds, *([connectors.resources] if connectors and connectors.by_resource else [])],
            writers_of(settings, connectors),
        ),
        spell_seconds=spell_seconds,
    )


def groups_of(stack: StackName, settings: StrategySettings, bootstrap: str) -> Groups:
    """The consumer groups of a stack's colours, to be asked of the brokers."""
    return Groups(
        stack.name,
        POD,
        CONTAINER,
        bootstrap=bootstrap,
        topic=settings.topic,
        partitions=settings.partitions,
        groups=strategy(settings.strategy).groups(stack),
    )


def _positions(
    cluster: Cluster, stack: StackName, settings: StrategySettings, parts: Parts, bootstrap: str
) -> Positions:
    """Where the colours are, from where the strategy says that positions come."""
    if strategy(settings.strategy).positions == "Members" or parts.recorder is None:
        return OfMembers(cluster, stack.name, parts.members)
    return OfGroups(cluster, stack.name, parts.recorder, groups_of(stack, settings, bootstrap))


class Session:
    """The stacks of one run, with this run's configuration."""

    def __init__(
        self,
        options: Options,
        cluster: Cluster,
        folder: Path,
        *,
        repository: Path,
        interrupts: Interrupts,
        progress: Progress,
    ) -> None:
        self._options = options
        self._cluster = cluster
        self._repository = repository
        self._interrupts = interrupts
        self._progress = progress
        file = folder / f"Pulumi.{options.stack}.yaml"
        self._configuration = Configuration(repository, options.stack, file, like=options.standing)
        self._configuration.set(**{"strategy": options.strategy, **options.scenario.configured(options.strategy)})
        self._configuration.set(**options.overrides)
        if options.own:
            topic = preflight.strategy_settings_of(self._configuration).topic
            self._configuration.set(topic=f"{topic}-{options.own}")
        self.settings: StrategySettings = preflight.strategy_settings_of(self._configuration)
        self.parts: Parts = preflight.pair_for(options.scenario, self.settings, options.stack).parts
        own: dict[str, Any] = {KAFKA_CONFIG: dict(options.kafka_config)} if options.kafka_config else {}
        own.update(dict.fromkeys(options.extras, True))
        self._platform = Platform(repository, folder, {**options.scenario.platform, **own}, interrupts, progress)
        self._stack: Stack | None = None

    @property
    def namespace(self) -> str:
        return self._options.stack

    # Before

    def prepare(self) -> Lab:
        """Both stacks as configured, whatever was there before; returns what a scenario works with."""
        bootstrap = self._platform.prepare()
        self._configuration.share_salt(self._platform.configuration)
        self._ask_again_for_what_failed()
        if self._options.own and own_pair.is_left(self._cluster, self.namespace):
            own_pair.take_away(self._made(), "", self._progress)
        self._stack = stack = self._made()
        # What runs is what is checked out, in both colours, before anything is measured.
        self._configuration.set(allowInPlace=True)
        stack.prepare(self._drifted)
        self._configuration.put_back("allowInPlace")
        return lab_of(
            self._cluster,
            stack,
            self.settings,
            bootstrap=bootstrap,
            progress=self._progress,
            spell_seconds=self._options.spell_seconds,
        )

    def _made(self) -> Stack:
        """The stack of this run, created if it is missing."""
        return Stack(self._repository, self._configuration, self._interrupts, self._progress)

    def _ask_again_for_what_failed(self) -> None:
        """A generation that has an outcome is not tried again.

        If the colour wanted is the one that failed, a new attempt asks for it.
        """
        with suppress(ClusterError):
            live = self._cluster.switch(self.namespace)
            if live.wanted == self.settings.active != live.active and live.holds(live.settled):
                self._configuration.set(attempt=int(live.raw["spec"].get("attempt", 1)) + 1)

    def _drifted(self) -> str | None:
        """What of the live objects is not as configured. None if they are not there: then `up` has said why."""
        try:
            live = self._cluster.switch(self.namespace)
        except ClusterError as error:
            if error.not_found:
                return None
            raise
        if live.wanted != self.settings.active:
            return f"the live KafkaConsumerSwitch asks for {live.wanted}, not for {self.settings.active}"
        if self.settings.scaling is not None:
            return None  # the numbers are the scaler's
        part, wanted = self.parts.at_work, numbers(self.settings)
        for name in dict.fromkeys(part.object(color) for color in COLORS):
            number = max(wanted[color] for color in COLORS if part.object(color) == name)
            try:
                raw = self._cluster.get(part.kind.path(self.namespace, name))
            except ClusterError as error:
                if not error.not_found:
                    raise
                return f"there is no {part.kind.kind} {name}"
            replicas = raw["spec"]["replicas"]
            if replicas != number:
                return f"the live {part.kind.kind} {name} has {replicas} replicas, not {number}"
        return None

    # During

    def measure(self, lab: Lab) -> Observed:
        """Carry out the scenario, and everything that is watched meanwhile. Raises an ExperimentError where the system
        is not as the plan wants it at the beginning, or somebody else changes it.
        """
        lab.wait_pods(numbers(self.settings))
        with self._progress.step("a fresh producer"):
            name = lab.producer.renew().name
            since_ns = lab.producer.clock()
        rate = lab.producer.measure_rate(self.settings.rate)
        self._progress.say(f"producer {name} keeps {rate:.1f} records/s")
        lab.preconditions()
        lab.clocks = clocks.read(self._cluster, self.namespace, self.parts.all)
        self._progress.say(_clocks_line(lab.clocks))
        groups = self._groups(lab)
        before = self._recorded()
        watches = [PodWatch(self._cluster, namespace) for namespace in (self.namespace, PLATFORM_NAMESPACE)]
        lab.guard.begin()
        for watch in watches:
            watch.start()
        try:
            lab.lag.start()
            first, started = lab.producer.counts(), time.time()
            scenario = self._options.scenario
            what = f"scenario {scenario.name}, {scenario.title}: {self._options.switches} switches"
            with self._progress.step(what):
                scenario.perform(lab, self._options.switches)
            last, finished = lab.producer.counts(), time.time()
            lab.guard.check()
            with self._progress.step("rate 0, waiting for lag 0"):
                silent = lab.producer.silence()
                lab.lag.wait_caught_up(_DRAIN_SECONDS, lab.active)
            # The last records are handled, and judged, under what was measured.
            lab.guard.check()
            lab.lag.stop()
            lab.lag.close()
            pods, platform_pods = (watch.stop() for watch in watches)
        except BaseException:
            for watch in watches:
                watch.abandon()
            raise
        recorded = None if self.parts.recorder is None else recorders.times(before, self._recorded(before))
        after = clocks.read(self._cluster, self.namespace, self.parts.all)
        with self._progress.step("ending the producer"):
            closing = lab.producer.renew().name
        logs = lab.producer.logs()
        producers = producers_since(logs, since_ns, besides=[closing])
        seen = ProducerSeen(
            restarted=_others(name, [first, last, silent], producers, pods),
            acked=silent.acked if silent.name == name else None,
            without_end=[one for one in producers if not logs[one].ended],
        )
        self._put_rate_back(lab)
        return Observed(
            started=started,
            finished=finished,
            since_ns=since_ns,
            producers=producers or [name],
            producer=seen,
            produced_rate=_rate(first, last),
            clocks=clocks.worst([lab.clocks, after]),
            pods=pods,
            platform_pods=platform_pods,
            groups=groups,
            recorded=recorded,
        )

    def _groups(self, lab: Lab) -> frozenset[str]:
        """The consumer groups of both colours. Raises PreconditionError if a connector's configuration makes another
        one than the switch says.
        """
        said = self._cluster.switch(self.namespace).groups
        if self.parts.connectors is not None and self.parts.workers is not None:
            connect = Connect(self._cluster, self.namespace, self.parts.connectors, self.parts.workers)
            own = connect.group(lab.active)
            if own != said.get(lab.active):
                raise PreconditionError(
                    f"connector {connect.name(lab.active)} is in consumer group {own}, and the switch says "
                    f"{said.get(lab.active)}; the protocol owns the group: take it out of the connector's configuration"
                )
        return frozenset(said.values())

    def _recorded(self, since: Sequence[Recorded] = ()) -> list[Recorded]:
        """What every recorder says now, and since then. Raises ExperimentError when one does not answer."""
        return recorders.every(self._cluster, self.namespace, self.parts.recorder, since)

    def _put_rate_back(self, lab: Lab) -> None:
        """A new process begins at the configured rate; whatever was asked of the one before ended with it."""
        if lab.producer.rate() != self.settings.rate:
            lab.producer.set_rate(self.settings.rate)

    # When it ends early

    def tidy_up(self, lab: Lab) -> None:
        """Give the system back as the next run, or its user, wants it.

        The flow on, both colours there. What fails here the next run repairs.
        """
        with self._interrupts.shielded():
            self._progress.say(
                "ending early: putting the producer's rate and the replicas back "
                "(Ctrl-C again leaves that to the next run)"
            )
            lab.lag.stop()
            lab.lag.close()
            with suppress(ExperimentError):
                lab.producer.set_rate(self.settings.rate)
            if not self._interrupts.hurried:
                with suppress(ExperimentError):
                    lab.restore_replicas()

    def put_back(self) -> None:
        """Bring the stack to what its file in stacks/ says again, so that nobody's next preview shows what this run
        asked for; take away one that was made for it. Raises nothing, and says what cannot be put back: what would
        restart the active colour's pods is refused.
        """
        if self._interrupts.hurried:
            return
        try:
            self._put_stack_back()
        finally:
            self._platform.put_back()

    def _put_stack_back(self) -> None:
        if self._stack is None:
            return
        if self._options.own:
            with suppress(Interrupted), self._interrupts.shielded():
                try:
                    own_pair.take_away(self._stack, self.settings.topic, self._progress)
                except ExperimentError as error:
                    self._progress.say(str(error))
            return
        with TemporaryDirectory() as folder, suppress(Interrupted, ExperimentError), self._interrupts.shielded():
            file = Path(folder) / f"Pulumi.{self.namespace}.yaml"
            before = Configuration(self._repository, self.namespace, file)
            before.share_salt(self._configuration)
            left, wanted = (preflight.strategy_settings_of(one) for one in (self._configuration, before))
            for _ in range(_updates(left, wanted)):
                with self._progress.step(f"pulumi up, stack {self.namespace}, as stacks/ has it"):
                    update = self._stack.up(before)
                if update.error is not None:
                    self._progress.say(f"stack {self.namespace} is not as stacks/ has it:\n{update.error}")
                    return


def _updates(left: StrategySettings, wanted: StrategySettings) -> int:
    """How many updates bring a stack from the one to the other: what was at work until a switch keeps its image, and
    follows with the update after it.
    """
    if _effective(left) == _effective(wanted):
        return 0
    behind = left.active != wanted.active and left.color(left.active).image != wanted.color(left.active).image
    return 2 if behind else 1


def _effective(settings: StrategySettings) -> dict[str, object]:
    """What settings come to: a number of pods that is spelled out is the same as the common one."""
    told = settings.model_dump(exclude={"allow_in_place"})
    return told | {color: told[color] | {"replicas": settings.replicas_of(color)} for color in COLORS}


def _clocks_line(found: Clocks | None) -> str:
    if found is None:
        return "no workload tells its time: how far the clocks are apart is unknown"
    text = f"the cluster's clock is {found.offset * 1000:+.1f} ms from this machine's, ±{found.error * 1000:.1f} ms"
    return text if found.nodes == 1 else f"{text}; {found.nodes} nodes, {found.between_nodes_ms:.1f} ms apart at most"


def _rate(first: Counts, last: Counts) -> float | None:
    """Acknowledged records per second between two counts. None if they are of two processes."""
    return (last.acked - first.acked) / (last.at - first.at) if first.name == last.name else None


def _others(name: str, counts: Sequence[Counts], producers: Sequence[str], pods: PodHistory) -> list[str]:
    """Every producer of the span but `name`, by what it said, what it wrote, and what became of its pod."""
    found = {one for one in [*(count.name for count in counts), *producers] if one != name}
    if not found:
        # Whoever was started again and wrote nothing since has no name that is known.
        lives = pods.of(CONTAINER)
        found |= {f"{life.name}, {life.restarts} times" for life in lives if life.restarts}
        found |= {f"{life.name}, a new pod" for life in lives[1:]}
    return sorted(found)
