"""Faults that can be injected while the consumer runs: what to do to a record or a commit, not how."""

import threading
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]


class Faults(BaseModel):
    """The four faults; all off by default.

    processing_delay_ms: each record takes so much longer. failure_rate: this part of the records fails (0 to 1).
    commit_delay_ms: a commit is sent so much later. exceed_max_poll_interval: each record takes longer than
    `max.poll.interval.ms`, so that the client drops out of the group.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    processing_delay_ms: Milliseconds = 0.0
    failure_rate: Share = 0.0
    commit_delay_ms: Milliseconds = 0.0
    exceed_max_poll_interval: bool = False


class FaultsChange(BaseModel):
    """`PUT /faults`: what is named is changed, the rest stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    processing_delay_ms: Milliseconds | None = None
    failure_rate: Share | None = None
    commit_delay_ms: Milliseconds | None = None
    exceed_max_poll_interval: bool | None = None


class FaultInjection:
    """The faults that hold now. Any thread changes them, the poll loop reads them."""

    def __init__(self, faults: Faults, *, enabled: bool) -> None:
        self.enabled = enabled
        self.now = faults
        self.active: Faults | None = None
        self._changing = threading.Lock()
        self.replace(faults)

    def replace(self, faults: Faults) -> None:
        """These from now on. `active` is what a hot loop looks at: None while all are off."""
        with self._changing:
            self.now = faults
            self.active = None if faults == Faults() else faults

    def change(self, change: FaultsChange) -> Faults:
        """Apply the named ones; gives all."""
        changed = self.now.model_copy(update=change.model_dump(exclude_none=True))
        self.replace(changed)
        return changed
