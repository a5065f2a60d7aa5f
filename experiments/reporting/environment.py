"""Part two of the report: what the runs ran on, with which versions, and how they were asked for.

`components.toml` has the components: where a result says which version of one ran, and for those of which no result
does, the version that the build is pinned to. It names what each stands in for by the words of docs/stand-ins.md.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jmespath

from experiments.reporting.told import NOTHING, Told
from experiments.reporting.words import Words
from experiments.results import RunResult
from experiments.tables import markdown

_COMPONENTS = Path(__file__).with_name("components.toml")
#: Of an environment: what says how a run was asked for, and not what it ran on.
_ASKED = (
    "partitions", "replicas", "rate", "message_bytes", "lag_policy", "drain_timeout_seconds", "resume_timeout_seconds",
    "membership", "group_protocol", "fencing", "standby", "on_rollback", "control", "connect",
)  # fmt: skip
_CLUSTER = ("nodes", "node_cpus", "node_memory_gib", "kernel", "os", "container_runtime", "kubernetes")
_NO_COMPONENTS = frozenset(
    {
        "strategy", "active", "attempt", "topic", "lag_timeout_seconds", "lag_threshold", "ready_timeout_seconds",
        "allow_in_place", "session_timeout_seconds", "paused", "page", "blue version", "green version", "blue image",
        "green image", "ms_per_million_additions", "static", *_ASKED, *_CLUSTER,
    }
)  # fmt: skip
_IMAGE = "image "


@dataclass(frozen=True, slots=True)
class Component:
    """A part of what the runs ran on.

    environment: the key of a result's environment that has its version; said: where else a result has it, as JMESPath.
    pinned: what the build is pinned to, where no result says what ran. image, scenario: a run has it that has this
    image, or is of this scenario; without either every run has it. stands_in: for what, in the words of
    docs/stand-ins.md; empty for what stands in for nothing.
    """

    name: str
    environment: str = ""
    said: str = ""
    pinned: str = ""
    image: str = ""
    scenario: str = ""
    stands_in: str = ""

    def used_in(self, result: RunResult) -> bool:
        """Whether a run had it, as far as its result says so."""
        if self.scenario:
            return result.scenario == self.scenario
        return not self.image or f"{_IMAGE}{self.image}" in result.environment

    def version_in(self, result: RunResult) -> str | None:
        """What ran, as the result has read it."""
        if self.environment:
            found = result.environment.get(self.environment)
        else:
            found = jmespath.search(self.said, {"logs": result.logs, "alerts": result.alerts}) if self.said else None
        return None if found is None else str(found)


def components() -> list[Component]:
    """All of them, in the order in which they are shown."""
    return [Component(**one) for one in tomllib.loads(_COMPONENTS.read_text(encoding="utf-8"))["component"]]


def environment(results: Sequence[RunResult], besides: Sequence[RunResult], told: Told, words: Words) -> str:
    """results: of the plan's scenarios. besides: the other runs that the report shows."""
    last = max(results, key=lambda one: one.started_at)
    cluster: list[list[object]] = [
        [words(f"cluster.{name}"), _value(told, last, name)] for name in _CLUSTER if name in last.environment
    ]
    asked: list[list[object]] = []
    for name in _ASKED:
        values = sorted({str(r.environment[name]) for r in results if r.environment.get(name) is not None})
        if values:
            asked.append([words(f"asked.{name}"), ", ".join(f"`{value}`" for value in values)])
    speeds, speed = [one.run for one in results], "environment.ms_per_million_additions"
    return "\n\n".join(
        [
            words("environment.cluster", run=last.run),
            markdown(["", ""], cluster),
            words("environment.components"),
            _table([*results, *besides], words),
            words("environment.asked"),
            markdown([words("environment.key"), words("environment.values")], asked),
            words(
                "environment.speed",
                least=told.figure(speeds, speed, "min", decimals=1),
                most=told.figure(speeds, speed, "worst", decimals=1),
            ),
        ]
    )


def _table(results: Sequence[RunResult], words: Words) -> str:
    """Every component that was in use; last, what an environment has besides."""
    rows: list[list[object]] = []
    known = components()
    for component in known:
        using = [result for result in results if component.used_in(result)]
        read = _several(component.version_in(result) for result in using)
        if not using or not (read or component.pinned):
            continue
        stand_in = words("environment.stand_in", what=words.said(component.stands_in)) if component.stands_in else ""
        pinned = words("environment.pinned", version=f"`{component.pinned}`") if component.pinned else NOTHING
        rows.append([component.name, read or pinned, stand_in])
    named = _NO_COMPONENTS | {component.environment for component in known}
    names = {name for result in results for name in result.environment if not name.startswith(_IMAGE)} - named
    rows += [[name, _several(_said(result, name) for result in results), ""] for name in sorted(names)]
    return markdown([words(f"environment.{name}") for name in ("component", "version", "stands_in")], rows)


def _said(result: RunResult, name: str) -> str | None:
    value = result.environment.get(name)
    return None if value is None else str(value)


def _several(values: Iterable[str | None]) -> str:
    return ", ".join(f"`{value}`" for value in sorted({value for value in values if value is not None}))


def _value(told: Told, result: RunResult, name: str) -> str:
    value = result.environment[name]
    return told.figure(result.run, f"environment.{name}") if isinstance(value, int | float) else f"`{value}`"
