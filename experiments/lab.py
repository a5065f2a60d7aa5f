"""The system under test during one run: what a scenario may do to it, and what is written down of it.

A scenario says what happens and in which order; how it happens, and that it is waited for and noted, stands here.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.names import COLORS, Color
from components.settings import StrategySettings
from components.strategies.parts import Part, Parts, numbers
from experiments import by_hand
from experiments.clocks import Clocks
from experiments.cluster import Cluster, LiveSwitch, Objects, Pod
from experiments.commands import of_this_command
from experiments.disturbance import Disturbance, in_background
from experiments.errors import DeadlineError, PreconditionError
from experiments.guard import SWITCH, Guard, Key
from experiments.lag import Lag
from experiments.measurements import SwitchRecord, other
from experiments.preflight import strategy_settings_of
from experiments.processes import LocalProcesses
from experiments.producer import Producer
from experiments.progress import Progress
from experiments.results import Measured
from experiments.stacks import Stack, Update

_SETTLE_SECONDS = 60.0
_ASSIGNED_SECONDS = 120.0
_PODS_SECONDS = 180.0
_CAUGHT_UP_SECONDS = 120.0
_SPELL_DEADLINE_SECONDS = 60.0


@dataclass
class Notes:
    """What a scenario has done so far."""

    switches: list[SwitchRecord] = field(default_factory=list)
    rollbacks: list[SwitchRecord] = field(default_factory=list)
    spells: int = 0
    spells_asked: int = 0
    scaled_down: Color | None = None
    """The colour that is away just now."""
    scale_down_seconds: float | None = None
    came_back_handled: int | None = None
    """Records that the colour that had been away handled after it was back, without having been granted anything."""
    scale_down_window: tuple[float, float] | None = None
    """Wall clock seconds from the beginning of the scale down until the old colour was back."""
    measured: dict[str, Measured] = field(default_factory=dict)
    """What a scenario measured itself, for the result."""
    tables: dict[str, Any] = field(default_factory=dict)
    """What a scenario leaves in the run's folder, as `<name>.json`."""


