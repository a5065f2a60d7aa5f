"""What is, under one lock: watches feed it, the loop looks at frozen snapshots of it and waits for the next change."""

import threading
import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from workloads.common.kube import Event, Object, version_of
from workloads.common.report import Report
from workloads.common.states import Color
from workloads.controller.moments import Moment
from workloads.controller.observe import Pods, Switch, SwitchError, read_switch
from workloads.controller.terms import Member

BEFORE = Moment(0.0, 0.0)
"""Nothing has been seen yet."""


@dataclass(frozen=True, slots=True)
class SwitchSight:
    """The KafkaConsumerSwitch as it was seen last.

    object: None while there is none. switch: None too when it cannot be carried out; error then says why.
    read: something was read at all, and be it that there is none.
    first_sight: when this generation of this object was seen first. first_hand: it was made while this process watched.
    """

    object: Object | None = None
    switch: Switch | None = None
    error: SwitchError | None = None
    read: bool = False
    first_sight: Moment = BEFORE
    first_hand: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that is known at one moment. Nothing in it changes any more.

    lease: None when a read said that there is none; lease_read: whether one did. members: None before the first list.
    addresses: pod UID to IP, empty before it has one. listed: for which phase the last consistent list was begun.
    """

    asked: SwitchSight = SwitchSight()
    lease: Object | None = None
    lease_read: bool = False
    members: tuple[Member, ...] | None = None
    addresses: Mapping[str, str] | None = None
    listed: Hashable = None

    @property
    def complete(self) -> bool:
        """Whether everything was read once that there is to read."""
        return self.asked.read and (self.asked.switch is None or (self.lease_read and self.members is not None))


class Store:
    """Fed by any thread, looked at by the loop. What is older than what is known changes nothing."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._dirty = False
        self._stopped = False
        self._asked = SwitchSight()
        self._lease: Object | None = None
        self._lease_version = 0
        self._lease_read = False
        self._pods: Pods | None = None
        self._pods_read = False
        self._listed: Hashable = None

    # -- the loop's side -----------------------------------------------------------------------------------------------

    def look(self) -> Sight:
        """What is known now."""
        with self._changed:
            pods = self._pods if self._pods_read else None
            return Sight(
                asked=self._asked,
                lease=self._lease,
                lease_read=self._lease_read,
                members=None if pods is None else pods.members(),
                addresses=None if pods is None else pods.addresses(),
                listed=self._listed,
            )

    def wait(self, until: float) -> bool:
        """Wait for a change, or until this monotonic time. Returns False once `stop` was called."""
        with self._changed:
            while not self._dirty and not self._stopped:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._dirty = False
            return not self._stopped

    def wake(self) -> None:
        """Something else has changed: let the loop look."""
        with self._changed:
            self._notify()

    def stop(self) -> None:
        """Let the loop end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def newest(self) -> Object | None:
        """The KafkaConsumerSwitch object; None while there is none."""
        with self._changed:
            return self._asked.object

    def switch(self) -> Switch | None:
        """The switch that is asked for; None while there is none, or none that can be carried out."""
        with self._changed:
            return self._asked.switch

    def addresses_of(self, color: Color) -> dict[str, str]:
        """Pod name to IP, of one colour."""
        with self._changed:
            return self._pods.addresses_of(color) if self._pods is not None else {}

    # -- the watches' side ---------------------------------------------------------------------------------------------

    def switch_is(self, obj: Object | None) -> None:
        """The KafkaConsumerSwitch as it was read; None: there is none."""
        now = Moment.now()
        with self._changed:
            before = self._asked
            if obj is None:
                self._asked = SwitchSight(read=True, first_sight=now)
                self._notify()
                return
            if before.object is not None and version_of(obj) < version_of(before.object):
                return
            after = _read(obj)
            if after.switch is not None and before.switch is not None and _same(after.switch, before.switch):
                self._asked = replace(after, first_sight=before.first_sight, first_hand=before.first_hand)
                return  # its status, most of the time: what this process wrote itself
            self._asked = replace(after, first_sight=now, first_hand=before.read)
            self._notify()

    def expect_pods_of(self, switch: Switch) -> None:
        """Whose pods are reported from now on."""
        with self._changed:
            self._pods = Pods(switch)

    def lease_is(self, obj: Object | None, version: int) -> None:
        """The Lease as it was read, or None, at this resourceVersion."""
        with self._changed:
            self._lease_read = True
            if version > self._lease_version or not self._lease_version:
                self._lease, self._lease_version = obj, version
                self._notify()

    def pods_listed(self, found: Iterable[Object], version: int | None) -> None:
        """All pods, as a watch begins with them."""
        with self._changed:
            if self._pods is not None and version is not None:
                self._pods.listed(found, version)
            self._pods_read = True
            self._notify()

    def pod_changed(self, event: Event) -> None:
        """One event of the pods' watch."""
        with self._changed:
            if self._pods is not None and self._pods.changed(event.kind, event.object):
                self._notify()

    def heard(self, uid: str, report: Report | None) -> None:
        """What a pod's sidecar says directly; None: it is not heard."""
        with self._changed:
            if self._pods is not None and self._pods.heard(uid, report):
                self._notify()

    def list_ended(self, key: Hashable, found: Iterable[Object], version: int) -> None:
        """A consistent list that was begun in the phase `key`."""
        with self._changed:
            if self._pods is not None:
                self._pods.listed(found, version)
            self._listed = key
            self._notify()

    def _notify(self) -> None:
        """Have the loop look; the lock is held."""
        self._dirty = True
        self._changed.notify()


def _read(obj: Object) -> SwitchSight:
    try:
        return SwitchSight(obj, read_switch(obj), read=True)
    except SwitchError as error:
        return SwitchSight(obj, error=error, read=True)


def _same(one: Switch, other: Switch) -> bool:
    return (one.uid, one.spec.generation) == (other.uid, other.spec.generation)
