"""The sidecar's hands: it keeps the view up to date and carries out what `step` says.

Four kinds of threads change the view, each under the lock, and run the step at once: the Lease's follower, the watch of
the consumer's status, the callers, and the reporter. So a change of the Lease reaches the consumer with one hand-over
between threads.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from queue import SimpleQueue

from prometheus_client.core import Metric

from workloads.common.kube import ApiError, Event, Follower, Kube, KubeError, Object, version_of
from workloads.common.lease import LeaseFormatError, from_lease
from workloads.common.logs import fields
from workloads.common.metrics import Buckets, Families
from workloads.common.report import Report
from workloads.common.states import State
from workloads.sidecar.consumer import Connection, NoAnswerError
from workloads.sidecar.listeners import Listeners
from workloads.sidecar.reporter import BOUNDS, Reporter
from workloads.sidecar.settings import SidecarSettings
from workloads.sidecar.step import Call, PauseConsumer, ReadLease, ResumeConsumer, View, step

logger = logging.getLogger(__name__)

STATUS_SECONDS = 0.25
STATUS_DEADLINE_SECONDS = 2.0
CALL_DEADLINE_MS = 5000
# How long to wait before the same call is made again, by what became of the last one.
AGAIN_SECONDS = {200: 0.1, 503: 0.0, 409: 1.0}
AGAIN_OTHERWISE_SECONDS = 0.25
# A pause that nobody waits for is held back until a hand-off is over.
UNHURRIED_SECONDS = 0.5
# How long a report that nobody waits for is held back, so that a newer one may take its place.
HOLD_SECONDS = 0.5
HOLD_IN_COMMAND_SECONDS = 1.0
# Nobody has heard from the status watch for so long: the process hangs.
ALIVE_SECONDS = 15.0


class Caller:
    """A thread with a connection of its own that makes one call at a time."""

    def __init__(self, actor: "Sidecar", url: str) -> None:
        self._actor = actor
        self._connection = Connection(url)
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self.call: Call | None = None
        threading.Thread(target=self._run, name="caller", daemon=True).start()

    def start(self, call: Call) -> None:
        """Make this call; the answer goes to the actor."""
        self.call = call
        self._connection.renew()
        self._calls.put(call)

    def abandon(self) -> None:
        """A newer call goes out elsewhere: nobody waits for this one's answer."""
        self._connection.abandon()

    def _run(self) -> None:
        while True:
            call = self._calls.get()
            try:
                self._actor.carry_out(self, self._connection, call)
            except Exception:
                logger.exception("call failed", extra=fields(call=str(call)))
                self._actor.ended(self, None, AGAIN_OTHERWISE_SECONDS)


