"""One run, from nothing to its result: the order of things."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from components.strategies.base import strategy
from experiments import accuracy, alerts, collection, dead_letters, environment, metrics, offsets, verdict
from experiments import observed as kept
from experiments.clocks import Clocks
from experiments.conclusion import Seen, Subject, conclude
from experiments.errors import PreflightError
from experiments.folders import ResultFolder, remove_abandoned
from experiments.guard import ForeignChangeError
from experiments.interrupts import Interrupts
from experiments.lab import Lab
from experiments.logs.recording import Recording, Section, recording
from experiments.measurements import Apart
from experiments.options import Options
from experiments.preflight import only_one, preflight
from experiments.progress import Progress
from experiments.recorders import Times
from experiments.results import Measured, RunResult
from experiments.screenshots import browser
from experiments.screenshots.camera import taking
from experiments.screenshots.pictures import Picture, as_json
from experiments.session import Observed, Session

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Said:
    """What the log store knows of a run. kept: of what `pod_logs` says that it is gone, what is kept from there."""

    section: Section
    kept: frozenset[str]


@dataclass(frozen=True, slots=True)
class Besides:
    """What others than the pods' record logs say of a run; None where there is nobody who could."""

    said: Said | None
    alerts: alerts.Section | None
    pictures: list[Picture] | None


def execute(options: Options, interrupts: Interrupts, progress: Progress) -> tuple[Path, RunResult]:
    """Carry out a run.

    Returns its folder and result. Raises ExperimentError if it could not be, Interrupted if it was ended.
    """
    if options.screenshots and (why := browser.missing()):
        raise PreflightError(f"no screenshots can be taken: {why}")
    cluster = preflight()
    options.out.mkdir(parents=True, exist_ok=True)
    with only_one(options.stack):
        for name in remove_abandoned(options.out):
            progress.say(f"removed what an unfinished run left: {name}")
        started = datetime.now(UTC)
        folder = ResultFolder(options.out, _run_name(options, started))
        try:
            session = Session(
                options, cluster, folder.path, repository=REPOSITORY, interrupts=interrupts, progress=progress
            )
            try:
                result = _judged(options, folder, session, started)
            except ForeignChangeError:
                raise  # the stack is in somebody else's hand
            except BaseException:
                session.put_back()
                raise
            # The result is kept before anything more is done, which may take its time, or be interrupted.
            kept = folder.commit(result)
            session.put_back()
            return kept, result
        except BaseException:
            folder.discard()
            raise


def _judged(options: Options, folder: ResultFolder, session: Session, started: datetime) -> RunResult:
    lab = session.prepare()
    pictured = _pictured(options, page=lab.settings.page)
    try:
        with (
            recording(lab.cluster, lab) as recorded,
            alerts.watched(lab.cluster, lab.progress) as alerted,
            taking(
                lab.namespace, folder.final.name, lab.progress, wanted=pictured, moment=options.scenario.moment
            ) as camera,
        ):
            observed = session.measure(lab)
            besides = Besides(
                said=None if recorded is None else _said(recorded, observed, session.parts.logged, folder.path),
                alerts=None if alerted is None else _alerted(alerted, lab, observed),
                pictures=camera.developed(folder.path, lab.notes.switches) if camera else [] if pictured else None,
            )
        return _conclude(options, folder, session=session, lab=lab, observed=observed, besides=besides, started=started)
    except BaseException:
        session.tidy_up(lab)
        raise


def _pictured(options: Options, *, page: bool) -> bool:
    """Whether the run takes a screenshot: as asked for, else where the stack has a page and this machine a browser."""
    return page and not browser.missing() if options.screenshots is None else options.screenshots


def _alerted(watch: alerts.Watch, lab: Lab, observed: Observed) -> alerts.Section:
    """What was alerted while the scenario went on, by the cluster's clock."""
    with lab.progress.step("asking what was alerted"):
        return watch.section(lab.namespace, observed.started + lab.clock_offset, observed.finished + lab.clock_offset)


def _said(recorded: Recording, observed: Observed, apps: Sequence[str], folder: Path) -> Said:
    """What the log store knows of a run, and what pods that are gone had said, kept in its folder."""
    section = recorded.section(observed.started, observed.finished)
    lives = [life for app in apps for life in observed.pods.of(app)]
    kept = recorded.keep_gone(lives, observed.started, folder)
    return Said(section, frozenset(collection.told_gone(life) for life in kept))


def _run_name(options: Options, started: datetime) -> str:
    return f"{started:%Y%m%dT%H%M%SZ}-{options.strategy}-{options.scenario.name}"


