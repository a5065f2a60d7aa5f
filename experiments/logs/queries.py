"""From the table to queries, and from answers to what a result says of them. Pure: text in, values out."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Any

from components import names
from components.names import COLORS
from components.strategies.parts import Parts
from experiments.logs.items import ITEMS, Item, Question, Situation

NAMESPACE_FIELD = "kubernetes.pod_namespace"
CONTAINER_FIELD = "kubernetes.container_name"
POD_FIELD = "kubernetes.pod_name"

_NO_SWITCH = Situation(switches=0, members=0, workers=0)

Figure = int | float | str
Rows = list[dict[str, Figure]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines of a switch are: its namespace, the consumer groups, and its containers by their parts."""

    namespace: str
    groups: tuple[str, ...]
    member: str
    sidecar: str
    workers: tuple[str, ...]

    @property
    def of_connectors(self) -> bool:
        """Whether the colours are connectors."""
        return bool(self.workers)


def place_of(namespace: str, groups: Iterable[str], parts: Parts) -> Place:
    """Where the lines of a stack's switch are."""
    member = parts.members.program.container
    return Place(
        namespace=namespace,
        groups=tuple(sorted(set(groups))),
        member=member,
        # An agent is a sidecar whose application is a connector: it has no sidecar of its own.
        sidecar=names.SIDECAR if parts.workers is None else member,
        workers=tuple(sorted({parts.workers.sets[color] for color in COLORS})) if parts.workers else (),
    )


def question(item: Item, place: Place) -> Question:
    """How the item is found there."""
    return item.connectors if place.of_connectors else item.consumers


def query(item: Item, place: Place, since: float, until: float) -> str:
    """The LogsQL of an item for a span, in seconds since 1970, its end left out."""
    return Template(question(item, place).query).substitute(
        of=span(since, until),
        member=stream(place.namespace, place.member),
        sidecar=stream(place.namespace, place.sidecar),
        controller=stream(place.namespace, names.CONTROLLER),
        worker=stream(place.namespace, *place.workers),
        broker=stream(names.PLATFORM_NAMESPACE, names.KAFKA),
        groups="|".join(name.replace(".", "[.]") for name in place.groups),
    )


def span(since: float, until: float) -> str:
    """A filter by time."""
    return f"_time:[{_moment(since)}, {_moment(until)})"


def stream(namespace: str, *containers: str) -> str:
    """A filter of the streams of containers."""
    named = f'"{CONTAINER_FIELD}"=~"{"|".join(containers)}"'
    return f'{{"{NAMESPACE_FIELD}"="{namespace}",{named}}}'


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def rows(answer: str) -> Rows:
    """The store's answer, a JSON object a line whose values are text, with numbers for what is one.

    Raises ValueError for anything else.
    """
    found = []
    for line in answer.splitlines():
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"{line!r} is no row")
            found.append({str(name): _figure(str(value)) for name, value in row.items() if value != ""})
    return sorted(found, key=lambda row: str(row.get("what", "")))


def _figure(text: str) -> Figure:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return text


def judged(item: Item, place: Place, found: Rows, now: Situation | None, *, ours: bool) -> dict[str, Any]:
    """What a result says of an item: `lines`, `bad`, `normal`, and the rows where there is more to tell.

    now: what the numbers are compared with; None for a span that had no switch. ours: whether the application is this
    project's; of another one's lines it is not said what is normal (None).
    """
    asked = question(item, place)
    lines, bad = (_sum(found, name) for name in ("lines", "bad"))
    compared = asked.normal.holds(lines, now or _NO_SWITCH) if now or asked.normal.always else True
    normal = None if asked.ours and not ours else bad == 0 and compared
    said: dict[str, Any] = {"lines": lines, "bad": bad, "normal": normal}
    detail = [row for row in found if row.get("lines", 0)]
    return said | ({"rows": detail} if any(set(row) - {"lines", "bad"} for row in detail) else {})


def _sum(found: Rows, name: str) -> int:
    return sum(int(row.get(name, 0)) for row in found)


def anomalies(section: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The items that are not normal, each with its numbers, as a person is told."""
    return [
        f"{item.key}: {said['lines']} lines, {said['bad']} bad"
        for item in ITEMS
        if (said := section.get(item.key)) is not None and said["normal"] is False
    ]
