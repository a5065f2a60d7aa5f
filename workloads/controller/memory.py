"""What the loop itself remembers from one look to the next: the protocol's memory, and the clock of the present phase.

Neither is needed for a switch to be right; a controller that starts anew has an empty one. The memory is what a lost
Lease is made again from; the clock is what timeouts are counted on.
"""

from collections.abc import Hashable

from workloads.common.lease import Grant
from workloads.controller.observe import Switch, memory_of
from workloads.controller.terms import Memory


class ProtocolMemory:
    """The newest grant that is known of, for the case that the Lease is gone.

    Epoch and last holder outlive the KafkaConsumerSwitch, because the members do. Generations and their outcomes do
    not: another object counts from 1 again, and must not inherit how the one before it ended.
    """

    def __init__(self) -> None:
        self._uid: str | None = None
        self._memory = Memory()

    def of(self, switch: Switch) -> Memory:
        """What is remembered for this object; when it is seen first, together with what its own status says."""
        if switch.uid != self._uid:
            said = memory_of(switch.status)
            newer = said if said.epoch >= self._memory.epoch else self._memory
            self._uid = switch.uid
            self._memory = Memory(newer.epoch, newer.last_holder, said.generation, said.outcome, said.reason)
        return self._memory

    def remember(self, grant: Grant) -> None:
        """The Lease as it is now, as the present object takes it (`lease.for_object`)."""
        if grant.epoch >= self._memory.epoch:
            holder = grant.holder or grant.last_holder
            self._memory = Memory(grant.epoch, holder, grant.generation, grant.outcome, grant.reason)


class Spell:
    """When something was first and last so."""

    def __init__(self) -> None:
        self.first: float | None = None
        self._last: float | None = None
        self._so = False

    def seen(self, so: bool, now: float) -> float | None:
        """Note a look, and return how long ago it was last so; None: it never was.

        Whatever changes is looked at at once, so what was so at one look was so until the next.
        """
        if so and self.first is None:
            self.first = now
        if so or self._so:
            self._last = now
        self._so = so
        return None if self._last is None else now - self._last


class PhaseClock:
    """Counts from this process's first sight of a phase, on the monotonic clock. All times in seconds."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._since = 0.0
        self._whole = Spell()
        self._ready = Spell()

    def elapsed(self, key: Hashable, now: float) -> float:
        """How long this phase has been going on."""
        if key != self._key:
            self._key, self._since = key, now
            self._whole, self._ready = Spell(), Spell()
        return now - self._since

    def since_whole(self, whole: bool, now: float) -> float | None:
        """How long ago the holder was last ACTIVE on all partitions in this phase; None: it never was."""
        return self._whole.seen(whole, now)

    def since_ready(self, ready: bool, now: float) -> tuple[float | None, float]:
        """How long ago the members of the colour asked for were all ready last in this phase (None: they never were),
        and how long ago first (0: they never were).
        """
        last = self._ready.seen(ready, now)
        return last, 0.0 if self._ready.first is None else now - self._ready.first

    def due(self, deadline: float) -> float:
        """The monotonic time at which so much of the phase has passed."""
        return self._since + deadline
