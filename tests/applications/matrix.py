"""Every defect of the bad application against every point of the contract: `python -m tests.applications.matrix FILE`.

What each has to fail is in `DEFECTS`, and what follows from it, with the reason; nothing else may fail. Each is tried
in the membership that it is about. The file is a JSON object, written after each defect; the exit code is 1 where one
fails something else, or not what it has to. Some workers share the machine, each with a broker of its own: most of a
try is waiting, and what fails by a limit waits it out, so the slowest come first. By two workers it takes over an hour.
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
    begun, told = time.monotonic(), DEFECTS[defect]
    with TemporaryDirectory() as folder, broker_and_way(Path(folder)) as on:
        outcomes = suite(on, "tests.applications.bad", defect, membership=told.membership).run()
    found = {one.point.name: one.seen for one in outcomes if one.outcome == FAIL}
    return {
        "what": told.what,
        "membership": told.membership,
        "points": len(outcomes),
        "has_to_fail": sorted(told.fails),
        "may_fail": sorted(told.follows),
        "why": told.why,
        "fails": found,
        "missed": sorted(told.fails - found.keys()),
        "beyond": sorted(found.keys() - told.fails - told.follows),
        "seconds": round(time.monotonic() - begun, 1),
    }


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.applications.matrix", description=__doc__)
    parser.add_argument("file", type=Path, help="where the table is written")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument("--defect", action="append", choices=sorted(DEFECTS), help="only this one")
    parsed = parser.parse_args(arguments)
    chosen = sorted(parsed.defect or DEFECTS, key=lambda name: (-len(DEFECTS[name].follows), name))
    environ = {"commit": environment.commit(), SPEED: environment.speed()}
    command = f"python -m tests.applications.matrix {parsed.file.name}"
    found: dict[str, Any] = {}
    progress = Progress()
    with ProcessPoolExecutor(parsed.workers) as pool:
        pending = {pool.submit(tried, defect): defect for defect in chosen}
        for ended in as_completed(pending):
            defect = pending[ended]
            row = found[defect] = ended.result()
            result = {"command": command, "environment": environ, "defects": dict(sorted(found.items()))}
            parsed.file.write_text(json.dumps(result, indent=1) + "\n")
            wrong = [f"{kind} {', '.join(row[kind])}" for kind in ("missed", "beyond") if row[kind]]
            progress.say(
                f"{len(found)}/{len(chosen)} {defect}, {row['seconds']:.0f} s: {'; '.join(wrong) or 'as told'}"
            )
    return int(any(row["missed"] or row["beyond"] for row in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
