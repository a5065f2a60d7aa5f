"""The controller's metrics: how long switches took and how they ended, who is active, which phase holds."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import HistogramMetricFamily, Metric

from workloads.common.lease import Grant
from workloads.common.metrics import Buckets, Families
from workloads.common.states import Color, Outcome, Phase
from workloads.controller.history import Switching
from workloads.controller.stages import Stages
from workloads.controller.terms import Member

SECONDS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_DIRECTIONS = tuple(f"{color}-{color.other}" for color in Color)
#: The outcomes whose durations are there, with 0, before the first of them: who reads only how much a count has grown
#: does not see one that begins with 1.
_USUAL = (Outcome.SWITCHED, Outcome.ROLLED_BACK)
WRITE_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)


class Telemetry:
    """Filled by the controller's loop, read by scrapes."""

    def __init__(self) -> None:
        self.lease_write = Buckets(WRITE_SECONDS)
        self.generation = 0
        self._durations = {(way, str(end)): Buckets(SECONDS) for way in _DIRECTIONS for end in _USUAL}
        self._handoffs: dict[tuple[str, str], Buckets] = {}
        self._outcomes = {(way, str(end)): 0 for way in _DIRECTIONS for end in Outcome}
        self._stages = Stages()
        self._pods: dict[tuple[str, str], int] = {}
        self._grant: Grant | None = None
        self._phase: Phase | None = None
        self._ready = False
        self._strategy = ""

    def stands(
        self, grant: Grant | None, phase: Phase, strategy: str, *, ready: bool, members: Iterable[Member]
    ) -> None:
        """Where things stand now."""
        self._grant, self._phase, self._strategy, self._ready = grant, phase, strategy, ready
        self._stages.stands(phase)
        self._pods = _pods(tuple(members))

    @property
    def worker(self) -> Color | None:
        """Who holds the grant, or held it last; None before anybody did, as far as is known here."""
        grant = self._grant
        return None if grant is None else grant.holder or grant.last_holder

    def ended(self, switching: Switching, seconds: float | None) -> None:
        """A switch has ended; seconds: from the first sight of its generation, None when that was not seen."""
        if not switching.moves:
            return
        labels = (f"{switching.origin}-{switching.target}", str(switching.outcome))
        self._outcomes[labels] = self._outcomes.get(labels, 0) + 1
        if seconds is not None:
            self._durations.setdefault(labels, Buckets(SECONDS)).observe(seconds)
        if switching.handoff is not None:
            self._handoffs.setdefault(labels, Buckets(SECONDS)).observe(switching.handoff)

    def metrics(self, pod: str, writes: dict[str, int]) -> Iterator[Metric]:
        """What a scrape reads. writes: by kind, besides the Lease's."""
        common = {"strategy": self._strategy, "pod": pod}
        make = Families(**common)
        grant, phase = self._grant, self._phase
        yield make.gauges(
            "bg_active_color",
            "1 for the colour that holds the grant",
            ["color"],
            [((color,), float(grant is not None and grant.holder is color)) for color in Color],
        )
        yield make.gauges(
            "bg_switch_phase", "1 for the phase that holds", ["phase"], [((p,), float(p is phase)) for p in Phase]
        )
        yield from self._stages.metrics(make)
        yield make.gauges("bg_pods", "Pods that report on a colour", ["color", "condition"], list(self._pods.items()))
        yield make.gauge(
            "bg_switch_ready", "1 while the colour asked for is at work, whole and alone", float(self._ready)
        )
        yield make.gauge("bg_switch_epoch", "Epoch of the grant", grant.epoch if grant else 0)
        yield make.gauge("bg_switch_generation", "Generation of the switch that was seen last", self.generation)
        yield make.counters(
            "bg_switches_total", "Switches that have ended", ["direction", "outcome"], list(self._outcomes.items())
        )
        yield make.histogram("bg_lease_write_seconds", "Time of an accepted write of the Lease", self.lease_write)
        yield make.counters(
            "bg_controller_writes_total", "Writes besides the Lease", ["kind"], [((k,), n) for k, n in writes.items()]
        )
        yield _histogram(
            "bg_switch_duration_seconds", "First sight of the generation to its outcome", common, self._durations
        )
        yield _histogram(
            "bg_switch_handoff_seconds", "Generation seen (or lag met) to all members ACTIVE", common, self._handoffs
        )


def _pods(members: tuple[Member, ...]) -> dict[tuple[str, str], int]:
    """(colour, condition) -> pods; 0 too is told."""
    found: dict[tuple[str, str], int] = {}
    for color in Color:
        own = [member for member in members if member.color is color]
        found[color, "Running"] = sum(member.running for member in own)
        found[color, "Ready"] = sum(member.ready for member in own)
    return found


def _histogram(
    name: str, text: str, common: dict[str, str], by_labels: dict[tuple[str, str], Buckets]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=[*common, "direction", "outcome"])
    for labels, buckets in list(by_labels.items()):
        family.add_metric([*common.values(), *labels], buckets.cumulative(), sum_value=buckets.sum)
    return family
