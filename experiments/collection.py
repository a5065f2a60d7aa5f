"""What a run keeps when its measuring is done: the record logs, the components' logs, metrics and versions.

Everything is copied whole, or the run has no result; what cannot be had at all is named.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.names import CONTROLLER, KAFKA, NAME_LABEL, PLATFORM_NAMESPACE
from components.strategies.parts import Part
from experiments import broker_log, records
from experiments.broker_log import GroupEvents
from experiments.cluster import Cluster, ClusterError
from experiments.errors import CollectionError
from experiments.measurements import LagSample, SwitchRecord
from experiments.pod_history import Life, PodHistory
from experiments.producer import CONTAINER, POD

# Of one container's log. A Connect worker writes down all of a client's settings at every start of a task.
_LOG_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class BrokerSeen:
    """What the brokers' logs say of the groups. unread: logs that are gone, each with why; then `events` is too low."""

    events: GroupEvents
    unread: Sequence[str]

    @property
    def rebalances(self) -> int | None:
        """None if a part of the log is gone: what was in it nobody knows."""
        return None if self.unread else self.events.rebalances


def record_logs(
    cluster: Cluster,
    namespace: str,
    *,
    writers: Iterable[Part],
    producers: Sequence[str],
    since_ns: int,
    scratch: Path,
    target: Path,
) -> None:
    """Copy what these producers wrote and what was handled of it, and the events since a moment (nanoseconds).

    writers: the pods that have record logs besides the producer's.
    """
    arguments = [part for name in producers for part in ("--producer", name)]
    arguments += ["--since-ns", str(since_ns)]
    records.export(namespace, POD, CONTAINER, arguments, scratch=scratch, target=target)
    for part in writers:
        for pod in cluster.pods(namespace, part.selector):
            records.export(namespace, pod.name, part.program.container, arguments, scratch=scratch, target=target)


def require_logs_of(processes: Iterable[str], logs: Path) -> None:
    """Raise CollectionError naming the processes (`<pod>.<boot id>`) that handled records in the run, and
    whose log is not among those that were copied.
    """
    there = {file.name for file in (logs / records.CONSUMED).glob("*")}
    missing = missing_logs(processes, there)
    if missing:
        raise CollectionError(
            f"no consumed log of {', '.join(missing)}, seen to handle records in this run; "
            "are its pod and its volume still there?"
        )


def missing_logs(processes: Iterable[str], files: Collection[str]) -> list[str]:
    """The processes of which there is no file. A log may be in parts: `<process>.jsonl`, `<process>.0001.jsonl`, …"""
    return [process for process in processes if not any(file.startswith(f"{process}.") for file in files)]


def broker_logs(
    cluster: Cluster, history: PodHistory, *, since: float, groups: Iterable[str], folder: Path
) -> BrokerSeen:
    """Keep every broker's log of the span, that of the container before included, and count what concerns the groups.

    history: the platform's pods as they were watched. A log that is gone with its pod, or with a container that was
    started again more than once (kubelet keeps one), is named.
    """
    asked, wanted, brokers = _rfc_3339(since), list(groups), history.of(KAFKA)
    texts, unread = [], [] if brokers else ["no broker was seen"]
    for life in brokers:
        if life.gone_at is not None:
            unread.append(f"{life.name} (UID {life.uid}) is gone, and its log with it")
            continue
        restarts = life.restarts_of(KAFKA)
        if restarts > 1:
            unread.append(f"{life.name} was started again {restarts} times; the log of the last time but one is gone")
        for previous in (True, False) if restarts else (False,):
            text = _broker_log(cluster, life, asked, previous=previous)
            if text is None:
                unread.append(f"{life.name}: the log of the container before is gone")
                continue
            texts.append(text)
            name = f"{life.name}{'.previous' if previous else ''}"
            records.write_compressed(folder / f"{'kafka' if name == f'{KAFKA}-0' else name}.log.zst", text.encode())
    events = GroupEvents()
    for text in texts:
        for group in wanted:
            events += broker_log.count(text.splitlines(), group)
    return BrokerSeen(events, unread)


