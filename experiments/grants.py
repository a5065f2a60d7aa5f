"""When the grant was with nobody, as the controller's own log of a run tells it: from `Lease released` to the next
`Lease acquired`. Pure, but for reading the file.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.names import CONTROLLER
from experiments.measurements import seconds_since_epoch
from experiments.records import compressed_text

_RELEASED, _ACQUIRED = "Lease released", "Lease acquired"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """epoch: of the withdrawal, the next one being the grant's. released, granted: seconds since 1970, by the cluster's
    clock; granted is None while nobody has been granted anything again.
    """

    epoch: int
    released: float
    granted: float | None

    def holds(self, at: float) -> bool:
        """Whether nobody held the grant at a moment."""
        return self.released <= at and (self.granted is None or at < self.granted)


def kept(folder: Path) -> list[Withdrawal]:
    """Those of a run, of whose controller its folder has the log; in their order."""
    files = sorted(folder.glob(f"{CONTROLLER}*.log.zst"))
    return withdrawals(line for file in files for line in compressed_text(file).splitlines())


def withdrawals(lines: Iterable[str]) -> list[Withdrawal]:
    """Of the controller's lines, in their order: the kubelet's time, and one JSON object."""
    found: list[Withdrawal] = []
    for line in lines:
        if _RELEASED not in line and _ACQUIRED not in line:
            continue
        told = json.loads(line[line.index("{") :])
        at, epoch = seconds_since_epoch(told["time"]), int(told["epoch"])
        if told["message"] == _RELEASED:
            found.append(Withdrawal(epoch, at, None))
        elif found and found[-1].granted is None:
            found[-1] = Withdrawal(found[-1].epoch, found[-1].released, at)
    return found


def within(found: Iterable[Withdrawal], begun: float, ended: float) -> Sequence[Withdrawal]:
    """Those that began in a span."""
    return [one for one in found if begun <= one.released < ended]
