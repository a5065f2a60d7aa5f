"""What a defect of the bad application is, and the register of all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Broken = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Defect:
    """What is broken, how, and the points that have to fail by it: those that are about it.

    follows: others that fail by it too; why: what of it they rest on. membership: in which it is tried.
    """

    what: str
    breaks: Broken
    fails: frozenset[str]
    follows: frozenset[str]
    why: str
    membership: str


DEFECTS: dict[str, Defect] = {}


def defect(
    what: str, *fails: str, follows: tuple[str, ...] = (), why: str = "", membership: str = "takeover"
) -> Callable[[Broken], Broken]:
    """Registers a defect under its function's name, with - for _. Raises ValueError when something follows without a
    reason.
    """
    if bool(follows) != bool(why):
        raise ValueError(f"{what}: what follows, and why, are said together")

    def register(breaks: Broken) -> Broken:
        name = breaks.__name__.replace("_", "-")
        DEFECTS[name] = Defect(what, breaks, frozenset(fails), frozenset(follows), why, membership)
        return breaks

    return register


def patch(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function by what `make` makes of it."""
    setattr(owner, name, make(getattr(owner, name)))


def put(owner: Any, name: str, value: Any) -> None:
    """Have this in the place of what was there."""
    setattr(owner, name, value)
