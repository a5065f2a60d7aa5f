"""Whether a switch that is there was made by a command of this run: pure."""

from components.names import COLORS
from experiments.cluster import LiveSwitch
from experiments.guard import ForeignChangeError
from experiments.measurements import SUPERSEDED, LastSwitch


def of_this_command(
    live: LiveSwitch, source: str, target: str, *, before: int, generation: int | None, earliest: float | None
) -> LastSwitch | None:
    """`lastSwitch` if it is about the generation that the command made and about its direction.

    Else the controller took no note of the command. Raises ForeignChangeError if it is said to have begun before it was
    commanded, or if there is a newer generation already. Where a scaler makes generations, the command's is the one in
    which there was a switch since the generation `before` it; ForeignChangeError if there was any other.
    """
    spec = live.raw["spec"]
    if all(spec.get(color, {}).get("set") for color in COLORS):  # the number alone may be left behind
        last = _the_one_since(live, source, target, before)
    elif live.generation != generation:
        raise ForeignChangeError([f"{_name(live)}: generation {generation} -> {live.generation}"])
    else:
        last = live.last
        if last is None or last.generation != generation or (last.source, last.target) != (source, target):
            return None
    if earliest is not None and last is not None and last.started_at is not None and last.started_at < earliest:
        early = f"{earliest - last.started_at:.3f} s before its command"
        raise ForeignChangeError([f"{_name(live)}: the switch of generation {last.generation} began {early}"])
    return last


def _the_one_since(live: LiveSwitch, source: str, target: str, before: int) -> LastSwitch | None:
    """The newest switch of a generation after `before`; None if there was none. One that waits, for lag or for members,
    is ended as superseded with each number that a scaler writes, and goes on under the next generation: it is one.
    Raises ForeignChangeError if there was another one.
    """
    ended = [LastSwitch.of(entry) for entry in live.raw.get("status", {}).get("history") or ()]
    known = [*ended, *([live.last] if live.last else [])]
    since = sorted({one.generation: one for one in known if one.generation > before}.items())
    others = [
        f"generation {generation}, {one.source} to {one.target}: {one.outcome or 'under way'}"
        for number, (generation, one) in enumerate(since, 1)
        if (one.source, one.target) != (source, target) or (one.outcome != SUPERSEDED and number < len(since))
    ]
    if others:
        raise ForeignChangeError([f"{_name(live)}: switched besides the run's own command: {'; '.join(others)}"])
    return since[-1][1] if since else None


def _name(live: LiveSwitch) -> str:
    return f"KafkaConsumerSwitch {live.raw['metadata']['name']}"
