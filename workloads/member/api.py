"""The HTTP API of a member: lifecycle and faults on the loopback, probes, metrics and progress on the pod's network.

A handler only queues a command and waits for the truth; the application's loop does the rest.
"""

import logging
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workloads.common import contract
from workloads.common.http import HttpError, Request, Response, Routes
from workloads.common.lease import EPOCHS
from workloads.common.logs import fields
from workloads.common.metrics import exposition, registry
from workloads.common.settings import Model, SettingsError, validated
from workloads.member.control import Answer, Control, Truth
from workloads.member.faults import FaultInjection, FaultsChange
from workloads.member.lifecycle import Pause, Resume
from workloads.member.member import Member

logger = logging.getLogger(__name__)


class CommandBody(BaseModel):
    """The body of a lifecycle command. deadline_ms: how long its caller waits for it to be true."""

    model_config = ConfigDict(extra="forbid", strict=True)

    epoch: Annotated[int, Field(ge=0, lt=EPOCHS)]
    deadline_ms: Annotated[int, Field(ge=0, le=600_000)] = 5000

    def event(self) -> Pause | Resume:
        """The command as an event of the lifecycle."""
        raise NotImplementedError


class PauseBody(CommandBody):
    """leave: it is true only when nothing of this process is in the group any more."""

    leave: bool = False

    def event(self) -> Pause | Resume:
        """The command as an event of the lifecycle."""
        return Pause(self.epoch, self.leave)


class ResumeBody(CommandBody):
    """voids: as the status said that the resume was decided by; without it, it is for whatever is there."""

    voids: Annotated[int, Field(ge=0, lt=1 << 62)] | None = None

    def event(self) -> Pause | Resume:
        """The command as an event of the lifecycle."""
        return Resume(self.epoch, self.voids)


@dataclass(frozen=True)
class LifecycleApi:
    """What only the pod's own sidecar (and a port-forward) reaches."""

    control: Control
    faults: FaultInjection
    boot_id: str

    def routes(self) -> Routes:
        """Method and path to handler."""
        return {
            ("POST", "/lifecycle/pause"): lambda request: self._command(request, PauseBody),
            ("POST", "/lifecycle/resume"): lambda request: self._command(request, ResumeBody),
            ("GET", "/lifecycle/status"): lambda _: Response(self._body(self.control.truth)),
            ("GET", "/faults"): self._get_faults,
            ("PUT", "/faults"): self._put_faults,
        }

    def _command(self, request: Request, model: type[CommandBody]) -> Response:
        started = time.monotonic()
        body, wait = _body(model, request), _wait(request)
        command = self.control.submit(body.event())
        if wait:
            answer, truth = self.control.wait(command, body.deadline_ms / 1000)
        else:
            answer, truth = Answer.ACCEPTED, self.control.truth
        content = self._body(truth)
        if (wrong := _wrong(answer, body, truth)) is not None:
            content["error"] = wrong
        logger.info(
            "lifecycle call",
            extra=fields(
                call=request.path,
                epoch=body.epoch,
                status=answer.status,
                state=truth.lifecycle.state,
                duration_ms=round((time.monotonic() - started) * 1000, 3),
            ),
        )
        return Response(content, answer.status)

    def _body(self, truth: Truth) -> dict[str, object]:
        now = truth.lifecycle
        return {
            contract.KEY: contract.VERSION,
            "state": now.state,
            "epoch": now.epoch,
            "seen_epoch": now.seen_epoch,
            "boot_id": self.boot_id,
            "committed": now.committed,
            "partitions": list(now.partitions),
            "last_error": truth.last_error,
            "obstacle": truth.obstacle,
            "voids": now.voids,
            "left": now.left,
            "member_id": truth.member_id,
        }

    def _get_faults(self, _: Request) -> Response:
        self._allowed()
        return Response(self.faults.now.model_dump())

    def _put_faults(self, request: Request) -> Response:
        self._allowed()
        before, after = self.faults.now, self.faults.change(_body(FaultsChange, request))
        logger.info("faults changed", extra=fields(before=before.model_dump(), after=after.model_dump()))
        return Response(after.model_dump())

    def _allowed(self) -> None:
        if not self.faults.enabled:
            raise HttpError(
                HTTPStatus.FORBIDDEN, "fault injection is not enabled here; faults_enabled in the settings enables it"
            )


@dataclass(frozen=True)
class PodApi:
    """What the pod's network reaches: it reads, and changes nothing.

    alive_seconds: a loop that has not moved for so long is dead. moving_seconds: one that has not for so long is not
    ready.
    """

    member: Member
    boot_id: str
    alive_seconds: float
    moving_seconds: float

    def routes(self) -> Routes:
        """Method and path to handler."""
        source = registry(self.member.metrics)
        return {
            ("GET", "/healthz"): self._health,
            ("GET", "/readyz"): self._ready,
            ("GET", "/progress"): self._progress,
            ("GET", "/metrics"): lambda _: exposition(source),
        }

    def _health(self, _: Request) -> Response:
        age = self.member.still_seconds
        alive = age < self.alive_seconds
        body = {"alive": alive, "turned_seconds_ago": round(age, 3), "limit_seconds": self.alive_seconds}
        return Response(body, HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE)

    def _ready(self, _: Request) -> Response:
        moving = self.member.still_seconds < self.moving_seconds
        ready = self.member.ready and moving
        truth = self.member.truth
        body = {"ready": ready, "moving": moving, "state": truth.lifecycle.state, "last_error": truth.last_error}
        return Response(body, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    def _progress(self, _: Request) -> Response:
        """Next offsets by partition, how many records were handled, and this process's clock (`time`, ns)."""
        now, progress = self.member.truth.lifecycle, self.member.progress
        return Response(
            {
                "positions": {str(p): offset for p, offset in progress.positions.items()},
                "handled": progress.handled,
                "failed": progress.failed,
                "state": now.state,
                "epoch": now.epoch,
                "boot_id": self.boot_id,
                "time": time.time_ns(),
            }
        )


def _wrong(answer: Answer, body: CommandBody, truth: Truth) -> str | None:
    """What an answer that is an error says, beside the present truth."""
    if truth.stopping and answer in {Answer.VOID, Answer.LATE}:
        return "the process is stopping"
    match answer:
        case Answer.STALE:
            return (
                f"epoch {body.epoch} is stale: a newer command, or a pause at the same epoch, was executed, a newer "
                "epoch was heard of, or its grant became void after the call was decided"
            )
        case Answer.VOID:
            return f"the resume of epoch {body.epoch} is void ({truth.last_error}); the same call tries again"
        case Answer.LATE:
            return f"not true within {body.deadline_ms} ms"
    return None


def _body(model: type[Model], request: Request) -> Model:
    try:
        return validated(model, request.json_object())
    except SettingsError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, str(error)) from error


def _wait(request: Request) -> bool:
    unknown = sorted(request.query.keys() - {"wait"})
    wait = request.query.get("wait", "true")
    if unknown or wait not in {"true", "false"}:
        raise HttpError(HTTPStatus.BAD_REQUEST, "the query may hold wait=true or wait=false, and nothing else")
    return wait == "true"
