"""Whose processes end while their colour is on probation, and are started again.

By the kubelet's count, which is in the pod's status: a process that ends before it has said anything counts as well.
What is counted is the application's containers; the sidecar is an init container that restarts always, and no part of
what is analysed.
"""

from collections.abc import Hashable, Iterable

from workloads.controller.terms import Member


class Restarts:
    """Counts from the first look in a phase; of a pod that came since, all of them. A controller that starts anew
    counts anew, as everything else of an analysis is begun anew.
    """

    def __init__(self) -> None:
        self._key: Hashable = None
        self._before: dict[str, int] = {}

    def seen(self, key: Hashable, members: Iterable[Member], most: int) -> str:
        """Take in the members as they are; returns who ended and how often if that is more often than `most` in all,
        else "".
        """
        members = tuple(members)
        if key != self._key:
            self._key, self._before = key, {member.uid: member.restarts for member in members}
        ended = {m.pod: n for m in members if (n := m.restarts - self._before.get(m.uid, 0)) > 0}
        if sum(ended.values()) <= most:
            return ""
        told = ", ".join(f"{pod} ({n})" for pod, n in sorted(ended.items()))
        return f"restarts of {told}; {most} in all are allowed"
