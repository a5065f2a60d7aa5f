"""Writes what is made of the lists of this package: `python -m components.observability.generate [--check]`.

The rule file, Grafana's dashboard, and the page `metrics.md`. With `--check` nothing is written; exit code 1 and a line
for each file that is not as it would be.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from components import generated
from components.observability import grafana, log_rules, page, rules

HERE = Path(__file__).parent
COMMAND = "python -m components.observability.generate"
FILES: Mapping[Path, Callable[[], str]] = {
    HERE / "files" / "alerts.yaml": rules.rule_file,
    HERE / "files" / "log-alerts.yaml": log_rules.log_rule_file,
    HERE / "files" / "prometheus-rule.yaml": rules.operator_object,
    HERE / "files" / "grafana-dashboard.json": grafana.rendered,
    HERE / "metrics.md": page.rendered,
}


def main(arguments: Sequence[str]) -> int:
    """Write or check; returns the exit code."""
    return generated.main(COMMAND, arguments, FILES.items(), of="the lists")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