class Sidecar:
    """One sidecar: the view, and the threads around it."""

    def __init__(self, settings: SidecarSettings, kube: Kube) -> None:
        self._settings = settings
        self._kube = kube
        self._lock = threading.Lock()
        self._view = View(settings.color)
        self._lease_version = 0
        self._answers = 0  # how many answers of the consumer have been taken into the view
        self._callers: list[Caller] = []
        self._idle: list[Caller] = []
        self._running: Caller | None = None
        self._later: tuple[Call, float] | None = None  # a call that has to wait, and until when
        self._turn = threading.Event()
        self._turned = time.monotonic()
        self.listeners = Listeners(settings.pod_uid)
        self.durations = {name: Buckets(BOUNDS) for name in ("pause", "resume")}
        self.calls: dict[tuple[str, str], int] = {}
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{settings.pod_namespace}/leases"
        self._lease_path = f"{leases}/{settings.lease_name}"
        self._follower = Follower(
            kube.sibling(),
            leases,
            on_read=self._lease_read,
            on_change=self._lease_changed,
            name=settings.lease_name,
            by_get=True,
        )
        self._reporter = Reporter(
            kube.sibling(), settings.pod_namespace, settings.pod_name, settings.pod_uid, self._report_accepted
        )
        self._status = threading.Thread(target=self._watch_consumer, name="consumer-status", daemon=True)

    def start(self) -> None:
        """Start all threads."""
        with self._lock:
            for _ in range(2):
                self._idle.append(self._new_caller())
        self._reporter.thread.start()
        self._follower.start()
        self._status.start()

    def stop(self, seconds: float) -> None:
        """Send the report that is due, for at most `seconds`; everything else needs no end."""
        self._reporter.stop(seconds)

    def dead(self) -> list[str]:
        """The threads that should run and do not; empty when all is well."""
        threads = (self._follower.thread, self._reporter.thread, self._status)
        names = [thread.name for thread in threads if not thread.is_alive()]
        if time.monotonic() - self._turned > ALIVE_SECONDS:
            names.append("consumer-status (hangs)")
        return names

    def metrics(self, make: Families) -> Iterator[Metric]:
        """What a scrape reads."""
        view, reporter = self._view, self._reporter
        grant, consumer = view.grant, view.consumer
        yield make.gauge("bg_sidecar_lease_epoch", "Epoch of the newest Lease read", grant.epoch if grant else -1)
        yield make.gauge(
            "bg_sidecar_consumer_reachable",
            "1 while the consumer answers",
            float(consumer is not None and consumer.state is not None),
        )
        yield make.gauge(
            "bg_sidecar_lease_watch_up",
            "1 while the Lease is being watched",
            float(self._follower.failing_since is None),
        )
        yield make.counter("bg_sidecar_reports_total", "Reports accepted by the API server", reporter.sent)
        yield make.counter(
            "bg_sidecar_report_errors_total", "Reports that failed and were tried again", reporter.errors
        )
        yield make.histogram("bg_sidecar_report_seconds", "Time of an accepted report", reporter.durations)
        yield make.counters(
            "bg_sidecar_calls_total",
            "Calls to the consumer by what became of them",
            ["call", "result"],
            list(self.calls.items()),
        )
        for name, buckets in self.durations.items():
            yield make.histogram(f"bg_sidecar_{name}_seconds", f"Time until {name} was answered with 200", buckets)

    # -- the Lease -------------------------------------------------------------------------------------------------

    def _lease_read(self, found: list[Object], _: int | None) -> None:
        if found:
            self._lease_seen(found[0])
        else:  # a missing Lease changes nothing
            logger.info("there is no Lease", extra=fields(lease=self._settings.lease_name))

    def _lease_changed(self, event: Event) -> None:
        if event.kind == "DELETED":
            logger.warning("the Lease was deleted; going on as before", extra=fields(lease=self._settings.lease_name))
        else:
            self._lease_seen(event.object)

    def _lease_seen(self, lease: Object, fresh_for: str | None = None) -> bool:
        """Take in a Lease that was read; fresh_for: by a read that began after this process was discovered.

        Returns whether it could be understood.
        """
        try:
            grant = from_lease(lease)
        except LeaseFormatError as error:
            logger.error("the Lease cannot be read; going on as before", extra=fields(error=str(error)))
            return False
        version = version_of(lease)
        with self._lock:
            newer = version > self._lease_version
            before = self._view.grant
            if newer:
                self._lease_version = version
                self._view = replace(self._view, grant=grant)
                if self._later is not None and isinstance(self._later[0], ReadLease):
                    self._later = None  # what could not be read may be there now
            if fresh_for is not None:  # the newest of both is at least as new as this read
                self._view = replace(self._view, read_for=fresh_for)
            self._advance()
        if newer and (before is None or (grant.epoch, grant.holder) != (before.epoch, before.holder)):
            logger.info(
                "Lease changed",
                extra=fields(holder=grant.holder or "", epoch=grant.epoch, last_holder=grant.last_holder),
            )
        return True

    # -- the consumer ----------------------------------------------------------------------------------------------

    def _watch_consumer(self) -> None:
        connection = Connection(self._settings.lifecycle_url)
        while True:
            answers = self._answers
            try:
                report: Report | None = connection.status(STATUS_DEADLINE_SECONDS)
                problem = ""
            except NoAnswerError as error:
                report, problem = None, str(error)
            self._turned = time.monotonic()
            with self._lock:
                known = self._view.consumer
                # An answer to a call that came in the meantime is newer than this one.
                if self._answers == answers:
                    self._consumer_is(report or (known and replace(known, state=None)))
                self._advance()
            if known is not None and (known.state is None) != (report is None):
                logger.log(
                    logging.INFO if report else logging.WARNING,
                    "the consumer answers" if report else "the consumer does not answer",
                    extra=fields(problem=problem),
                )
            if report is not None and (known is None or known.boot_id != report.boot_id):
                logger.info(
                    "new consumer process", extra=fields(boot_id=report.boot_id, state=report.state, epoch=report.epoch)
                )
            self._turn.wait(STATUS_SECONDS)

    def _consumer_is(self, report: Report | None) -> None:
        self._answers += 1
        known = self._view.consumer
        if report != known:
            now = max(time.time_ns(), known.at + 1 if known else 0)
            self._view = replace(self._view, consumer=report and replace(report, at=now))

    # -- what follows ----------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Carry out what the step says; the lock is held."""
        due = step(self._view)
        heard = self.listeners.tell(self._view.consumer)
        # Whoever waits for it has just heard it: its record must not get in the way of what follows.
        self._reporter.offer(due.report, self._hold(due.urgent and not heard))
        if due.call is None or (self._running is not None and self._running.call == due.call):
            return
        if self._later is None or self._later[0] != due.call:
            self._later = (due.call, time.monotonic() + UNHURRIED_SECONDS) if self._can_wait(due.call) else None
        if self._later is not None and time.monotonic() < self._later[1]:
            return  # the status watch comes by again
        if self._running is not None:
            self._running.abandon()
        self._running = self._idle.pop() if self._idle else self._new_caller()
        self._running.start(due.call)

    def _hold(self, urgent: bool) -> float:
        """How long a report may wait for a newer one; what a command will lead to must not find another under way."""
        if urgent:
            return 0.0
        commanded = self._running is not None and not isinstance(self._running.call, ReadLease)
        return HOLD_IN_COMMAND_SECONDS if commanded else HOLD_SECONDS

    def _can_wait(self, call: Call) -> bool:
        """Whether nobody waits for this call: it only tells a paused consumer about a grant that is not its colour's.

        The others are in a hand-off at that moment, and often its own grant comes before the pause has gone out.
        """
        grant, consumer = self._view.grant, self._view.consumer
        return (
            isinstance(call, PauseConsumer)
            and grant is not None
            and not grant.unconfirmed
            and grant.last_holder == self._view.color.other
            and consumer is not None
            and consumer.state is State.PAUSED
        )

    def _new_caller(self) -> Caller:
        caller = Caller(self, self._settings.lifecycle_url)
        self._callers.append(caller)
        return caller

    def carry_out(self, caller: Caller, connection: Connection, call: Call) -> None:
        """Make one call, in the caller's thread."""
        match call:
            case ReadLease(boot_id):
                self._read_lease(caller, boot_id)
            case PauseConsumer(epoch):
                self._command(caller, connection, "pause", epoch)
            case ResumeConsumer(epoch):
                self._command(caller, connection, "resume", epoch)

    def _read_lease(self, caller: Caller, boot_id: str) -> None:
        try:
            lease = self._kube.get(self._lease_path)
        except ApiError as error:
            if error.status != 404:
                logger.warning("reading the Lease failed", extra=fields(error=str(error)))
            self.ended(caller, None, AGAIN_OTHERWISE_SECONDS)
            return
        except KubeError as error:
            logger.warning("reading the Lease failed", extra=fields(error=str(error)))
            self.ended(caller, None, AGAIN_OTHERWISE_SECONDS)
            return
        understood = self._lease_seen(lease, fresh_for=boot_id)
        self.ended(caller, None, 0.0 if understood else AGAIN_OTHERWISE_SECONDS)

    def _command(self, caller: Caller, connection: Connection, name: str, epoch: int) -> None:
        began = time.monotonic()
        report: Report | None = None
        try:
            code, report = connection.call(
                "POST",
                f"/lifecycle/{name}",
                {"epoch": epoch, "deadline_ms": CALL_DEADLINE_MS},
                CALL_DEADLINE_MS / 1000 + 1,
            )
            result, again = str(code), AGAIN_SECONDS.get(code, AGAIN_OTHERWISE_SECONDS)
            problem = ""
        except NoAnswerError as error:
            result, again, problem = "no answer", AGAIN_OTHERWISE_SECONDS, str(error)
        took = time.monotonic() - began
        if not self.ended(caller, report, again):
            result = "superseded"
        elif result == "200":
            self.durations[name].observe(took)
        self.calls[name, result] = self.calls.get((name, result), 0) + 1
        logger.log(
            logging.INFO if result in {"200", "superseded"} else logging.WARNING,
            name,
            extra=fields(
                epoch=epoch,
                result=result,
                seconds=round(took, 6),
                state=report and report.state,
                seen_epoch=report and report.seen_epoch,
                committed=report and report.committed,
                partitions=report and report.partitions,
                **({"problem": problem} if problem else {}),
            ),
        )

    def ended(self, caller: Caller, report: Report | None, again: float) -> bool:
        """A call is over. An answer counts unless the call was superseded. Returns whether it counted."""
        with self._lock:
            counts = self._running is caller
            call, caller.call = caller.call, None
            self._idle.append(caller)
            if counts:
                self._running = None
                self._later = (call, time.monotonic() + again) if call is not None and again else None
                if report is not None:
                    self._consumer_is(report)
                self._advance()
        return counts

    def _report_accepted(self, report: Report) -> None:
        with self._lock:
            self._view = replace(self._view, reported=report)
            self._advance()
