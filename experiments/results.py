"""What a run leaves: `result.json` and its types. No folder, no clock: text in, values out, and back.

The keys are a contract (design §5.7): tests, the report and whoever compares runs read them. `limit` is text with its
comparison and unit ("< 5 s", "= 0"), `measured` is the number itself, or null where nothing could be measured, which
never passes.

Schema 2 added `schema` and `kind`; a file without a schema number is of schema 1, which knew tests only. Schema 3 added
`commanded` to each switch: before it, every switch was commanded by `pulumi up`. Schema 4 added `logs`, which only a
result has whose platform had a log store; schema 5 `alerts`, of a platform that has them, and `screenshots`, of a run
that takes some.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

#: Of an environment: the time that the machine took for a fixed piece of work.
SPEED = "ms_per_million_additions"
SCHEMA = 5

Direction = Literal["blue-green", "green-blue"]
Kind = Literal["test", "measurement"]
Commanded = Literal["up", "patch"]
Number = int | float
Measured = Number | str | None

_KINDS: tuple[Kind, ...] = ("test", "measurement")
_COMMANDED: tuple[Commanded, ...] = ("up", "patch")
_COMMANDED_SINCE = 3
_ADDED_IN_2 = frozenset({"schema", "kind"})
#: Keys that not every result has: since which schema one may have it, and of which type it is then.
BESIDES: Mapping[str, tuple[int, type]] = {"logs": (4, dict), "alerts": (5, dict), "screenshots": (5, list)}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One judgement: passed only if something was measured and it kept the limit."""

    name: str
    limit: str
    measured: Measured
    passed: bool


@dataclass(frozen=True, slots=True)
class SwitchResult:
    """One switch, all times in seconds (design §5.7).

    commanded: `up`, by the configuration and `pulumi up`, once the update before had returned; `patch`, by hand on the
    live object (`kubectl patch`), which needs no update's end. up_seconds: until the update had returned; with `patch`,
    until the controller was seen to have settled it.
    """

    direction: Direction
    switch_seconds: float | None
    up_seconds: float
    handoff_seconds: float | None
    gap_seconds: float | None
    spacing_seconds: float | None
    outcome: str
    commanded: Commanded = "up"


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: `result.json` is this object. It has as many attributes as the contract has keys.

    A `test` has criteria and has passed or not. A `measurement` is there to show something, such as a baseline: its
    criteria, if it has any, say what was seen, and `passed` is None.

    More than a dozen attributes: they are the keys of a contract that others read.
    """

    run: str
    strategy: str
    scenario: str
    membership: str | None
    group_protocol: str | None
    started_at: str
    finished_at: str
    passed: bool | None
    criteria: list[Criterion]
    switches: list[SwitchResult]
    measurements: dict[str, Measured]
    environment: dict[str, Measured]
    command: str
    kind: Kind = "test"
    schema: int = SCHEMA
    logs: dict[str, Any] | None = None
    """What the log store said of the run (`experiments.logs`); None, and no key, where the platform has none."""
    alerts: dict[str, Any] | None = None
    """What was alerted meanwhile (`experiments.alerts`); None, and no key, where the platform has no alerts."""
    screenshots: list[dict[str, Any]] | None = None
    """The pictures taken meanwhile (`experiments.screenshots`); None, and no key, where none were asked for."""

    def to_json(self) -> str:
        """The text of `result.json`. Raises ValueError for a number that JSON does not have."""
        content = asdict(self)
        for key in BESIDES:
            if content[key] is None:
                del content[key]
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> RunResult:
    """Read a `result.json` of this schema or an older one.

    Raises ValueError naming what is missing, superfluous or of the wrong type, and a schema that is newer than this
    reader by its number.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("a result is a JSON object")
    schema = _schema(data)
    fields = set(RunResult.__dataclass_fields__) - (_ADDED_IN_2 if schema == 1 else frozenset()) - BESIDES.keys()
    fields |= {key for key, (since, kind) in BESIDES.items() if schema >= since and isinstance(data.get(key), kind)}
    if wrong := fields ^ set(data):
        raise ValueError(
            f"a result of schema {schema} has exactly the keys {', '.join(sorted(fields))}; "
            f"wrong: {', '.join(sorted(wrong))}"
        )
    kind = data.get("kind", "test")
    if kind not in _KINDS:
        raise ValueError(f"kind: {kind!r} is none of {', '.join(_KINDS)}")
    passed = data["passed"]
    if not (passed is None if kind == "measurement" else isinstance(passed, bool)):
        raise ValueError(f"passed: a {kind} has {'null' if kind == 'measurement' else 'true or false'}, not {passed!r}")
    try:
        return RunResult(
            **{
                **data,
                "kind": kind,
                "schema": schema,
                "criteria": [Criterion(**criterion) for criterion in data["criteria"]],
                "switches": [_switch(switch, schema) for switch in data["switches"]],
            }
        )
    except TypeError as error:
        raise ValueError(f"criteria or switches are not of the contract: {error}") from error


def _switch(data: dict[str, Any], schema: int) -> SwitchResult:
    """Raises TypeError for wrong keys, ValueError for a way of commanding that there is not."""
    if ("commanded" in data) != (schema >= _COMMANDED_SINCE):
        raise TypeError(f"a switch of schema {schema} has {'a' if schema >= _COMMANDED_SINCE else 'no'} key commanded")
    switch = SwitchResult(**data)
    if switch.commanded not in _COMMANDED:
        raise ValueError(f"commanded: {switch.commanded!r} is none of {', '.join(_COMMANDED)}")
    return switch


def _schema(data: dict[str, Any]) -> int:
    schema = data.get("schema", 1)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ValueError(f"schema: {schema!r} is no schema number; {SCHEMA} is the newest that this reader knows")
    if schema > SCHEMA:
        raise ValueError(f"schema {schema} is newer than this reader, which knows up to {SCHEMA}; use a newer checkout")
    if "schema" in data and schema == 1:
        raise ValueError("schema: 1 had no schema number")
    return schema
