"""How often an operator has reconciled everything, by its own count: the name is Strimzi's, and the stand-in's too."""

import re

_PERIODICAL = re.compile(
    r"^strimzi_reconciliations_periodical_total\{(?P<labels>[^}]*)\}\s+(?P<count>[0-9.eE+]+)", re.MULTILINE
)


def periodical(metrics: str, kind: str = "KafkaConnect") -> int | None:
    """The periodic reconciles of a kind, from a scrape (Prometheus's text format); None if it does not say."""
    counts = [float(found["count"]) for found in _PERIODICAL.finditer(metrics) if f'kind="{kind}"' in found["labels"]]
    return int(sum(counts)) if counts else None
