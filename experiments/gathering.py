"""From the end of a scenario to all that its run is judged by: copied into the run's folder, and made one value.

The order is part of it. What a run cannot be without comes first: the record logs, and the validator's verdict on them;
where they cannot be had or judged, nothing else is asked for, and there is no result. Then what is kept for people,
which is named where it is not whole. What the scenario itself makes of all that comes after it, and `observed.json`
last: a folder that has it has the rest.
"""

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from components.settings import StrategySettings
from components.strategies.base import strategy
from experiments import accuracy, alerts, collection, dead_letters, environment, metrics, offsets, verdict
from experiments.clocks import Clocks
from experiments.collection import BrokerSeen
from experiments.conclusion import Seen
from experiments.lab import Lab
from experiments.measurements import Apart, Verdict
from experiments.observed import FILE as OBSERVED_FILE
from experiments.observed import as_json as observed_as_json
from experiments.recorders import Times
from experiments.results import Measured
from experiments.scenarios.base import Scenario
from experiments.session import Observed


def gather(
    lab: Lab,
    observed: Observed,
    *,
    scenario: Scenario,
    settings: StrategySettings,
    folder: Path,
    alert_section: alerts.Section | None = None,
    recovered: Collection[str] = (),
) -> Seen:
    """Copy everything into the run's folder and have the record logs judged.

    settings: those that the run began with. alert_section: what was alerted; None where the platform has no alerts.
    recovered: of what is missing from the pods' logs, as `collection.pod_logs` names it, what the log store still had.
    Raises CollectionError for what a run cannot be without, ClusterError where the API server does not answer.
    """
    logs, notes, samples = folder / "logs", lab.notes, lab.lag.samples
    with lab.progress.step("copying the record logs"):
        _copy_record_logs(lab, observed, logs)
    with lab.progress.step("validating"):
        judged = _judge(observed, scenario.limits(settings.strategy).tolerated, logs)
    brokers, cut = _copy_pods_logs(lab, observed, folder)
    with lab.progress.step("metrics and versions"):
        series = metrics.collect(lab.cluster, lab.namespace, observed.started, time.time(), folder / "metrics")
        providers = lab.stack.provider_versions()
        versions = environment.describe(lab.cluster, lab.namespace, settings, lab.parts, providers)
    collection.notes(notes.switches, samples, folder)
    taken = offsets.of(logs)
    collection.tables({offsets.FILE: accuracy.as_json(taken)}, folder)
    by_scenario = scenario.observe(notes, logs)
    collection.tables({f"{name}.json": content for name, content in notes.tables.items()}, folder)
    clocks, recorded = observed.clocks, observed.recorded
    seen = Seen(
        started=observed.started,
        finished=observed.finished,
        switches=notes.switches,
        rollbacks=notes.rollbacks,
        spells=notes.spells,
        spells_asked=notes.spells_asked,
        scale_down_seconds=notes.scale_down_seconds,
        scale_down_window=notes.scale_down_window,
        came_back_handled=notes.came_back_handled,
        lines_of_unknown_time=recorded.unknown if recorded else None,
        samples=samples,
        judged=judged,
        producer=observed.producer,
        produced_rate=observed.produced_rate,
        clocks=Apart(clocks.apart, clock_error(clocks, recorded)) if clocks else None,
        measured={
            "rebalances": brokers.rebalances,
            "rebalances_unknown": "; ".join(brokers.unread) or None,
            "static_members_replaced": brokers.events.replaced_static_members,
            "logs_not_whole": "; ".join(text for text in cut if text not in recovered) or None,
            "lag_samples_failed": lab.lag.failures,
            **_of_pods(observed),
            "metrics_series": sum(series.values()),
            "commit_latency_ms_median": metrics.median(folder / "metrics", "commit_latency_ms"),
            **_of_clocks(clocks, recorded),
            **(of_recorders(recorded) if recorded else {}),
            **not_judged(strategy(settings.strategy).unjudged),
            **accuracy.measurements(taken),
            **alerts.measured(alert_section),
            **notes.measured,
            **by_scenario,
        },
        environment=versions,
    )
    collection.tables({OBSERVED_FILE: observed_as_json(seen)}, folder)
    return seen


def _copy_record_logs(lab: Lab, observed: Observed, logs: Path) -> None:
    """What was produced, what was handled of it, and what a dead-letter queue has. Raises CollectionError."""
    collection.record_logs(
        lab.cluster,
        lab.namespace,
        writers=lab.parts.writers,
        producers=observed.producers,
        since_ns=observed.since_ns,
        scratch=logs.parent,
        target=logs,
    )
    if lab.parts.connectors is not None:
        names, since = lab.parts.connectors.names, observed.since_ns
        dead_letters.keep(lab.namespace, names, producers=observed.producers, since_ns=since, logs=logs)
    collection.require_logs_of(lab.lag.worked, logs)


def _judge(observed: Observed, tolerated: Collection[str], logs: Path) -> Verdict:
    return verdict.validate(
        logs,
        observed.producers,
        logs.parent / "validator.json",
        clock_error_ms=clock_error(observed.clocks, observed.recorded) * 1000,
        tolerated=tolerated,
    )


def _copy_pods_logs(lab: Lab, observed: Observed, folder: Path) -> tuple[BrokerSeen, list[str]]:
    """What the brokers said of the groups, and what is missing from the other pods' logs."""
    cluster, namespace, since = lab.cluster, lab.namespace, observed.started
    brokers = collection.broker_logs(
        cluster, observed.platform_pods, since=since, groups=observed.groups, folder=folder
    )
    collection.controller_logs(cluster, namespace, since=since, folder=folder)
    cut = collection.pod_logs(cluster, namespace, lab.parts.logged, observed.pods, since=since, folder=folder)
    return brokers, cut


def clock_error(clocks: Clocks | None, recorded: Times | None) -> float:
    """Seconds by which a line's time may be off against another's: what the nodes' clocks are apart, and how late it
    was seen where others than its writer give it its time.
    """
    return (clocks.between_nodes if clocks else 0.0) + (recorded.late_seconds if recorded else 0.0)


def _of_clocks(clocks: Clocks | None, recorded: Times | None) -> dict[str, Measured]:
    return {
        "clock_offset_ms": round(clocks.offset * 1000, 3) if clocks else None,
        "clock_offset_error_ms": round(clocks.error * 1000, 3) if clocks else None,
        "clock_error_ms": round(clock_error(clocks, recorded) * 1000, 3) if clocks else None,
    }


def _of_pods(observed: Observed) -> dict[str, Measured]:
    pods = observed.pods
    return {
        "container_restarts": pods.restarts,
        "pods_restarted": ", ".join(f"{name}: {n}" for name, n in sorted(pods.restarted().items())) or None,
        "pods_replaced": ", ".join(pods.replaced()) or None,
    }


def of_recorders(recorded: Times) -> dict[str, Measured]:
    """What a result says of the recorders."""
    return {
        "recorded_late_ms_max": round(recorded.late_seconds * 1000, 3),
        "recorded_unknown_lines": recorded.unknown,
        "recorded_torn_lines": recorded.torn,
        "recorders_restarted": ", ".join(recorded.restarted) or None,
    }


def not_judged(unjudged: Mapping[str, str]) -> dict[str, Measured]:
    """What the strategy says that no run of it can be judged on, by name."""
    return {"not_judged": "; ".join(f"{name}: {why}" for name, why in unjudged.items())} if unjudged else {}
