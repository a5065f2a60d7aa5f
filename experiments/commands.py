"""Whether a switch that is there was made by a command of this run: pure."""

from components.names import COLORS
from experiments.cluster import LiveSwitch
from experiments.guard import ForeignChangeError
from experiments.measurements import LastSwitch


def of_this_command(
    live: LiveSwitch, source: str, target: str, generation: int | None, earliest: float | None
) -> LastSwitch | None:
    """`lastSwitch` if it is about the generation that the command made and about its direction.

    Else the controller took no note of the command. Raises ForeignChangeError if it is said to have begun before it was
    commanded, or if there is a newer generation already. Where a scaler makes generations, the command's is the one
    whose switch began after it.
    """
    spec = live.raw["spec"]
    if all(spec.get(color, {}).get("set") for color in COLORS):  # the number alone may be left behind
        return _begun_since(live, source, target, earliest)
    if live.generation != generation:
        raise ForeignChangeError(
            [f"KafkaConsumerSwitch {live.raw['metadata']['name']}: generation {generation} -> {live.generation}"]
        )
    last = live.last
    if last is None or last.generation != generation or (last.source, last.target) != (source, target):
        return None
    if earliest is not None and last.started_at is not None and last.started_at < earliest:
        raise ForeignChangeError(
            [f"the switch of generation {generation} began {earliest - last.started_at:.3f} s before its command"]
        )
    return last


def _begun_since(live: LiveSwitch, source: str, target: str, earliest: float | None) -> LastSwitch | None:
    last = live.last
    if last is None or (last.source, last.target) != (source, target):
        return None
    before = earliest is not None and last.started_at is not None and last.started_at < earliest
    return None if before else last
