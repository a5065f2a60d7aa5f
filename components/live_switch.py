"""What became of a switch: the judgement of the live object, without any I/O. `live_reader` reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components import names
from components.advice import advice, pods, up

_SWITCHED, _PAUSED = "Switched", "Paused"

Object = Mapping[str, Any]


class SwitchError(RuntimeError):
    """The colour asked for is not active, or that cannot be known. The message says why, and what to do.

    switch: the live object that says so; None when there is none.
    """

    def __init__(self, message: str, switch: Object | None = None) -> None:
        super().__init__(message)
        self.switch = switch


@dataclass(frozen=True, slots=True)
class Expectation:
    """namespace, name: of the KafkaConsumerSwitch; the namespace is also the stack's name. active, attempt: what was
    asked for; rests: and to be at work with nobody. timeout_seconds: how long it may take to settle; ready_seconds:
    from then until Ready.
    """

    namespace: str
    name: str
    active: str
    attempt: int
    timeout_seconds: float
    ready_seconds: float = 30.0
    rests: bool = False

    def __str__(self) -> str:
        return f"{names.SWITCH_KIND} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """pending: what is still waited for, None when it has ended. problem: why it did not end well, None when it did.

    unready: what stands against the colour being at work now, although its switch ended well; None when nothing.
    """

    pending: str | None = None
    problem: str | None = None
    unready: str | None = None


def judge(switch: Object, expected: Expectation) -> Judgement:
    """Whether `switch`, the live object, has settled on what was asked for, and is Ready. Pure; raises nothing for
    objects that the API server accepts.
    """
    spec, status, generation = switch["spec"], switch.get("status") or {}, switch["metadata"]["generation"]
    if (spec["active"], spec.get("attempt", 1)) != (expected.active, expected.attempt):
        return Judgement(
            problem=f"{expected} asks for {spec['active']}, attempt {spec.get('attempt', 1)}, "
            f"not for {expected.active}, attempt {expected.attempt}: it was changed outside of Pulumi; "
            f"to write what the configuration says, run: {up(expected.namespace, refresh=True)}"
        )
    settled = condition(status, "Settled")
    active = status.get("active") or ""
    where = f"phase {status.get('phase') or 'unknown'}, active: {active or 'nobody'}"
    if settled.get("status") != "True" or settled.get("observedGeneration") != generation:
        return Judgement(pending=f"generation {generation} has not settled ({where})")
    reason, message = settled.get("reason") or "no reason", settled.get("message") or "no message"
    if reason == _SWITCHED and active == expected.active:
        return Judgement(unready=_unready(status, generation, rests=expected.rests))
    if reason == _SWITCHED and not active:
        # A grant that is on its way back, as after a lost Lease: the outcome stands, the holder is about to.
        return Judgement(pending=f"nobody is active ({where})")
    # With RollbackBlocked the colour asked for is active, and yet the switch failed: it could not be taken back.
    who = f"{active or 'nobody'} is active" + ("" if active == expected.active else f", not {expected.active}")
    return Judgement(
        problem=f"{expected}: {who}. {reason}: {message}\n{advice(expected.namespace, switch, reason, message)}"
    )


def _unready(status: Object, generation: int, *, rests: bool) -> str | None:
    ready = condition(status, "Ready")
    well = ready.get("reason") == _PAUSED if rests else ready.get("status") == "True"
    if well and ready.get("observedGeneration") == generation:
        return None
    return f"{ready.get('reason') or 'no reason'}: {ready.get('message') or 'no message'}"


def condition(status: Object, kind: str) -> Object:
    """A condition of a switch's status; empty when it has none of that type."""
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), {})


def require(expected: Expectation, states: Iterator[Object | None]) -> Object:
    """Go through the states of the live object until one is decided; returns it. Raises `SwitchError` unless it is
    decided well. What is Ready now is `require_ready`'s matter.

    states: the object as it is, and after each change; None when it does not exist; ends when the time is up.
    """
    pending = "it was not read"
    last: Object | None = None
    for state in states:
        last, judgement = _present(state, expected)
        if not judgement.pending:
            return last
        pending = judgement.pending
    raise SwitchError(
        f"{expected}: {pending} after {expected.timeout_seconds:g} s. The controller decides it: "
        f"kubectl -n {expected.namespace} logs deploy/{names.CONTROLLER}",
        last,
    )


def require_ready(expected: Expectation, settled: Object, states: Iterator[Object | None]) -> Object:
    """The same until one is Ready, from `settled`, which was decided well, on; returns it. Raises `SwitchError`.

    states: as above, for as long as it is waited for; looked at only if `settled` is not Ready.
    """
    unready, last = judge(settled, expected).unready, settled
    if unready is None:
        return settled
    for state in states:
        last, judgement = _present(state, expected)
        unready = judgement.pending or judgement.unready
        if unready is None:
            return last
    raise SwitchError(
        f"{expected}: the switch ended well and {expected.active} is active, but not Ready within "
        f"{expected.ready_seconds:g} s. {unready}\n"
        f"To look at: {pods(expected.namespace, last, expected.active)}",
        last,
    )


def _present(switch: Object | None, expected: Expectation) -> tuple[Object, Judgement]:
    """The object, which has to be there, and its judgement, which has to be no problem. Raises `SwitchError`."""
    if switch is None:
        raise SwitchError(
            f"{expected} does not exist: it was deleted outside of Pulumi; to make it again, run: "
            f"{up(expected.namespace, refresh=True)}"
        )
    judgement = judge(switch, expected)
    if judgement.problem:
        raise SwitchError(judgement.problem, switch)
    return switch, judgement
