"""What has to be so after a switch that was taken back by itself: what Pulumi and the live object say, and that nothing
is tried again. Each function returns what is wrong, or "".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.lab import Lab
from experiments.measurements import SwitchRecord

ROLLED_BACK = "RolledBack"
_FLOW_SECONDS = 60.0


def taken_back(record: SwitchRecord, reasons: Sequence[str]) -> str:
    """What is wrong with how a switch ended that was to be taken back for one of these reasons."""
    if record.outcome != ROLLED_BACK or not any(reason in record.reason for reason in reasons):
        return f"{record.outcome} in place of {ROLLED_BACK} by {' or '.join(reasons)}: {record.reason}"
    return "pulumi up returned without an error although green was taken back" if record.error is None else ""


def afterwards(lab: Lab, reasons: Sequence[str]) -> str:
    """What is wrong while the configuration asks for what has failed, and with the next `up` with blue active."""
    wrong = tried_again(lab) or unclear(lab, reasons)
    if not wrong and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with blue active again: {error}"
    return wrong


def tried_again(lab: Lab) -> str:
    """Whether anything moves by itself while the configuration asks for what has failed."""
    epoch = lab.cluster.switch(lab.namespace).epoch
    lab.lag.wait_flow(_FLOW_SECONDS, "blue")
    now = lab.cluster.switch(lab.namespace).epoch
    return "" if now == epoch else f"epoch {epoch} became {now} by itself"


def unclear(lab: Lab, reasons: Sequence[str]) -> str:
    """What the live object does not say that somebody needs who looks at it then."""
    live = lab.cluster.switch(lab.namespace)
    ready: Mapping[str, Any] = next((c for c in live.raw["status"]["conditions"] if c["type"] == "Ready"), {})
    if (live.wanted, live.active) != ("green", "blue"):
        return f"asked for {live.wanted}, and {live.active} is active"
    said = ready.get("status") == "False" and ready.get("reason") == ROLLED_BACK
    told = any(reason in ready.get("message", "") for reason in reasons)
    return "" if said and told else f"the condition Ready says {ready}"
