"""What was alerted of a stack while a run went on: from the series `ALERTS` that vmalert leaves in the metrics store.

That nothing is there says something only if somebody looked. So vmalert's own count of evaluations is taken before and
after: one that was away, began anew or fell behind has not seen the run, and then it is not known what was alerted.
"""

import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from components.names import ALERTS, ALERTS_PORT, LOG_ALERTS, METRICS, METRICS_PORT, PLATFORM_NAMESPACE
from components.observability.rules import DUAL_ACTIVE, INTERVAL_SECONDS
from experiments.cluster import Cluster, ClusterError
from experiments.criteria import ALERTS_FIRED, DUAL_ACTIVE_ALERTS
from experiments.moments import moment
from experiments.progress import Progress
from experiments.results import Measured

#: What `result.json` has of it.
Section = dict[str, Any]

_FIRING = 'ALERTS{{namespace="{}",alertstate="firing"}}'
# An alert that is raised leaves a value at each evaluation; one that was missed does not end it.
_APART_SECONDS = 3.0 * INTERVAL_SECONDS
# Of the evaluations that there should have been, those that have to be: a busy machine is late now and then.
_LEAST_SHARE = 0.8
_AGAIN_SECONDS = 0.5
_ARRIVAL_SECONDS = 4.0 * INTERVAL_SECONDS
_COUNT = re.compile(r"^vmalert_iteration_total\{[^}]*\} (\d+(?:\.\d+)?)$", re.MULTILINE)
_VERSION = re.compile(r'^vm_app_version\{version="[^"]*", short_version="([^"]*)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Raised:
    """One alert that was raised, for a time, in seconds since 1970: of the first and the last evaluation."""

    alert: str
    severity: str
    since: float
    until: float


class Evaluator:
    """The platform's vmalert: one whose rules are on metrics, and where there is a log store one more, on log lines.

    services: of those that there are.
    """

    def __init__(self, cluster: Cluster, services: Sequence[str] = (ALERTS,)) -> None:
        self._cluster = cluster
        self._services = services

    @classmethod
    def found(cls, cluster: Cluster) -> "Evaluator | None":
        """It, if the platform has one. Raises ClusterError if that cannot be known."""
        services = [name for name in (ALERTS, LOG_ALERTS) if _is_there(cluster, name)]
        return cls(cluster, services) if services else None

    def evaluations(self) -> tuple[int, str]:
        """How often the rules were evaluated since it began, those that were least often, and its release. Raises
        ClusterError.
        """
        said = self._asked("/metrics")
        each = [[float(found[1]) for found in _COUNT.finditer(text)] for text in said]
        if not all(each):
            raise ClusterError("vmalert says nothing of its evaluations (vmalert_iteration_total)")
        version = _VERSION.search(said[0])
        return int(min(map(min, each))), version[1] if version else ""

    def rules(self) -> dict[str, str]:
        """What is wrong with each rule, by its name; empty for one that was evaluated. Raises ClusterError."""
        try:
            groups = [group for text in self._asked("/api/v1/rules") for group in json.loads(text)["data"]["groups"]]
            return {rule["name"]: str(rule.get("lastError") or "") for group in groups for rule in group["rules"]}
        except (KeyError, TypeError, ValueError) as error:
            raise ClusterError(f"vmalert's answer about its rules is none: {error!r}") from None

    def raised(self, namespace: str, since: float, until: float) -> list[Raised]:
        """What was raised of a stack in a span, in seconds since 1970; the oldest first. Raises ClusterError."""
        # Values as they were written: a query would fill the time between them with the ones before.
        query = [("match[]", _FIRING.format(namespace)), ("start", f"{since:.3f}"), ("end", f"{until:.3f}")]
        body = self._cluster.through_service(PLATFORM_NAMESPACE, METRICS, METRICS_PORT, "/api/v1/export", query=query)
        try:
            return raised_in(json.loads(line) for line in body.decode().splitlines() if line.strip())
        except (KeyError, TypeError, ValueError) as error:
            raise ClusterError(f"the metrics store's answer about alerts is none: {error!r}") from None

    def _asked(self, path: str) -> list[str]:
        """What each answers."""
        return [
            self._cluster.through_service(PLATFORM_NAMESPACE, service, ALERTS_PORT, path).decode()
            for service in self._services
        ]


def _is_there(cluster: Cluster, service: str) -> bool:
    try:
        cluster.get(f"/api/v1/namespaces/{PLATFORM_NAMESPACE}/services/{service}")
    except ClusterError as error:
        if error.not_found:
            return False
        raise
    return True


def raised_in(series: Iterable[dict[str, Any]]) -> list[Raised]:
    """From exported series: each run of values is one time that an alert was raised; a value that is none ends it."""
    found = []
    for one in series:
        name, severity = str(one["metric"]["alertname"]), str(one["metric"].get("severity", ""))
        times: list[float] = []
        for value, at in zip(one["values"], one["timestamps"], strict=True):
            there = value is not None and not math.isnan(float(value)) and float(value) > 0
            if times and (not there or at / 1000 - times[-1] > _APART_SECONDS):
                found.append(Raised(name, severity, times[0], times[-1]))
                times = []
            if there:
                times.append(at / 1000)
        if times:
            found.append(Raised(name, severity, times[0], times[-1]))
    return sorted(found, key=lambda raised: (raised.since, raised.alert))


@dataclass(frozen=True, slots=True)
class Watch:
    """A run's hold on the alerts. evaluated, version: as it began; why: the reason if that could not be known."""

    evaluator: Evaluator
    began: float
    evaluated: int | None
    version: str
    why: str = ""

    def section(self, namespace: str, since: float, until: float) -> Section:
        """What a result says of a span, in seconds since 1970 by the cluster's clock. Waits for an evaluation that was
        after it. What cannot be had is said in it, as `error`; raises nothing.
        """
        try:
            evaluated = self._evaluated()
            rules = self.evaluator.rules()
            raised = self.evaluator.raised(namespace, since, until)
        except ClusterError as error:
            return {"error": str(error)}
        span = {"from": moment(since), "to": moment(until), "vmalert": self.version, "rules": sorted(rules)}
        fired = [{**asdict(one), "since": moment(one.since), "until": moment(one.until)} for one in raised]
        section: Section = {**span, "evaluations": evaluated, "fired": fired}
        if broken := sorted(f"{name}: {wrong}" for name, wrong in rules.items() if wrong):
            section["error"] = "; ".join(broken)
        elif self.evaluated is None:
            section["error"] = self.why
        elif (should := (time.time() - self.began) / INTERVAL_SECONDS * _LEAST_SHARE) > evaluated:
            section["error"] = f"vmalert evaluated its rules {evaluated} times, and should have {should:.0f} at least"
        return section

    def _evaluated(self) -> int:
        """How many evaluations there have been since it began, one of them from now on. Raises ClusterError."""
        first, _ = self.evaluator.evaluations()
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while (now := self.evaluator.evaluations()[0]) < first + 2:  # one may have been under way
            if time.monotonic() > deadline:
                raise ClusterError(f"vmalert did not evaluate its rules within {_ARRIVAL_SECONDS:g} s after the run")
            time.sleep(_AGAIN_SECONDS)
        return now - (self.evaluated or 0)


@contextmanager
def watched(cluster: Cluster, progress: Progress) -> Iterator[Watch | None]:
    """Have what is alerted meanwhile known, if the platform has alerts; None if it has not."""
    try:
        evaluator = Evaluator.found(cluster)
    except ClusterError as error:
        progress.say(f"whether the platform has alerts is not known: {error}")
        evaluator = None
    if evaluator is None:
        yield None
        return
    try:
        count, version = evaluator.evaluations()
        watch = Watch(evaluator, time.time(), count, version)
    except ClusterError as error:
        watch = Watch(evaluator, time.time(), None, "", str(error))
    yield watch  # behind the `try`: what goes wrong in the block is none of its errors


def measured(section: Section | None) -> dict[str, Measured]:
    """What is judged of it: how many were raised and which, and how many of both colours at once, with their rule there
    to raise them; None if that is not known. Nothing without alerts.
    """
    if section is None:
        return {}
    if "error" in section:
        return {ALERTS_FIRED: None, DUAL_ACTIVE_ALERTS: None}
    fired = section["fired"]
    both = sum(one["alert"] == DUAL_ACTIVE for one in fired) if DUAL_ACTIVE in section["rules"] else None
    return {ALERTS_FIRED: told(fired), DUAL_ACTIVE_ALERTS: both}


def told(fired: Sequence[dict[str, Any]]) -> Measured:
    """0, or how many and which."""
    names = sorted({str(one["alert"]) for one in fired})
    return f"{len(fired)}: {', '.join(names)}" if fired else 0
