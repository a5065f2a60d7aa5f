"""Watches the subject: asks for its status, again and again, and tells what it says."""

import logging
import threading
import time

from workloads.common.logs import fields
from workloads.common.report import Report
from workloads.sidecar.mover import Mover
from workloads.sidecar.subject import NoAnswerError, Subject

logger = logging.getLogger(__name__)

STATUS_SECONDS = 0.25
STATUS_DEADLINE_SECONDS = 2.0


class StatusWatch:
    """Owns the thread that asks. It also makes the mover come by again for what has to wait.

    turned: monotonic seconds of its last turn.
    """

    def __init__(self, subject: Subject, mover: Mover) -> None:
        self._subject = subject
        self._mover = mover
        self._pause = threading.Event()
        self.turned = time.monotonic()
        self.thread = threading.Thread(target=self._run, name="consumer-status", daemon=True)

    def _run(self) -> None:
        while True:
            mark = self._mover.answers()
            report: Report | None = None
            problem = ""
            try:
                report = self._subject.status(STATUS_DEADLINE_SECONDS)
            except NoAnswerError as error:
                problem = str(error)
            self.turned = time.monotonic()
            _log(self._mover.subject_seen(report, mark).consumer, report, problem)
            self._pause.wait(STATUS_SECONDS)


def _log(known: Report | None, report: Report | None, problem: str) -> None:
    if report is not None and report.state is None and (known is None or known.obstacle != report.obstacle):
        logger.error("the consumer cannot be spoken to", extra=fields(problem=report.obstacle))
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
