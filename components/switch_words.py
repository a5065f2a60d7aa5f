"""What is said of a switch: the stack's outputs, the line of an update, and of a preview whether the switch would be
refused now. Pure functions of live objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from components.live_switch import Object, condition
from components.names import COLORS

#: The outputs of a strategy stack that come from the live object.
OUTPUTS = ("active", "outcome", "handoffSeconds", "epoch", "versions")
_UNREACHABLE = "Unreachable"


def outputs(switch: Object) -> dict[str, Any]:
    """The values of `OUTPUTS`. outcome: how the newest generation ended, or the phase that it is in. handoffSeconds: of
    the last switch; None when there was none, or nobody saw all of it.
    """
    status = switch.get("status") or {}
    settled = condition(status, "Settled")
    current = settled.get("observedGeneration") == switch["metadata"]["generation"]
    ended = current and settled.get("status") == "True"
    return {
        "active": status.get("active") or "",
        "outcome": (settled.get("reason") if ended else status.get("phase")) or "",
        "handoffSeconds": (status.get("lastSwitch") or {}).get("handoffSeconds"),
        "epoch": status.get("epoch") or 0,
        "versions": {color: switch["spec"][color].get("version", "") for color in COLORS},
    }


def happened(before: Object | None, after: Object) -> str:
    """One line: what an update has done that found the switch as `before` (None: it was not there) and left it as
    `after`, with the colour asked for active.
    """
    status, active = after.get("status") or {}, after["spec"]["active"]
    under = f"epoch {status.get('epoch')}"
    last, known = status.get("lastSwitch") or {}, ((before or {}).get("status") or {})
    old = known.get("lastSwitch") or {}
    if before is not None and last.get("to") == active and last.get("generation") != old.get("generation"):
        seconds = last.get("handoffSeconds")
        took = f"in {seconds:.2f} s" if seconds is not None else "in a time that nobody saw all of"
        return f"switched {last.get('from') or 'nobody'} -> {active} {took}, {under}"
    if after["spec"].get("paused"):
        return f"{active} holds the grant and rests, {under}"
    already = before is not None and known.get("active") == active
    if already and known.get("phase") == "Paused":
        return f"{active} is at work again, {under}"
    return f"{active} {'was active already' if already else 'is active'}, {under}"


def foreseen(switch: Object, wanted: Object) -> tuple[str, str]:
    """What would become of an update that writes `wanted` as the spec of `switch`, as far as status tells it now: a
    warning, and a line; one of them empty, both when there is nothing to switch.

    The lag is looked at only when a switch is asked for, and pods that the same update makes or changes are not there
    yet: about both nothing is said.
    """
    switch, wanted = _scaled(switch, wanted)
    status, target = switch.get("status") or {}, wanted["active"]
    holder = status.get("active") or status.get("lastHolder") or ""
    if not holder or holder == target:
        return "", ""
    why = _refusal(switch, wanted, holder)
    if why:
        return f"a switch {holder} -> {target} would not go through now. {why}", ""
    count = wanted[target]["replicas"]
    return "", f"{holder} -> {target} would not be refused now: {count} of {count} {target} members stand by"


def _scaled(switch: Object, wanted: Object) -> tuple[Object, Object]:
    """Both with the number that is granted, where it is a scaler's: a switch comes before the number that waits."""
    spec, shape = switch["spec"], str((switch.get("status") or {}).get("shape") or "")
    if "replicas" not in wanted or "replicas" not in spec or not shape:
        return switch, wanted
    number = int(shape.partition("x")[0]) or spec["replicas"]

    def numbered(said: Object) -> Object:
        colors: dict[str, object] = {color: {**said[color], "replicas": number} for color in COLORS}
        return {**said, **colors, "replicas": number}

    return {**switch, "spec": numbered(spec)}, numbered(wanted)


def _refusal(switch: Object, wanted: Object, holder: str) -> str:
    """Why a switch from `holder` to what is wanted would be refused; empty when nothing is known against it."""
    status, spec, target = switch.get("status") or {}, switch["spec"], wanted["active"]
    settled, ready = condition(status, "Settled"), condition(status, "Ready")
    asked_before = (spec["active"], spec.get("attempt", 1)) == (target, wanted.get("attempt", 1))
    if asked_before and spec == wanted and settled.get("status") == "True":
        return f"It was asked for, and ended: {settled.get('reason')}: {settled.get('message')}; ask as a new attempt"
    if ready.get("status") == "False" and ready.get("reason") == "ForeignMember":
        return f"ForeignMember: {ready.get('message')}"
    new, old = wanted[target]["replicas"], wanted[holder]["replicas"]
    if new == 0 or (old and new != old and not wanted.get("way")):
        return f"ReplicaMismatch: {target} has {new} replicas, {holder} has {old}"
    own = [member for member in status.get("members") or () if member.get("color") == target]
    if "replicas" in spec:  # those beyond are there before a scaler's number is granted
        own = [member for member in own if int(member["pod"].rpartition("-")[2]) < new]
    if spec[target]["replicas"] != new:  # the update brings its pods before it switches
        return ""
    if len(own) != new:
        return f"NotReady: {len(own)} of {new} {target} pods exist"
    late = [f"{member['pod']} ({_says(member)})" for member in own if not _stands_by(member)]
    if late:
        return f"NotReady: {', '.join(late)}"
    owned = sorted(partition for member in own for partition in member.get("partitions") or ())
    if wanted.get("standby") == "Assigned" and owned != list(range(wanted["partitions"])):
        return f"NotReady: {target} owns partitions {owned} of {wanted['partitions']}"
    return "; ".join(_obstacles(own))


def _stands_by(member: Object) -> bool:
    """Whether it has reported a state and is ready; a status that does not say so of its members is not asked."""
    return member.get("state") not in {None, "", _UNREACHABLE} and member.get("ready") is not False


def _says(member: Mapping[str, Any]) -> str:
    state = member.get("state") or "no report"
    return f"{state}, not Ready" if member.get("ready") is False else state


def _obstacles(own: Iterable[Object]) -> list[str]:
    return [f"{member['obstacle']} ({member['pod']})" for member in own if member.get("obstacle")]
