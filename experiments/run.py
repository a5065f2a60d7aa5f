"""One run, from nothing to its result: the order of things."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from experiments import alerts, collection
from experiments.conclusion import Subject, conclude
from experiments.errors import PreflightError
from experiments.folders import ResultFolder, remove_abandoned
from experiments.gathering import gather
from experiments.guard import ForeignChangeError
from experiments.interrupts import Interrupts
from experiments.lab import Lab
from experiments.logs.recording import Recording, Section, recording
from experiments.options import Options
from experiments.preflight import only_one, preflight
from experiments.progress import Progress
from experiments.results import RunResult
from experiments.screenshots import browser
from experiments.screenshots.camera import taking
from experiments.screenshots.pictures import Picture, as_json
from experiments.session import Observed, Session

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class StoredLogs:
    """What the log store knows of a run. recovered: of what `pod_logs` says that it is gone, what it still had."""

    section: Section
    recovered: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attachments:
    """What a result bears besides what it concludes: of the log store, of alerts, and pictures; None where there is
    nobody who could tell.
    """

    stored_logs: StoredLogs | None
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
                result = _carry_out(options, folder, session, started)
            except ForeignChangeError:
                raise  # the stack is in somebody else's hand
            except BaseException:
                session.put_back()
                raise
            # The result is kept before anything more is done, which may take its time, or be interrupted.
            committed = folder.commit(result)
            session.put_back()
            return committed, result
        except BaseException:
            folder.discard()
            raise


def _carry_out(options: Options, folder: ResultFolder, session: Session, started: datetime) -> RunResult:
    lab = session.prepare()
    with_pictures = _takes_pictures(options, page=lab.settings.page)
    try:
        with (
            recording(lab.cluster, lab) as log_recording,
            alerts.watched(lab.cluster, lab.progress) as alert_watch,
            taking(
                lab.namespace, folder.final.name, lab.progress, wanted=with_pictures, moment=options.scenario.moment
            ) as camera,
        ):
            observed = session.measure(lab)
            attached = Attachments(
                stored_logs=None
                if log_recording is None
                else _stored_logs(log_recording, observed, session.parts.logged, folder.path),
                alerts=None if alert_watch is None else _alerts_meanwhile(alert_watch, lab, observed),
                pictures=camera.developed(folder.path, lab.notes.switches) if camera else [] if with_pictures else None,
            )
        seen = gather(
            lab,
            observed,
            scenario=options.scenario,
            settings=session.settings,
            folder=folder.path,
            alert_section=attached.alerts,
            recovered=attached.stored_logs.recovered if attached.stored_logs else (),
        )
        subject = _subject(options, session, folder.final.name, started)
        return with_attachments(conclude(subject, seen, options.scenario.judge), attached)
    except BaseException:
        session.tidy_up(lab)
        raise


def _takes_pictures(options: Options, *, page: bool) -> bool:
    """Whether the run takes a screenshot: as asked for, else where the stack has a page and this machine a browser."""
    return page and not browser.missing() if options.screenshots is None else options.screenshots


def _alerts_meanwhile(watch: alerts.Watch, lab: Lab, observed: Observed) -> alerts.Section:
    """What was alerted while the scenario went on, by the cluster's clock."""
    with lab.progress.step("asking what was alerted"):
        return watch.section(lab.namespace, observed.started + lab.clock_offset, observed.finished + lab.clock_offset)


def _stored_logs(recorded: Recording, observed: Observed, apps: Sequence[str], folder: Path) -> StoredLogs:
    """What the log store knows of a run, and what pods that are gone had said, kept in its folder."""
    section = recorded.section(observed.started, observed.finished)
    lives = [life for app in apps for life in observed.pods.of(app)]
    recovered = recorded.keep_gone(lives, observed.started, folder)
    return StoredLogs(section, frozenset(collection.told_gone(life) for life in recovered))


def _run_name(options: Options, started: datetime) -> str:
    return f"{started:%Y%m%dT%H%M%SZ}-{options.strategy}-{options.scenario.name}"


def _subject(options: Options, session: Session, run: str, started: datetime) -> Subject:
    """What was run: its measuring, and its collecting, have just ended."""
    settings = session.settings
    return Subject(
        run=run,
        strategy=options.strategy,
        scenario=options.scenario.name,
        membership=getattr(settings, "membership", None),
        group_protocol=getattr(settings, "group_protocol", None),
        started_at=started.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        kind=options.scenario.kind,
        limits=options.scenario.limits(options.strategy),
        rate=settings.rate,
        switches_asked=options.switches,
    )


def with_attachments(result: RunResult, attached: Attachments) -> RunResult:
    """The same result, with what it bears besides."""
    return replace(
        result,
        logs=None if attached.stored_logs is None else attached.stored_logs.section,
        alerts=attached.alerts,
        screenshots=None if attached.pictures is None else as_json(attached.pictures),
    )
