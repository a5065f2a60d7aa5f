"""`python -m experiments faults`.

Exit codes: 0 everything held, 1 something did not, 2 it could not be carried out (and why), 3 everything held, but all
switches are done and not every fault has hit in every phase five times, 130 interrupted. A campaign goes on where it
was, so 0 and 1 are about all of it so far. Of a sequence that was given no coverage is asked.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from components.settings import registry
from experiments import options
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.fault_campaign.campaign import Asked, execute, known_ways
from experiments.fault_campaign.catalogue import WAYS
from experiments.fault_campaign.sequences import kept
from experiments.interrupts import Interrupted, Interrupts
from experiments.progress import Progress

_HELD, _BROKEN, _NOT_COVERED, _INTERRUPTED = 0, 1, 3, 130


def add(commands: Any, out: Path) -> None:
    """The command and its options. out: the folder that has the campaigns' own."""
    faults = commands.add_parser(
        "faults",
        help="switch in a loop while faults hit everything around it, and judge each switch by the invariants",
        description=f"The faults: {'; '.join(f'{way.name}: {way.what}' for way in WAYS.values())}.",
    )
    faults.add_argument("--strategy", required=True, choices=sorted(registry.models()), help="of the campaign's pair")
    faults.add_argument("--switches", type=options.whole_number(1), help="how many, of all pieces")
    faults.add_argument("--seed", type=options.whole_number(0), help="what the sequence is made from")
    faults.add_argument(
        "--minutes", type=options.number(float, 1), help="end after about so long; the same command goes on"
    )
    faults.add_argument("--only", action="append", default=[], metavar="FAULT", help="only this one; may be repeated")
    faults.add_argument(
        "--sequence",
        type=Path,
        metavar="FILE",
        help="carry out these steps (one of a summary's `shorter`, or one that is kept as a test), not a seed's",
    )
    faults.add_argument("--no-shrink", action="store_true", help="do not make a sequence that failed shorter")
    faults.add_argument("--keep", action="store_true", help="leave the pair standing when all switches are done")
    faults.add_argument(
        "--out",
        type=Path,
        help="the campaign's folder (default: report/data/campaigns/<strategy>-seed<seed>, or -<file>)",
    )
    faults.set_defaults(campaigns=out)


def run(parsed: argparse.Namespace, repository: Path) -> int:
    """Carry it out; the exit code. Raises ExperimentError."""
    known_ways(parsed.only, WAYS)
    of = parsed.sequence.stem if parsed.sequence else f"seed{parsed.seed}"
    out = parsed.out or parsed.campaigns / f"{parsed.strategy}-{of}"
    sequence = kept(parsed.sequence, parsed.strategy) if parsed.sequence else ()
    if not sequence and (parsed.switches is None or parsed.seed is None):
        raise ExperimentError("how many --switches, and by which --seed? Only a --sequence needs neither")
    asked = Asked(
        letter=parsed.strategy,
        switches=len(sequence) or parsed.switches,
        seed=parsed.seed or 0,
        out=out.resolve(),
        repository=repository,
        minutes=parsed.minutes,
        only=tuple(parsed.only),
        sequence=sequence,
        shrinks=not parsed.no_shrink,
        keep=parsed.keep,
    )
    progress = Progress()
    with Interrupts() as interrupts:
        try:
            ended = execute(asked, interrupts, progress)
        except Interrupted:
            return _INTERRUPTED
    verdict = "everything held" if not ended.findings else f"{ended.findings} switches with findings"
    done = f"{ended.done} of {ended.asked} switches: {verdict}"
    emit("\n".join([ended.table, ended.coverage, done, f"summary: {ended.summary}"]), sys.stdout)
    if ended.findings:
        return _BROKEN
    return _HELD if ended.covered or ended.done < ended.asked else _NOT_COVERED
