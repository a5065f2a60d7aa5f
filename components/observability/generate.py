"""Writes what is made of the lists of this package: `python -m components.observability.generate [--check]`.

The rule file, Grafana's dashboard, and the page `metrics.md`. With `--check` nothing is written; exit code 1 and a line
for each file that is not as it would be.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from components.observability import grafana, page, rules

HERE = Path(__file__).parent
COMMAND = "python -m components.observability.generate"
FILES: Mapping[Path, Callable[[], str]] = {
    HERE / "files" / "alerts.yaml": rules.rule_file,
    HERE / "files" / "prometheus-rule.yaml": rules.operator_object,
    HERE / "files" / "grafana-dashboard.json": grafana.rendered,
    HERE / "metrics.md": page.rendered,
}


def main(arguments: Sequence[str]) -> int:
    """Write or check; returns the exit code."""
    unknown = [argument for argument in arguments if argument != "--check"]
    if unknown:
        print(f"{COMMAND}: unknown argument {unknown[0]!r}; allowed: --check", file=sys.stderr)
        return 2
    stale = 0
    for path, text in FILES.items():
        right = text()
        if path.exists() and path.read_text(encoding="utf-8") == right:
            continue
        if "--check" in arguments:
            print(f"{path.name} is not what the lists say; run: {COMMAND}", file=sys.stderr)
            stale += 1
        else:
            path.write_text(right, encoding="utf-8")
            print(f"{path.name} written")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
