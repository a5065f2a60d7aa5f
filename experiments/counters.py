"""By how much a counter grew in a span, by what the metrics store recorded of a run. Pure."""

from collections.abc import Mapping
from typing import Any

#: So long after a span its last event is in the store: a broker is scraped every five seconds.
LATE_SECONDS = 6.0


def grown(answer: Mapping[str, Any] | None, label: str, begun: float, ended: float) -> dict[str, int]:
    """By how much each series grew between two moments (seconds since 1970), by the value of its label.

    answer: `metrics.recorded`. Nothing else may be counted for `LATE_SECONDS` before and after the span. A counter that
    nobody had counted by yet is not there, and began at 0; one that is smaller at the end began anew.
    """
    series = (answer or {}).get("data", {}).get("result", [])
    found: dict[str, int] = {}
    for one in series:
        values = [(float(at), float(value)) for at, value in one["values"]]
        before = max((pair for pair in values if pair[0] <= begun), default=(0.0, 0.0))[1]
        after = max((pair for pair in values if pair[0] <= ended + LATE_SECONDS), default=(0.0, 0.0))[1]
        name = str(one["metric"].get(label, ""))
        found[name] = found.get(name, 0) + round(after - before if after >= before else after)
    return found
