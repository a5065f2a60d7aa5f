"""What was logged and alerted before and during a run, and whether it is normal: the plan wants it looked at before and
after each test. What is not normal is shown, and explained by a text of people's; a verdict does not rest on it.
"""

from collections.abc import Mapping
from typing import Any

from experiments.logs.items import ITEMS, Item, Question
from experiments.reporting.told import NOTHING, Told
from experiments.reporting.words import Words
from experiments.results import RunResult
from experiments.tables import markdown

#: The spans of a result's logs, in the order of time.
_SPANS = ("before", "after")
#: Of an environment: what only a run has whose colours are connectors.
_OF_CONNECTORS = "kafka-connect"
_NORMAL = {True: "yes", False: "no", None: "unknown"}


def is_normal(result: RunResult) -> bool:
    """Whether nothing was found that wants to be explained; also where nobody looked."""
    fired = (result.alerts or {}).get("fired")
    return not fired and not any(_not_normal(result, span) for span in _SPANS)


def line(result: RunResult, words: Words) -> str:
    """What was looked at, and what was found."""
    return f"{_logs(result, words)}; {_alerts(result, words)}"


def table(result: RunResult, told: Told, words: Words) -> str:
    """Item by item, what was counted in the minute before the scenario and in it; empty where nobody looked."""
    rows = [_row(item, result, told, words) for item in ITEMS if any(item.key in _items(result, s) for s in _SPANS)]
    header = [words(f"watched.{name}") for name in ("item", "before", "during", "normal", "judged")]
    return f"{words('watched.how')}\n\n{markdown(header, rows)}" if rows else ""


def _row(item: Item, result: RunResult, told: Told, words: Words) -> list[object]:
    asked = item.connectors if _OF_CONNECTORS in result.environment else item.consumers
    judged = (words(f"watched.{_NORMAL[_items(result, span).get(item.key, {}).get('normal')]}") for span in _SPANS)
    return [
        f"`{item.key}`: {words.said(item.plan)}",
        *(_counted(item, span, result, told) for span in _SPANS),
        _expected(asked, words),
        ", ".join(judged),
    ]


def _counted(item: Item, span: str, result: RunResult, told: Told) -> str:
    """How many lines there were, and how many of them are never normal."""
    if item.key not in _items(result, span):
        return NOTHING
    where = f"logs.{span}.items.{item.key}"
    return " · ".join(told.figure(result.run, f"{where}.{name}", decimals=0) for name in ("lines", "bad"))


def _expected(asked: Question, words: Words) -> str:
    lines = words.said(asked.normal.words)
    return words("watched.never", lines=lines, bad=words.said(asked.bad)) if asked.bad else lines


def _logs(result: RunResult, words: Words) -> str:
    if result.logs is None:
        return words("watched.no_logs")
    if "error" in result.logs:
        return words("watched.logs_unknown", why=result.logs["error"])
    found = [
        words(f"watched.in_{span}", items=", ".join(f"`{key}`" for key in keys))
        for span in _SPANS
        if (keys := _not_normal(result, span))
    ]
    if unasked := sorted({key for span in _SPANS for key, said in _items(result, span).items() if "error" in said}):
        found.append(words("watched.unasked", items=", ".join(f"`{key}`" for key in unasked)))
    return words("watched.logs_not_normal", found=", ".join(found)) if found else words("watched.logs_normal")


def _alerts(result: RunResult, words: Words) -> str:
    if result.alerts is None:
        return words("watched.no_alerts")
    if "error" in result.alerts:
        return words("watched.alerts_unknown", why=result.alerts["error"])
    fired = [
        words("watched.alert", name=f"`{one['alert']}`", since=_clock(one["since"]), until=_clock(one["until"]))
        for one in result.alerts["fired"]
    ]
    begun = _clock(result.alerts["from"])
    return words("watched.fired", alerts=", ".join(fired), begun=begun) if fired else words("watched.silent")


def _clock(moment: str) -> str:
    """The time of day of a moment, to the second."""
    return f"`{moment.partition('T')[2][:8]}`"


def _items(result: RunResult, span: str) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = ((result.logs or {}).get(span) or {}).get("items", {})
    return found


def _not_normal(result: RunResult, span: str) -> list[str]:
    return [key for key, said in _items(result, span).items() if said["normal"] is False]
