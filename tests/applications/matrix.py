"""Every defect of the bad application against every point of the contract: `python -m tests.applications.matrix FILE`.

What each has to fail is in `DEFECTS`, and what follows from it; nothing else may fail. The file is a JSON object; the
exit code is 1 where one fails something else. Some workers share the machine, each with a broker of its own: most of a
try is waiting.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments import environment
from experiments.conformance.suite import FAIL
from experiments.progress import Progress
from experiments.results import SPEED
from tests.applications.bad import DEFECTS
from tests.support.conformance import broker_and_way, suite


def tried(defect: str) -> dict[str, Any]:
    """What this defect fails, each with what was seen, beside what it has to fail."""
    begun = time.monotonic()
    with TemporaryDirectory() as folder, broker_and_way(Path(folder)) as on:
        outcomes = suite(on, "tests.applications.bad", defect).run()
    found = {one.point.name: one.seen for one in outcomes if one.outcome == FAIL}
    expected = DEFECTS[defect].fails
    return {
        "what": DEFECTS[defect].what,
        "points": len(outcomes),
        "has_to_fail": sorted(expected),
        "may_fail": sorted(DEFECTS[defect].follows),
        "fails": found,
        "missed": sorted(expected - found.keys()),
        "beyond": sorted(found.keys() - expected - DEFECTS[defect].follows),
        "seconds": round(time.monotonic() - begun, 1),
    }


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.applications.matrix", description=__doc__)
    parser.add_argument("file", type=Path, help="where the table is written")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument("--defect", action="append", choices=sorted(DEFECTS), help="only this one")
    parsed = parser.parse_args(arguments)
    chosen = parsed.defect or sorted(DEFECTS)
    found: dict[str, Any] = {}
    progress = Progress()
    with ProcessPoolExecutor(parsed.workers) as pool:
        pending = {pool.submit(tried, defect): defect for defect in chosen}
        for ended in as_completed(pending):
            defect = pending[ended]
            row = found[defect] = ended.result()
            wrong = [f"{kind} {', '.join(row[kind])}" for kind in ("missed", "beyond") if row[kind]]
            progress.say(
                f"{len(found)}/{len(chosen)} {defect}, {row['seconds']:.0f} s: {'; '.join(wrong) or 'as told'}"
            )
    environ = {"commit": environment.commit(), SPEED: environment.speed()}
    command = f"python -m tests.applications.matrix {parsed.file.name}"
    result = {"command": command, "environment": environ, "defects": dict(sorted(found.items()))}
    parsed.file.write_text(json.dumps(result, indent=1) + "\n")
    return int(any(row["missed"] or row["beyond"] for row in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
