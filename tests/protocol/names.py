"""What the model does not tell apart, because nothing that follows could differ by it.

Pods and processes are told apart and never counted: slots that differ in their numbers alone are one. A Lease that was
read for a process that is over, and of which nobody will speak again, was read for nobody. A pause below the newest
epoch seen forbids nothing that this epoch does not forbid (test_lifecycle checks it). What makes void what a process was
granted begins another life of it: the model counts lives as it counts processes, and not how often.
"""

from tests.protocol.parts import Slot, replace
from workloads.common.report import Report
from workloads.common.report import life as life_name
from workloads.member.lifecycle import Lifecycle, Resume

NOW = "0.0"
"""The boot id of the process that runs in a slot, or would."""


def renamed(slot: Slot) -> Slot:
    """The slot with its pod and its process numbered 0, and older ones that are still spoken of -1, -2, and so on."""
    told = (slot.view.consumer, slot.view.reported, slot.stored, slot.kept, *(one and one.report for one in slot.seen))
    if (
        (slot.uid, slot.boot) == (0, 0)
        and slot.view.read_for in (None, NOW)
        and slot.life.voids == 0
        and all(report is None or report.life == NOW for report in told)
        and not any(one and one.uid for one in slot.seen)
    ):
        return slot
    lives = {life_name(f"{slot.uid}.{slot.boot}", slot.life.voids): NOW}
    pods = {slot.uid: 0}

    def of(report: Report | None) -> Report | None:
        return report and replace(report, boot_id=lives.setdefault(report.life, f"-{len(lives)}"), voids=0)

    consumer, reported, stored, kept, *known = map(of, told)
    read_for = slot.view.read_for and lives.setdefault(slot.view.read_for, f"-{len(lives)}")
    seen = tuple(
        one and one._replace(uid=pods.setdefault(one.uid, -len(pods)), report=report)
        for one, report in zip(slot.seen, known, strict=True)
    )
    if read_for != NOW and not (consumer and consumer.boot_id == read_for):
        read_for = None
    view = replace(slot.view, read_for=read_for, consumer=consumer, reported=reported)
    life, inflight = slot.life, slot.inflight
    if life.voids:
        inflight = frozenset(
            replace(command, voids=0) if isinstance(command, Resume) and command.voids == life.voids else command
            for command in inflight
        )
        life = replace(life, voids=0)
    return replace(slot, uid=0, boot=0, life=life, inflight=inflight, view=view, stored=stored, kept=kept, seen=seen)


def forgetful(life: Lifecycle) -> Lifecycle:
    """The lifecycle without the memory of a pause that a newer command has overtaken."""
    return replace(life, paused_epoch=-1) if -1 < life.paused_epoch < life.seen_epoch else life
