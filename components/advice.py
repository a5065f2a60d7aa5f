"""What to do about a switch that ended badly: commands that can be pasted as they are, and only those that help.

No I/O. The controller's reasons begin with a word and a colon (`NotReady: …`, `DrainTimeout: …`); by that word it is
told whose pods to look at, and whether asking again is of use before something has been mended.
"""

from collections.abc import Mapping
from typing import Any

from components.settings import NAMESPACE

Object = Mapping[str, Any]

_BLOCKED = "RollbackBlocked"
_LAG = "LagTimeout"
_FOREIGN = "ForeignMember"
#: Reasons that lie with the colour that was to be left.
_OF_THE_OLD = frozenset({"DrainTimeout", "CommitUnacknowledged"})
#: Reasons that may be gone at the next try: asking again is of use at once.
_PASSING = frozenset({"DrainTimeout", "CommitUnacknowledged", "ResumeTimeout", _LAG})
_NO_PODS = " pods exist"


def set_key(stack: str, key: str, value: object) -> str:
    """The command that sets a key of a stack and brings the stack to it."""
    return f"pulumi config set {NAMESPACE}:{key} {value} -s {stack} && {up(stack)}"


def up(stack: str, *, refresh: bool = False, preview: bool = True) -> str:
    """The command that brings a stack to its configuration; refresh: from what the cluster has, not from the state;
    preview: it is shown first.
    """
    options = f"{'--refresh ' if refresh else ''}{'' if preview else '--skip-preview '}"
    return f"pulumi up {options}-s {stack}"


def pods(stack: str, switch: Object, color: str, kinds: str = "pods") -> str:
    """The command that shows a colour's pods, by the selector that the switch has for them."""
    labels = ",".join(f"{name}={value}" for name, value in switch["spec"][color]["selector"].items())
    return f"kubectl -n {stack} get {kinds} -l {labels}"


def advice(stack: str, switch: Object, outcome: str, message: str) -> str:
    """Lines for a generation of `switch` that ended with `outcome`, as its Settled condition says."""
    spec, active = switch["spec"], (switch.get("status") or {}).get("active") or ""
    asked = spec["active"]
    other = "green" if asked == "blue" else "blue"
    reason = message.partition(":")[0]
    blocked = _BLOCKED in {outcome, reason}
    missing = _NO_PODS in message
    whose = other if reason in _OF_THE_OLD else asked
    lines = []
    if reason not in {_LAG, _FOREIGN}:
        lines.append(f"To look at: {pods(stack, switch, whose, 'statefulsets,pods' if missing else 'pods')}")
    if blocked:
        lines.append("The controller goes on by itself once the pod that is named has confirmed, or is gone")
        lines.append("(with a group that is not empty, after a pause that grows)")
    else:
        again = set_key(stack, "attempt", spec.get("attempt", 1) + 1)
        if missing:  # their set may have been changed outside of Pulumi, which its own state does not know
            again = again.replace(up(stack), up(stack, refresh=True))
        when = "To ask again" if reason in _PASSING else "Once that is mended, to ask again"
        lines.append(f"{when}: {again}")
    if reason == _LAG:
        lines.append(f"To switch without waiting for lag: {set_key(stack, 'lagPolicy', 'immediate')}")
    if active and active != asked:
        lines.append(f"To stay with {active}: {set_key(stack, 'active', active)}")
    return "\n".join(lines)