def _conclude(
    options: Options,
    folder: ResultFolder,
    *,
    session: Session,
    lab: Lab,
    observed: Observed,
    besides: Besides,
    started: datetime,
) -> RunResult:
    """Copy everything, let the validator judge it, and conclude. besides: nothing is concluded from what the log store
    knows, nor from pictures. Raises CollectionError for what cannot be had.
    """
    cluster, namespace, settings, path = lab.cluster, session.namespace, session.settings, folder.path
    logs, clocks, recorded = path / "logs", observed.clocks, observed.recorded
    chosen = strategy(options.strategy)
    said = besides.said
    clock_error_ms = clock_error(clocks, recorded) * 1000
    with lab.progress.step("copying the record logs"):
        collection.record_logs(
            cluster,
            namespace,
            writers=session.parts.writers,
            producers=observed.producers,
            since_ns=observed.since_ns,
            scratch=path,
            target=logs,
        )
        if session.parts.connectors is not None:
            names, since = session.parts.connectors.names, observed.since_ns
            dead_letters.keep(namespace, names, producers=observed.producers, since_ns=since, logs=logs)
        collection.require_logs_of(lab.lag.worked, logs)
    with lab.progress.step("validating"):
        judged = verdict.validate(
            logs,
            observed.producers,
            path / "validator.json",
            clock_error_ms=clock_error_ms,
        )
    brokers = collection.broker_logs(
        cluster, observed.platform_pods, since=observed.started, groups=observed.groups, folder=path
    )
    collection.controller_logs(cluster, namespace, since=observed.started, folder=path)
    cut = collection.pod_logs(
        cluster, namespace, session.parts.logged, observed.pods, since=observed.started, folder=path
    )
    with lab.progress.step("metrics and versions"):
        series = metrics.collect(cluster, namespace, observed.started, time.time(), path / "metrics")
        versions = environment.describe(cluster, namespace, settings, session.parts, lab.stack.provider_versions())
    notes, samples = lab.notes, lab.lag.samples
    collection.notes(notes.switches, samples, path)
    taken = offsets.of(logs)
    collection.tables({offsets.FILE: accuracy.as_json(taken)}, path)
    observed_by_scenario = options.scenario.observe(notes, logs)
    collection.tables({f"{name}.json": content for name, content in notes.tables.items()}, path)
    measured: dict[str, Measured] = {
        "rebalances": brokers.rebalances,
        "rebalances_unknown": "; ".join(brokers.unread) or None,
        "static_members_replaced": brokers.events.replaced_static_members,
        "logs_not_whole": "; ".join(text for text in cut if said is None or text not in said.kept) or None,
        "lag_samples_failed": lab.lag.failures,
        "container_restarts": observed.pods.restarts,
        "pods_restarted": ", ".join(f"{name}: {n}" for name, n in sorted(observed.pods.restarted().items())) or None,
        "pods_replaced": ", ".join(observed.pods.replaced()) or None,
        "metrics_series": sum(series.values()),
        "clock_offset_ms": round(clocks.offset * 1000, 3) if clocks else None,
        "clock_offset_error_ms": round(clocks.error * 1000, 3) if clocks else None,
        "clock_error_ms": round(clock_error_ms, 3) if clocks else None,
        **(of_recorders(recorded) if recorded else {}),
        **not_judged(chosen.unjudged),
        **accuracy.measurements(taken),
        **alerts.measured(besides.alerts),
        **notes.measured,
        **observed_by_scenario,
    }
    subject = Subject(
        run=folder.final.name,
        strategy=options.strategy,
        scenario=options.scenario.name,
        membership=getattr(settings, "membership", None),
        group_protocol=getattr(settings, "group_protocol", None),
        started_at=started.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        kind=options.scenario.kind,
        limits=chosen.criteria,
        rate=settings.rate,
        switches_asked=options.switches,
    )
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
        clocks=Apart(clocks.apart, clocks.between_nodes) if clocks else None,
        measured=measured,
        environment=versions,
    )
    collection.tables({kept.FILE: kept.as_json(seen)}, path)
    return replace(
        conclude(subject, seen, options.scenario.judge),
        logs=None if said is None else said.section,
        alerts=besides.alerts,
        screenshots=None if besides.pictures is None else as_json(besides.pictures),
    )


def clock_error(clocks: Clocks | None, recorded: Times | None) -> float:
    """Seconds by which a line's time may be off against another's: what the nodes' clocks are apart, and how late it
    was seen where others than its writer give it its time.
    """
    return (clocks.between_nodes if clocks else 0.0) + (recorded.late_seconds if recorded else 0.0)


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