class Lab:
    """The deployed strategy stack and its neighbours.

    More than a dozen attributes: one for each neighbour, because a scenario's words are about all of them.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        stack: Stack,
        settings: StrategySettings,
        parts: Parts,
        producer: Producer,
        lag: Lag,
        progress: Progress,
        guard: Guard,
        spell_seconds: float,
    ) -> None:
        self.cluster = cluster
        self.stack = stack
        self.settings = settings
        self.parts = parts
        self.producer = producer
        self.lag = lag
        self.progress = progress
        self.guard = guard
        self.clocks: Clocks | None = None
        """How far this machine's clock and the cluster's are apart, once that was measured."""
        local, work = LocalProcesses(stack.name), parts.at_work
        self.disturbance = Disturbance(cluster, stack.name, parts.members, local, stack.wait_switching, at_work=work)
        self.notes = Notes()
        self._spell_seconds = spell_seconds
        self.sizes: dict[Color, int] = {}  # as the sets were seen, where an update may not have come to its end
        self.active: Color = settings.active

    @property
    def namespace(self) -> str:
        return self.stack.name

    @property
    def whole(self) -> dict[Color, int]:
        """The pods at work that each colour has when both are there."""
        return self.sizes or {"blue": self.settings.replicas, "green": self.settings.replicas}

    @property
    def clock_offset(self) -> float:
        """By how many seconds the cluster's clock is ahead of this machine's, as far as it was measured."""
        return self.clocks.offset if self.clocks else 0.0

    def pod(self, color: Color, number: int) -> str:
        """The name of a pod at work."""
        return self.parts.at_work.pod(color, number)

    def sized(self, color: Color) -> Key:
        """The object that says how many pods at work a colour has."""
        return self.parts.at_work.kind.kind, self.parts.at_work.object(color)

    def resize(self, color: Color, replicas: int) -> None:
        """Give a colour another number of pods at work, by hand; returns when the API server has it.

        Raises ByHandError.
        """
        part = self.parts.at_work
        by_hand.scale(self.namespace, part.kind.named(part.object(color)), replicas)

    # Waiting for a state

    def wait_pods(self, replicas: Mapping[Color, int], parts: Iterable[Part] | None = None) -> None:
        """Wait until each colour has exactly this many pods at work, and whatever else belongs to it, all Ready.

        parts: only these of it. Raises DeadlineError.
        """
        chosen = self.parts.all if parts is None else tuple(parts)
        wanted = {(part.app, name): n for part in chosen for name, n in part.wanted(replicas).items()}

        def missing(objects: Objects) -> str | None:
            pods = [Pod.of(raw) for raw in objects.values()]
            found = []
            for (app, name), number in wanted.items():
                own = [pod for pod in pods if pod.app == app and pod.name.rpartition("-")[0] == name]
                ready = sum(pod.ready and not pod.terminating for pod in own)
                if ready != number or len(own) != number:
                    there = f", {len(own)} there" if len(own) != number else ""
                    found.append(f"{name} {ready} of {number} ready{there}")
            return "; ".join(found) or None

        path = f"/api/v1/namespaces/{self.namespace}/pods"
        self.cluster.wait(
            path,
            [],
            missing,
            "the pods of the colours to be Ready",
            _PODS_SECONDS,
            on_change=self.progress.update,
        )

    def wait_steady(self) -> LiveSwitch:
        """Wait until the colour asked for, and it alone, holds the grant and the switch has settled.

        Raises DeadlineError.
        """

        def missing(switch: LiveSwitch) -> str | None:
            if switch.wanted != self.active:
                return f"{switch.describe()} (this run asked for {self.active})"
            return None if switch.steady else switch.describe()

        return self.cluster.wait_switch(
            self.namespace, missing, f"{self.active} to be active and settled", _SETTLE_SECONDS
        )

    def wait_assigned(self, color: Color, seconds: float = _ASSIGNED_SECONDS) -> None:
        """Wait until a colour that is a member of a group of its own owns all partitions there. Raises DeadlineError.

        Pods that are Ready may own a part only: a group whose members were replaced is rebalanced, which by KIP-848
        takes a heartbeat of each (`group.consumer.heartbeat.interval.ms`, 5 s) and more.
        """

        def missing(switch: LiveSwitch) -> str | None:
            none = _unassigned(switch.raw, color)
            return f"partitions {none} are nobody's" if none else None

        self.cluster.wait_switch(self.namespace, missing, f"{color} to own all partitions of its group", seconds)

    def preconditions(self) -> None:
        """The plan's: all pods Ready, the configured colour active, lag 0. Raises an ExperimentError that says what is
        not so.

        Lag 0 under a running flow means: every partition's position has reached the end offset that was read before, by
        an owner of the active colour. What was produced since is the flow's own, and no more.
        """
        self.wait_pods(numbers(self.settings))
        switch = self.wait_steady()
        self.progress.say(f"{switch.active} is active and settled, epoch {switch.epoch}; all configured pods are Ready")
        if numbers(self.settings)[other(self.active)]:
            self.wait_assigned(other(self.active))
        seconds = self.lag.wait_caught_up(_CAUGHT_UP_SECONDS, self.active)
        self.progress.say(f"lag 0: {self.active} reached the end offsets read {seconds:.1f} s before")
        strangers = sorted(self.lag.owners() - {self.active})
        if strangers:
            raise PreconditionError(
                f"{', '.join(strangers)} reports owning partitions although {self.active} is active"
            )

    # What a scenario does

    def switch(
        self,
        *,
        rollback: bool = False,
        reshapes: bool = False,
        during: Callable[[Disturbance], None] | None = None,
        **changes: object,
    ) -> SwitchRecord:
        """Change the active colour by configuration and `up`, and note it. A switch that failed is a result, not an
        error.

        during: what is done to the system while the update goes on. changes: further keys of the configuration;
        reshapes: they change the colours' sets of pods, which they do not otherwise. Raises ForeignChangeError if the
        switch that is there afterwards is not this command's, or anything else was changed by somebody else.
        """
        source, target = self.active, other(self.active)
        before = self.guard.check()[SWITCH].generation
        self.stack.configuration.set(active=target, **changes)
        if during is None:
            update = self.stack.up()
        else:
            with in_background(self.stack.up) as pending:
                during(self.disturbance)
            update = pending.update
        after = self.guard.check({SWITCH: 1, **(self._sets if reshapes else {})})[SWITCH].generation
        live, earliest = self.cluster.switch(self.namespace), self.earliest(update.commanded_at)
        record = SwitchRecord(
            source=source,
            target=target,
            commanded_at=update.commanded_at,
            up_seconds=update.seconds,
            last=None
            if before == after
            else of_this_command(live, source, target, before=before or 0, generation=after, earliest=earliest),
            error=update.error,
        )
        self.note(record, rollback=rollback, live=live)
        if reshapes and update.error is None:
            self._reshaped()
        return record

    def reshape(self, **changes: object) -> Update:
        """Make the pair of something else by configuration and `up`, with the same colour active. A change that failed
        is a result, not an error. Raises ForeignChangeError, DeadlineError.
        """
        self.guard.check()
        self.stack.configuration.set(**changes)
        update = self.stack.up()
        self.guard.check({SWITCH: 1, **self._sets})
        if update.error is None:
            self._reshaped()
        return update

    def stay(self) -> Update:
        """Ask for the colour that is active, as a user does after a switch that failed. Raises ForeignChangeError."""
        self.guard.check()
        self.stack.configuration.set(active=self.active)
        update = self.stack.up()
        self.guard.check({SWITCH: 1})
        return update

    @property
    def _sets(self) -> dict[Key, int]:
        """What says how many pods the colours have and what is in them: each may be written once by an update."""
        found: dict[Key, int] = {}
        for part in self.parts.all:
            for color in COLORS:
                found[part.kind.kind, part.object(color)] = found["ConfigMap", part.object(color)] = 1
        connectors = self.parts.connectors
        if connectors is not None and connectors.by_resource:  # it has as many tasks as the colour has workers
            found |= {(connectors.resources.kind, connectors.names[color]): 1 for color in COLORS}
        return found

    def _reshaped(self) -> None:
        """The pair is as its configuration has it now."""
        self.settings = strategy_settings_of(self.stack.configuration)
        self.lag.of_partitions(self.settings.partitions)
        self.wait_pods(numbers(self.settings))

    def note(self, record: SwitchRecord, *, rollback: bool = False, live: LiveSwitch | None = None) -> None:
        """Write a switch down, and look who is active now (in `live`, if it was read after the switch)."""
        active = (live or self.cluster.switch(self.namespace)).active
        if active in COLORS:
            self.active = "blue" if active == "blue" else "green"
        self.notes.switches.append(record)
        if rollback:
            self.notes.rollbacks.append(record)

    def earliest(self, commanded_at: float) -> float | None:
        """The cluster's time before which nothing of a command can have begun. None while the clocks are unknown."""
        return None if self.clocks is None else commanded_at + self.clocks.offset - self.clocks.error

    def spell(self) -> bool:
        """Let the active colour work for a while, until it has handled records on every partition.

        Notes whether it did.
        """
        self.notes.spells_asked += 1
        begun = time.monotonic()
        try:
            self.wait_steady()
            self.lag.wait_flow(_SPELL_DEADLINE_SECONDS, self.active)
        except DeadlineError as error:
            self.progress.say(f"  not on all partitions: {error}")
            return False
        rest = self._spell_seconds - (time.monotonic() - begun)
        if rest > 0:
            # The flow between two switches is part of what is measured: there is nothing to watch for.
            time.sleep(rest)
        self.notes.spells += 1
        return True

    def scale_down_and_back(self) -> None:
        """The plan's last step of a normal switch.

        Take the old colour's pods at work away, see that nothing misses them, bring them back, and see that they stand
        by: nobody has granted them anything. Raises PreconditionError where the colours share their pods.
        """
        old, replicas = other(self.active), self.settings.replicas
        name = self.parts.at_work.object(old)
        if self.parts.at_work.shared:
            raise PreconditionError(
                f"both colours have the pods of {name}, so one colour's cannot be taken away; "
                "run this scenario with pods for each"
            )
        begun = time.time()
        self.notes.scaled_down = old
        self._scale(old, 0)
        self.notes.scale_down_seconds = time.time() - begun
        self.progress.say(f"{name} scaled down in {self.notes.scale_down_seconds:.1f} s")
        self.spell()
        self._scale(old, replicas)
        self.notes.scaled_down = None
        self.notes.scale_down_window = (begun, time.time())
        self.progress.say(f"{name} is back with {replicas} pods")
        before = self.lag.handled(old)
        self.spell()
        self.notes.came_back_handled = self.lag.handled(old) - before

    def deploy(self, color: Color, **changes: object) -> float:
        """Give a colour that is configured to have none its pods at work, with further changes of its own, such as
        another version; returns the seconds until all of them are Ready, and could be switched to.

        Everything of that colour may change by it, so the guard begins anew. Raises PreconditionError if it fails.
        """
        self.guard.check()
        begun = time.monotonic()
        self.stack.configuration.set(**{color: {"replicas": self.settings.replicas, **changes}})
        update = self.stack.up()
        if update.error is not None:
            raise PreconditionError(f"deploying {color} failed:\n{update.error}")
        self.wait_pods({color: self.settings.replicas})
        self.wait_assigned(color)
        self.guard.begin()
        return time.monotonic() - begun

    def restore_replicas(self) -> None:
        """Bring back the colour that is away. Fine if none is."""
        if self.notes.scaled_down is not None:
            self._scale(self.notes.scaled_down, self.settings.replicas)
            self.notes.scaled_down = None

    def _scale(self, color: Color, replicas: int) -> None:
        self.guard.check()
        self.stack.configuration.set(**{color: {"replicas": replicas}})
        update = self.stack.up()
        # The number of a colour's pods stands in its sets and in the switch, and in nothing else.
        self.guard.check({SWITCH: 1, **{(part.kind.kind, part.object(color)): 1 for part in self.parts.all}})
        if update.error is not None:
            raise PreconditionError(f"scaling {self.parts.at_work.object(color)} to {replicas} failed:\n{update.error}")
        self.wait_pods({color: replicas})

    # What was seen

    def report(self, number: int, of: int, record: SwitchRecord) -> None:
        """One line for one switch."""
        last = record.last
        seconds = "-" if record.switch_seconds is None else f"{record.switch_seconds:.2f} s"
        handoff = "-" if last is None or last.handoff_seconds is None else f"{last.handoff_seconds * 1000:.0f} ms"
        text = f"switch {number}/{of}: {record.source} -> {record.target} {record.outcome}: switch {seconds}"
        text += f", up {record.up_seconds:.2f} s, hand-off {handoff}"
        if samples := self.lag.samples:
            text += f", lag {samples[-1].total}"
        self.progress.say(text)
        if not record.switched:
            reason = (last.reason if last else "") or record.error or "no reason given"
            self.progress.say(f"  {reason}")


def _unassigned(switch: Mapping[str, Any], color: Color) -> list[int]:
    """Partitions that no member of a colour reports to own, where a colour that waits has to own all of them."""
    if switch["spec"].get("standby") != "Assigned":
        return []
    members = switch.get("status", {}).get("members", [])
    owned = {p for member in members if member["color"] == color for p in member.get("partitions", [])}
    return sorted(set(range(switch["spec"]["partitions"])) - owned)
