"""Who is in the holder's group that is none of ours, and what closed members have left behind in it.

The group is described while the holder does not own everything, and not otherwise: who takes nothing away disturbs
nobody. What is seen counts when two descriptions, more than a heartbeat apart, show it: a member of ours that has just
joined has not reported itself yet, and one that has died is still there. Who is foreign is told of a stable group only.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from workloads.common.kube import KubeError
from workloads.common.lease import Grant
from workloads.common.logs import fields
from workloads.controller.measured import MeasureError
from workloads.controller.members import not_owned
from workloads.controller.observe import PositionsFrom, Switch
from workloads.controller.places import RECONCILING, STABLE, Place, Places, ours
from workloads.controller.terms import Member, Standby

logger = logging.getLogger(__name__)

# Twice the heartbeat that the protocol owns (500 ms).
INTERVAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """Whom to tell from others. group: the holder's. members: the coordinator's names for our processes, as they said
    last. pods: our pods' names, ordinals: their numbers, reporting: those of whom a process has reported, joined: those
    whose process is in the group, as it said last, hosts: their addresses. still: whether the grant stands as it did,
    read anew; raises KubeError. waits: it is the group of a colour that waits, whose members handle nothing.
    """

    group: str
    members: frozenset[str]
    pods: frozenset[str]
    ordinals: frozenset[int]
    reporting: frozenset[int]
    joined: frozenset[int]
    hosts: frozenset[str]
    still: Callable[[], bool]
    waits: bool = False

    @classmethod
    def of(
        cls,
        group: str,
        members: Iterable[Member],
        hosts: Iterable[str],
        still: Callable[[], bool],
        *,
        waits: bool = False,
    ) -> "Question":
        """For what is known of our pods."""
        members = tuple(members)
        return cls(
            group,
            members=frozenset(m.report.member_id for m in members if m.report is not None and m.report.member_id),
            pods=frozenset(member.pod for member in members),
            ordinals=frozenset(member.ordinal for member in members),
            reporting=frozenset(member.ordinal for member in members if member.report is not None),
            joined=frozenset(m.ordinal for m in members if m.report is not None and m.report.member_id),
            hosts=frozenset(hosts),
            still=still,
            waits=waits,
        )

    def foreign(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """Those that are neither a process of ours nor could have been one. The name of a static member, the host or
        the client's name tell that.
        """
        named = {place.member for place in ours(self.group, places)}
        return tuple(
            place
            for place in places
            if place.member not in self.members | named
            and place.host.lstrip("/") not in self.hosts
            and not any(place.client.startswith(pod) for pod in self.pods)
        )

    def left_behind(self, places: Iterable[Place], state: str) -> tuple[Place, ...]:
        """Those that bear our name, of a number that no pod has any more, of either colour.

        Whoever has a pod may be alive, whatever is known of it: a sidecar that is away leaves an old report. Its place
        is its own, and taken over when it comes back. Not so by another group protocol: the place of the old one keeps
        the process of the new one out (UNRELEASED_INSTANCE_ID, KIP-848) for as long as a session lasts. So in the group
        of a colour that waits, where nobody handles anything, a place that no process claims goes as well. In a stable
        group every living member has been assigned something, or nothing, and has told so. One that has been converted
        is not stable before those places are gone: there it is a place whose number is in the group as another member.
        """
        unclaimed = frozenset[int]()
        if self.waits:
            unclaimed = {STABLE: self.reporting, RECONCILING: self.joined}.get(state, unclaimed)
        return tuple(
            place
            for place in ours(self.group, places)
            if (number := _number(place.instance)) not in self.ordinals
            or (number in unclaimed and place.member not in self.members)
        )


def looked_at(switch: Switch, grant: Grant | None, members: Iterable[Member], *, whole: bool) -> str:
    """Which group is to be looked at: the holder's that has settled and is not whole, or that of the colour that waits,
    where it has partitions to be ready with and has not all of them. Empty when none is.
    """
    # Who has the work done by others is in no group: whoever is in it is none of its pods.
    themselves = switch.positions is PositionsFrom.MEMBERS
    if not themselves or grant is None or grant.holder is None or grant.outcome is None:
        return ""
    if not whole:
        return switch.group(grant.holder)
    waiting = grant.holder.other
    prepared = switch.spec.standby is not Standby.ASSIGNED or not switch.spec.count(waiting)
    return "" if prepared or not not_owned(switch.spec, members, waiting) else switch.group(waiting)


class GroupWatch:
    """Looks on a thread of its own while somebody asks; the loop reads what it found, and is woken when it changes."""

    def __init__(self, places: Places, changed: Callable[[], None]) -> None:
        self._places = places
        self._changed = changed
        self._question: Question | None = None
        self._before: tuple[str, frozenset[Place]] = ("", frozenset())
        self._foreign: tuple[Place, ...] = ()
        self._failing = False
        self._asked = threading.Condition()
        self._stopped = False
        self.thread = threading.Thread(target=self._run, name="group", daemon=True)

    def ask(self, question: Question | None) -> None:
        """Look for this from now on; None: for nothing."""
        with self._asked:
            begins = self._question is None and question is not None
            self._question = question
            if question is None:
                self._foreign, self._before = (), ("", frozenset())
            if begins:
                self._asked.notify()

    def foreign(self) -> tuple[Place, ...]:
        """Who was seen twice in the group that is asked for, and is none of ours."""
        with self._asked:
            return self._foreign

    def stop(self) -> None:
        """Look no more."""
        with self._asked:
            self._stopped = True
            self._asked.notify()

    def read(self) -> None:
        """Look once. What cannot be read is not known, and what is not known is not acted on."""
        with self._asked:
            question = self._question
        if question is None:
            return
        try:
            state, places = self._places.look(question.group)
            twice = self._seen_twice(question, places)
            self._tell(question, question.foreign(twice) if state == STABLE else ())
            # Also in the middle of a rebalance: it waits for those who will never come, for as long as a session lasts.
            self._remove(question, question.left_behind(twice, state))
        except (MeasureError, KubeError) as error:
            if not self._failing:
                logger.warning("the group cannot be described", extra=fields(error=str(error)))
            self._failing = True
            return
        self._failing = False

    def _seen_twice(self, question: Question, places: tuple[Place, ...]) -> tuple[Place, ...]:
        group, before = self._before
        self._before = question.group, frozenset(places)
        known = {place.member for place in before} if group == question.group else set()
        return tuple(place for place in places if place.member in known)

    def _tell(self, question: Question, foreign: tuple[Place, ...]) -> None:
        with self._asked:
            if self._question is None or self._question.group != question.group or foreign == self._foreign:
                return
            self._foreign = foreign
        logger.warning("members of others in the group" if foreign else "no members of others in the group any more",
                       extra=fields(group=question.group, members=[str(place) for place in foreign]))  # fmt: skip
        self._changed()

    def _remove(self, question: Question, places: tuple[Place, ...]) -> None:
        if not places or not question.still():
            return
        logger.warning(
            "removing what was left behind",
            extra=fields(group=question.group, members=[str(place) for place in places]),
        )
        self._places.remove(question.group, places)

    def _run(self) -> None:
        while True:
            with self._asked:
                if self._question is None:
                    self._asked.wait()
                if self._stopped:
                    return
            began = time.monotonic()
            try:
                self.read()
            except Exception:
                logger.exception("the group cannot be described")
            with self._asked:
                if not self._stopped:
                    self._asked.wait(max(0.0, began + INTERVAL_SECONDS - time.monotonic()))


def _number(instance: str) -> int:
    """Of whose pod a static member is; -1 for a name that is none of ours."""
    number = instance.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1
