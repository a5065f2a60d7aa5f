"""The switch page's state as lines for a terminal: pure, and the same words as the page's."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

State = Mapping[str, Any]
Point = Mapping[str, Any]

_CODES = {"blue": "34", "green": "32", "bad": "31", "quiet": "2", "strong": "1"}
_STEPS = {
    "withdrawn": "grant withdrawn from {who}, epoch {epoch}",
    "paused": "{who} is PAUSED",
    "granted": "{who} is granted, epoch {epoch}",
    "active": "{who} is ACTIVE",
    "ended": "{who}",
}
_STEPS_SHOWN = 14
_HISTORY_SHOWN = 5
_SHADES = " ░▒▓█"


def rendered(state: State, points: Sequence[Point], width: int, *, colored: bool = True) -> list[str]:
    """All of it, each line at most `width` columns wide. points: the figures so far, the newest last."""
    paint = _Paint(width, on=colored)
    lines = [paint.line(f"{state['namespace']}  {_connection(state)}", "strong")]
    switch = state["switch"]
    if switch is None:
        said = f"there is no switch; to deploy it: pulumi up -s {state['namespace']}" if state["read"] else "reading …"
        return [*lines, "", paint.line(said)]
    lines += [paint.line(text, kind) for text, kind in _now(switch)]
    last = points[-1] if points else {}
    for color in state["colors"]:
        lines += ["", *(paint.line(text, kind) for text, kind in _color(color, last))]
    lines += ["", *(paint.line(text, kind) for text, kind in _handoff(state["handoff"]))]
    lines += ["", *(paint.line(text, kind) for text, kind in _lag(state, last, width))]
    lines += ["", *(paint.line(text, kind) for text, kind in _ends(state))]
    return lines


def summary(state: State) -> str:
    """Where things stand, in one line; the same for as long as nothing of it changes."""
    switch = state["switch"]
    if switch is None:
        return "no switch" if state["read"] else "reading"
    states = " ".join(
        f"{color['color']} {'/'.join(pod['state'] for pod in color['pods']) or 'no pods'}" for color in state["colors"]
    )
    active = switch["active"] or "nobody"
    return f"{switch['phase']}: {active} is active, epoch {switch['epoch']}; {states}"


class _Paint:
    """Cuts lines to a width, and colours them whole."""

    def __init__(self, width: int, *, on: bool) -> None:
        self._width = max(20, width)
        self._on = on

    def line(self, text: str, kind: str = "") -> str:
        cut = text if len(text) <= self._width else f"{text[: self._width - 1]}…"
        return f"\x1b[{_CODES[kind]}m{cut}\x1b[0m" if self._on and kind in _CODES else cut


def _connection(state: State) -> str:
    lost = state["lostSeconds"]
    return "" if lost is None else f"[the API server has not answered for {lost:.0f} s; what is shown is older]"


def _now(switch: Mapping[str, Any]) -> list[tuple[str, str]]:
    does = "is taking over" if switch["stage"] in {"switching", "rolling back"} else "is active"
    active = f"{switch['active']} {does}" if switch["active"] else f"nobody is active, lease {switch['lease']}"
    wanted = "" if switch["active"] == switch["wanted"] else f", asked for: {switch['wanted']}"
    phase = f"{switch['stage']}: {switch['phase']} for {switch['phaseSeconds']:.1f} s, epoch {switch['epoch']}"
    ended = f"generation {switch['generation']}, outcome {switch['settled']['reason'] or '-'}"
    facts = [(f"{active}{wanted}", switch["active"] or "bad"), (f"{phase}, {ended}", "")]
    if switch["ready"]["status"] == "False":
        facts.append((f"not ready: {switch['ready']['reason']}: {switch['ready']['message']}", "bad"))
    return [*facts, *([(switch["problem"], "bad")] if switch["problem"] else [])]


def _color(color: Mapping[str, Any], last: Point) -> list[tuple[str, str]]:
    name = color["color"]
    lag, rate = (last.get(figure, {}).get(name) for figure in ("lag", "rate"))
    head = f"{name} {color['role']}, version {color['version'] or '?'}, {color['ready']} of {color['replicas']} ready"
    rows = [
        (f"{head}, lag {_number(lag)}, {_number(rate)} records/s", name),
        (f"  {color['image'] or 'image unknown'}", "quiet"),
    ]
    for pod in color["pods"]:
        notes = ["" if pod["ready"] else "not Ready", pod["obstacle"], "is ending" if pod["going"] else ""]
        said = "; ".join(filter(None, notes))
        bad = "bad" if said or pod["state"] in {"Unreachable", "no report"} else ""
        owned = f"{len(pod['partitions'])} partitions"
        rows.append((f"  {pod['name']:<24} {pod['state']:<11} epoch {pod['epoch']:<5} {owned}  {said}".rstrip(), bad))
    return rows


def _handoff(handoff: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if handoff is None:
        return [("hand-off: none has been seen yet", "quiet")]
    state = "under way" if handoff["running"] else handoff["outcome"]
    rows = [(f"hand-off {handoff['from'] or 'nobody'} to {handoff['to'] or '…'}: {state}", "strong")]
    return rows + [
        (f"  {step['ms']:>9.1f} ms  {_STEPS[step['what']].format(**step)}", step["color"])
        for step in handoff["steps"][-_STEPS_SHOWN:]
    ]


def _lag(state: State, last: Point, width: int) -> list[tuple[str, str]]:
    if state["figuresProblem"]:
        return [(state["figuresProblem"], "bad")]
    holder = state["switch"]["active"] or state["switch"]["lastHolder"]
    columns = last.get("partitions", {})
    lags: Sequence[float | None] = columns.get(holder) or next(iter(columns.values()), ())
    if not lags:
        return [("lag by partition: not known", "quiet")]
    top = max([1.0, *(lag for lag in lags if lag is not None)])
    cells = "".join("?" if lag is None else _SHADES[_shade(lag, top)] for lag in lags)
    room = max(10, width - 4)
    rows = [(f"  {cells[start : start + room]}", "") for start in range(0, len(cells), room)]
    return [(f"lag by partition, 0 to {len(lags) - 1}, darkest {_number(top)}", ""), *rows]


def _shade(lag: float, top: float) -> int:
    return 0 if lag <= 0 else 1 + min(len(_SHADES) - 2, int((len(_SHADES) - 1) * lag / top))


def _ends(state: State) -> Iterable[tuple[str, str]]:
    alerts = state["alerts"]
    if alerts["configured"]:
        firing = [alert for alert in alerts["alerts"] if alert["state"] == "firing"]
        yield (("alerts: none fires", "") if not firing else ("alerts: " + ", ".join(a["name"] for a in firing), "bad"))
    for entry in state["history"][:_HISTORY_SHOWN]:
        took = "" if entry["handoffSeconds"] is None else f" in {entry['handoffSeconds'] * 1000:.0f} ms"
        good = entry["outcome"] in {"Switched", "Superseded"}
        when = entry["startedAt"][:19].replace("T", " ")
        by = f", by {entry['askedBy']}" if entry["askedBy"] else ""
        yield f"{when}  {entry['from']} to {entry['to']}: {entry['outcome']}{took}{by}", "" if good else "bad"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}".removesuffix(".0")
