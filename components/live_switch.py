"""What became of a switch: the judgement of the live object, without any I/O. `live_reader` reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components import names
from components.settings import NAMESPACE

_SWITCHED = "Switched"

Object = Mapping[str, Any]


class SwitchError(RuntimeError):
    """The colour asked for is not active, or that cannot be known. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """namespace, name: of the KafkaConsumerSwitch. active, attempt: what was asked for. timeout_seconds: how long it
    may take to settle.
    """

    namespace: str
    name: str
    active: str
    attempt: int
    timeout_seconds: float

    def __str__(self) -> str:
        return f"{names.SWITCH_KIND} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """pending: what is still waited for, None when it has ended. problem: why it did not end well, None when it did."""

    pending: str | None = None
    problem: str | None = None


def judge(switch: Object, expected: Expectation) -> Judgement:
    """Whether `switch`, the live object, has settled on what was asked for. Pure; raises nothing for objects that the
    API server accepts.
    """
    spec, status, generation = switch["spec"], switch.get("status") or {}, switch["metadata"]["generation"]
    if (spec["active"], spec.get("attempt", 1)) != (expected.active, expected.attempt):
        return Judgement(
            problem=f"{expected} asks for {spec['active']}, attempt {spec.get('attempt', 1)}, "
            f"not for {expected.active}, attempt {expected.attempt}: "
            "it was changed outside of Pulumi; to write what the configuration says, run: pulumi up --refresh"
        )
    settled = _condition(status, "Settled")
    active = status.get("active") or ""
    where = f"phase {status.get('phase') or 'unknown'}, active: {active or 'nobody'}"
    if settled.get("status") != "True" or settled.get("observedGeneration") != generation:
        return Judgement(pending=f"generation {generation} has not settled ({where})")
    reason = settled.get("reason")
    if reason == _SWITCHED and active == expected.active:
        return Judgement()
    if reason == _SWITCHED and not active:
        # A grant that is on its way back, as after a lost Lease: the outcome stands, the holder is about to.
        return Judgement(pending=f"nobody is active ({where})")
    # With RollbackBlocked the colour asked for is active, and yet the switch failed: it could not be taken back.
    who = f"{active or 'nobody'} is active" + ("" if active == expected.active else f", not {expected.active}")
    other = f"; to stay with {active}: pulumi config set {NAMESPACE}:active {active}"
    return Judgement(
        problem=f"{expected}: {who}. {reason or 'no reason'}: {settled.get('message') or 'no message'}\n"
        f"To ask again: pulumi config set {NAMESPACE}:attempt {expected.attempt + 1}"
        + (other if active and active != expected.active else "")
    )


def _condition(status: Object, kind: str) -> Object:
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), {})


def require(expected: Expectation, states: Iterator[Object | None]) -> None:
    """Go through the states of the live object until one is decided. Raises `SwitchError` unless it is decided well.

    states: the object as it is, and after each change; None when it does not exist; ends when the time is up.
    """
    pending = "it was not read"
    for switch in states:
        if switch is None:
            raise SwitchError(
                f"{expected} does not exist: it was deleted outside of Pulumi; to make it again, run: "
                "pulumi up --refresh"
            )
        judgement = judge(switch, expected)
        if judgement.problem:
            raise SwitchError(judgement.problem)
        if not judgement.pending:
            return
        pending = judgement.pending
    raise SwitchError(
        f"{expected}: {pending} after {expected.timeout_seconds:g} s. The controller decides it: "
        f"kubectl -n {expected.namespace} logs deploy/{names.CONTROLLER}"
    )