def kept_broker_log(folder: Path) -> str:
    """The brokers' logs that a run keeps in its folder, one after the other; empty if there are none."""
    return "".join(records.compressed_text(file) for file in sorted(folder.glob(f"{KAFKA}*.log.zst")))


def _broker_log(cluster: Cluster, life: Life, since: str, *, previous: bool) -> str | None:
    try:
        return cluster.log(PLATFORM_NAMESPACE, life.name, since, container=KAFKA, previous=previous)
    except ClusterError:
        if previous:
            return None
        raise


def controller_logs(cluster: Cluster, namespace: str, *, since: float, folder: Path) -> None:
    """Keep the controller's log of the span, that of the container before included."""
    for number, pod in enumerate(cluster.pods(namespace, f"{NAME_LABEL}={CONTROLLER}")):
        text = ""
        if pod.restarts:
            try:
                text = cluster.log(namespace, pod.name, _rfc_3339(since), previous=True)
            except ClusterError:
                text = ""
        text += cluster.log(namespace, pod.name, _rfc_3339(since))
        records.write_compressed(folder / f"{CONTROLLER}{f'.{number}' if number else ''}.log.zst", text.encode())


def pod_logs(
    cluster: Cluster, namespace: str, apps: Iterable[str], history: PodHistory, *, since: float, folder: Path
) -> list[str]:
    """Keep the logs of these workloads' pods of the span, that of the container before included, as `<pod>.log.zst`.

    Each is kept up to a size, so that a program that talks without end fills nobody's disk. Returns what is not whole,
    each with why: for people, nothing is judged by it.
    """
    asked, missing = _rfc_3339(since), []
    for app in apps:
        missing += [told_gone(life) for life in history.of(app) if life.gone_at is not None]
        for pod in cluster.pods(namespace, f"{NAME_LABEL}={app}"):
            life = history.lives.get(pod.uid)
            for container in pod.images:
                restarts = life.restarts_of(container) if life else pod.restarts_by_container[container]
                texts = []
                for previous in (True, False) if restarts else (False,):
                    try:
                        text = cluster.log(
                            namespace, pod.name, asked, container=container, previous=previous, most=_LOG_BYTES
                        )
                    except ClusterError as error:
                        missing.append(f"{pod.name}{', the container before' * previous}: {error}")
                        continue
                    if len(text.encode()) >= _LOG_BYTES:
                        missing.append(f"{pod.name}: more than {_LOG_BYTES} bytes")
                    texts.append(text)
                if restarts > 1:
                    missing.append(f"{pod.name}: started again {restarts} times, one log is kept of the time before")
                name = pod.name if len(pod.images) == 1 else f"{pod.name}.{container}"
                if texts:
                    records.write_compressed(folder / f"{name}.log.zst", "".join(texts).encode())
    return missing


def told_gone(life: Life) -> str:
    """How `pod_logs` says that a pod is gone, and its log with it."""
    return f"{life.name} (UID {life.uid}): gone"


def notes(switches: Sequence[SwitchRecord], samples: Sequence[LagSample], folder: Path) -> None:
    """Keep what the controller wrote of each switch, and the samples of the lag."""
    (folder / "switches.json").write_text(json.dumps([asdict(switch) for switch in switches], indent=1) + "\n")
    content = json.dumps([asdict(sample) for sample in samples])
    records.write_compressed(folder / "lag.json.zst", content.encode())


def tables(content: Mapping[str, Any], folder: Path) -> None:
    """Keep tables, each under its file's name."""
    for name, table in content.items():
        (folder / name).write_text(json.dumps(table, indent=1) + "\n")


def _rfc_3339(moment: float) -> str:
    """To the second before: the API takes the time in whole seconds."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
