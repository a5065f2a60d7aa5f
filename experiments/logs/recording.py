"""What a run keeps of what was said: the table's answers of before the scenario, and of the scenario."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.names import KAFKA, NAME_LABEL, PLATFORM_NAMESPACE
from components.settings.models import ConsumerColorSettings
from experiments.cluster import Cluster, ClusterError
from experiments.lab import Lab
from experiments.logs.broker_logger import telling_of_commits
from experiments.logs.items import ITEMS, Situation
from experiments.logs.queries import NAMESPACE_FIELD, POD_FIELD, Place, anomalies, judged, place_of, query, span
from experiments.logs.store import LogStore, Writer, last_lines
from experiments.measurements import SwitchRecord
from experiments.moments import moment
from experiments.pod_history import Life
from experiments.records import write_compressed

#: How long before the scenario is looked at.
BEFORE_SECONDS = 60.0
#: A quiet file is looked at every ten seconds by the collector, and sent within one.
_ARRIVAL_SECONDS = 30.0

#: What `result.json` has of it.
Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """A run's hold on the log store. before: what was said until the scenario began."""

    store: LogStore
    cluster: Cluster
    lab: Lab
    place: Place
    commits_told: bool
    before: Section

    def section(self, since: float, until: float) -> Section:
        """What a result says: the answers of before, and those of a span in seconds since 1970 by this machine's clock.
        Waits until the store has what had been said until now. What cannot be had is said in it; raises nothing.
        """
        lab, settings = self.lab, self.lab.settings
        since, until = since + lab.clock_offset, until + lab.clock_offset
        moved = [switch for switch in lab.notes.switches if _moved(switch)]
        workers = settings.replicas
        members = 1 if self.place.of_connectors else workers
        with lab.progress.step("asking the log store"):
            try:
                late = self.store.wait_for(self._last_lines(since), _ARRIVAL_SECONDS)
                version = self.store.version()
            except ClusterError as error:
                return {"error": str(error)}
            after = _asked(
                self.store, self.place, since, until, Situation(len(moved), members, workers), ours=_ours(lab)
            )
        return {
            "store": f"VictoriaLogs {version}",
            "offset_commits_told": self.commits_told,
            "not_arrived": late,
            "before": self.before,
            "after": after,
        }

    def keep_gone(self, lives: Iterable[Life], since: float, folder: Path) -> list[Life]:
        """Keep what pods that are gone by now said since a moment, as `<pod>.<UID>.jsonl.zst`: the kubelet has nothing
        of them any more. Gives those of which there was something.
        """
        kept = []
        for life in lives:
            if life.gone_at is None:
                continue
            whose = f'{span(since, life.gone_at)} {{"{POD_FIELD}"="{life.name}"}}'
            try:
                said = self.store.lines(f'{whose} "{NAMESPACE_FIELD}":="{self.place.namespace}" | sort by (_time)')
            except ClusterError:
                continue  # then it is said that it is gone
            if said.strip():
                write_compressed(folder / f"{life.name}.{life.uid}.jsonl.zst", said)
                kept.append(life)
        return kept

    def _last_lines(self, since: float) -> dict[Writer, float]:
        pods = [(self.place.namespace, pod) for pod in self.cluster.pods(self.place.namespace)]
        pods += [(PLATFORM_NAMESPACE, pod) for pod in self.cluster.pods(PLATFORM_NAMESPACE, f"{NAME_LABEL}={KAFKA}")]
        told = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return last_lines(self.cluster, [(where, pod.name, pod.images) for where, pod in pods], told)


@contextmanager
def recording(cluster: Cluster, lab: Lab) -> Iterator[Recording | None]:
    """Record what is said meanwhile, if the platform has a log store; None if it has not, or cannot be asked."""
    try:
        store = LogStore.found(cluster)
    except ClusterError as error:
        lab.progress.say(f"no log store is asked: {error}")
        store = None
    if store is None:
        yield None
        return
    with telling_of_commits(lab.namespace, lab.progress) as told:
        place = place_of(lab.namespace, cluster.switch(lab.namespace).groups.values(), lab.parts)
        now = time.time()
        before = _asked(store, place, now - BEFORE_SECONDS, now, None, ours=_ours(lab))
        for what in anomalies(before["items"]):
            lab.progress.say(f"not normal in the logs of the last minute: {what}")
        yield Recording(store, cluster, lab, place, told, before)


def _asked(store: LogStore, place: Place, since: float, until: float, now: Situation | None, *, ours: bool) -> Section:
    """The answers of a span, item by item; `error` in place of one that could not be had."""
    items: Section = {}
    for item in ITEMS:
        try:
            items[item.key] = judged(item, place, store.ask(query(item, place, since, until)), now, ours=ours)
        except ClusterError as error:
            items[item.key] = {"lines": None, "bad": None, "normal": None, "error": str(error)}
    return {"from": moment(since), "to": moment(until), "items": items}


def _ours(lab: Lab) -> bool:
    """Whether both colours run this project's own application."""
    colors = (lab.settings.blue, lab.settings.green)
    return all(not isinstance(own, ConsumerColorSettings) or own.application is None for own in colors)


def _moved(switch: SwitchRecord) -> bool:
    """Whether the grant was moved: all but a switch that was refused before it was begun, or that nobody saw."""
    return switch.outcome not in {"Refused", "NotSeen"}
