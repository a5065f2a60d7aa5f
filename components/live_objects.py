"""Whether an object is there as it was written: the comparison alone, without any I/O. `standing` reads it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.advice import up
from components.connect_names import CONNECTOR_KIND

Object = Mapping[str, Any]

#: Pulumi's mark of a secret among inputs. What it stands for is not compared: a difference would be told.
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - no secret, their mark
_MOST_PATHS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object as the program has it. collection: the path of its kind in its namespace. content: its `spec` or
    `data`, by that key. ignored: the paths that others write.
    """

    kind: str
    namespace: str
    name: str
    collection: str
    content: Mapping[str, Any]
    ignored: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """paths: where the live object is otherwise; none when it is not there. resized: only its number of pods is."""

    wanted: Wanted
    paths: tuple[str, ...]

    @property
    def resized(self) -> bool:
        return bool(self.paths) and set(self.paths) <= {"spec.replicas"}

    def __str__(self) -> str:
        if not self.paths:
            return f"{self.wanted} is not there"
        more = len(self.paths) - _MOST_PATHS
        return f"{self.wanted}: {', '.join(self.paths[:_MOST_PATHS])}" + (f" and {more} more" if more > 0 else "")


def difference(wanted: Wanted, live: Object | None) -> Difference | None:
    """How the live object, None for none, is otherwise than it was written; None when it is not."""
    if live is None:
        return Difference(wanted, ())
    paths = tuple(path for path in _lacking(wanted.content, live, "") if not _within(path, wanted.ignored))
    return Difference(wanted, paths) if paths else None


def advice(stack: str, differences: Iterable[Difference]) -> str:
    """What is otherwise, and what to do; empty for nothing. stack: its name."""
    found = list(differences)
    lines = [f"  {one}" for one in found]
    if not lines:
        return ""
    # Of a connector a preview ends in a conflict: the provider takes nothing by force where an agent writes, too.
    preview = all(one.wanted.kind != CONNECTOR_KIND for one in found)
    return (
        f"stack {stack} is not as Pulumi wrote it last: an update was cut off, or somebody else wrote\n"
        + "\n".join(lines)
        + f"\nTo write what the configuration says: {up(stack, refresh=True, preview=preview)}"
    )


def _within(path: str, ignored: Iterable[str]) -> bool:
    return any(path == start or path.startswith((f"{start}.", f"{start}[")) for start in ignored)


def _lacking(wanted: object, live: object, path: str) -> Iterator[str]:
    """The paths at which `live` has not what `wanted` says; what that says nothing of is others'. A value that is
    empty equals its absence: API servers leave it out.
    """
    if not wanted and not live:
        return
    if isinstance(wanted, Mapping):
        if _SECRET in wanted:
            return
        if isinstance(live, Mapping):
            for key, value in wanted.items():
                yield from _lacking(value, live.get(key), f"{path}.{key}" if path else str(key))
            return
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for number, (value, there) in enumerate(zip(wanted, live, strict=True)):
            yield from _lacking(value, there, f"{path}[{number}]")
        return
    if wanted != live:
        yield path
