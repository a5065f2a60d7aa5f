"""What a campaign leaves: a journal with one line for each switch, and a summary made of it, which is committed.

The journal is written as the campaign goes on, so that it can be ended at any moment and go on where it was: what was
under way then is done again. The summary is made of the journal alone.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.errors import PreconditionError
from experiments.fault_campaign.carry import Carried
from experiments.fault_campaign.catalogue import FAULTS, WAYS
from experiments.fault_campaign.judge import Judged
from experiments.fault_campaign.kinds import Phase
from experiments.fault_campaign.plan import ENOUGH, Cell, Planner, Step, coverage, least
from experiments.fault_campaign.shrink import Shrunk
from experiments.fault_campaign.witness import Line

JOURNAL, SUMMARY = "journal.jsonl", "summary.json"
#: 2: duplicates are objects with their timeline; alerts are counted by name, or `not evaluated`.
SCHEMA = 2
NOT_EVALUATED = "not evaluated"
_BEGUN, _SWITCH, _PIECE, _SHORTER, _BESIDE = "begun", "switch", "piece", "shorter", "beside"


class Journal:
    """The journal in a folder. A line is there whole, or not at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / JOURNAL
        self.lines: list[dict[str, Any]] = []
        if self._file.exists():
            whole, _, torn = self._file.read_bytes().rpartition(b"\n")
            if torn:  # of a campaign that was killed while it wrote
                self._file.write_bytes(whole + b"\n" if whole else b"")
            self.lines = [json.loads(line) for line in whole.splitlines()]

    def begin(self, asked: Mapping[str, Any]) -> None:
        """What the campaign is. Raises PreconditionError if the folder has another one's journal."""
        known = next((line for line in self.lines if line["kind"] == _BEGUN), None)
        if known is None:
            self._write({"kind": _BEGUN, **asked})
            return
        before = {key: value for key, value in known.items() if key != "kind"}
        other = {key: before.get(key) for key in asked.keys() | before.keys() if before.get(key) != asked.get(key)}
        if other:
            raise PreconditionError(
                f"{self._file.parent} is another campaign's: {other}; name another folder with --out, or remove it"
            )

    @property
    def done(self) -> int:
        """The number of the last switch that was judged."""
        return max((line["step"]["number"] for line in self.lines if line["kind"] == _SWITCH), default=0)

    def switch(self, carried: Carried, judged: Judged) -> None:
        """One switch that was judged."""
        self._write(
            {
                "kind": _SWITCH,
                "step": carried.step.as_json(),
                "source": carried.source,
                "target": carried.target,
                "began": round(carried.began, 3),
                "seconds": round(carried.ended - carried.began, 1),
                "well_seconds": None if judged.well_seconds is None else round(judged.well_seconds, 1),
                "up_seconds": round(carried.seconds, 1) if carried.seconds and carried.step.commanded == "up" else None,
                "error": carried.error,
                "outcome": judged.outcome,
                "reason": judged.reason,
                "hits": [
                    {
                        "way": hit.injection.way,
                        "hit": hit.hit,
                        "phase": hit.phase,
                        "began": round(hit.began, 3),
                        "ended": None if hit.ended is None else round(hit.ended, 3),
                        "missed": hit.missed,
                    }
                    for hit in carried.hits
                ],
                "notes": carried.notes,
                "acked": judged.acked,
                "anomalies": dict(judged.anomalies),
                "duplicates": [one.as_json() for one in judged.duplicates],
                "made_anew": list(judged.made_anew),
                "alerts": list(judged.alerts),
                "not_evaluated": judged.not_evaluated,
                "findings": list(judged.findings),
                "timeline": lines_of(judged.timeline),
            }
        )

    def piece(self, **told: Any) -> None:
        """One piece of the campaign, from its begin to its end, and what was judged of it as a whole."""
        self._write({"kind": _PIECE, **told})

    def shorter(self, number: int, shrunk: Shrunk, findings: Sequence[str], found: Sequence[str]) -> None:
        """The shortest sequence that was found of a switch that failed. findings: of that switch; found: of the trial
        that carried out this sequence.
        """
        steps = [step.as_json() for step in shrunk.steps]
        told = {"trials": shrunk.trials, "minimal": shrunk.minimal, "failed_again": shrunk.again}
        self._write(
            {
                "kind": _SHORTER,
                "number": number,
                "findings": list(findings),
                "found": list(found),
                **told,
                "steps": steps,
            }
        )

    def beside(self, number: int, steps: Sequence[Step], judged: Judged) -> None:
        """Something else that a trial found than the switch that was to be made shorter."""
        told = {"findings": list(judged.findings), "timeline": lines_of(judged.timeline)}
        self._write({"kind": _BESIDE, "number": number, **told, "steps": [step.as_json() for step in steps]})

    def count_into(self, planner: Planner) -> None:
        """What was carried out, and what of it hit."""
        for line in self.lines:
            if line["kind"] == _SWITCH:
                planner.count(Step.of(line["step"]), hits_of(line))

    @property
    def found(self) -> int:
        """How many findings there are: switches with some, what trials found besides, and pieces that had some as a
        whole where none of these had.
        """
        own = {line["step"]["number"] for line in self.lines if line["kind"] == _SWITCH and line["findings"]}
        besides = sum(line["kind"] == _BESIDE for line in self.lines)
        pieces = sum(bool(line["findings"]) for line in self.lines if line["kind"] == _PIECE)
        return len(own) + besides or pieces

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line)
        with self._file.open("a") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(json.loads(text))


def lines_of(timeline: Sequence[Line]) -> list[str]:
    """A timeline as it is written down."""
    return [f"{at:.3f} {text}" for at, text in timeline]


def hits_of(line: Mapping[str, Any]) -> list[Cell]:
    """What of a switch hit: each way, in the phase that was planned, if that was reached."""
    if any("was not reached" in note for note in line["notes"]):
        return []
    phase = Phase(line["step"]["phase"])
    return [(hit["way"], phase) for hit in line["hits"] if hit["hit"]]


def summary(lines: Sequence[Mapping[str, Any]], everything: Sequence[Cell], needed: int = 0) -> dict[str, Any]:
    """The summary of a journal. everything: the cells that could be hit. needed: how many more switches it takes until
    all of them have been often enough.

    `acked`, and the counts of anomalies, are those of the pieces that were judged as a whole.
    """
    begun = next((line for line in lines if line["kind"] == _BEGUN), {})
    switches = [line for line in lines if line["kind"] == _SWITCH]
    pieces = [line for line in lines if line["kind"] == _PIECE]
    hits = [cell for line in switches for cell in hits_of(line)]
    table = coverage(hits, everything)
    found: Counter[str] = Counter()
    for piece in pieces:
        found.update(piece["anomalies"])
    ups = [line for line in switches if line["step"]["commanded"] == "up"]
    # Journals of before there were alerts and shapes have no word of them.
    unseen = sum(bool(line.get("not_evaluated", True)) for line in switches)
    return {
        "schema": SCHEMA,
        **{key: value for key, value in begun.items() if key != "kind"},
        "planned": max((piece["planned"] for piece in pieces), default=None),
        "switches": len(switches),
        "by_up": len(ups),
        "up_failed": sum(line["error"] is not None for line in ups),
        "reshaped": sum(bool(line["step"].get("replicas") or line["step"].get("partitions")) for line in switches),
        "faults": len(hits),
        "missed": sum(bool(hit["missed"]) for line in switches for hit in line["hits"]),
        "outcomes": dict(Counter(line["outcome"] for line in switches).most_common()),
        "acked": sum(piece["acked"] for piece in pieces),
        "anomalies": {**dict.fromkeys(("lost", "dual_active", "duplicate"), 0), **found},
        "findings": [
            {"switch": line["step"]["number"], "findings": line["findings"], "timeline": line["timeline"]}
            for line in switches
            if line["findings"]
        ],
        "shorter": [{key: line[key] for key in line if key != "kind"} for line in lines if line["kind"] == _SHORTER],
        "found_beside": [
            {key: line[key] for key in line if key != "kind"} for line in lines if line["kind"] == _BESIDE
        ],
        "duplicates": [told for piece in pieces for told in piece["duplicates"]],
        "well_seconds_worst": max((line["well_seconds"] or 0.0 for line in switches), default=None),
        "made_anew": sum(len(line.get("made_anew", ())) for line in switches),
        "alerts": NOT_EVALUATED
        if unseen == len(switches)
        else dict(Counter(one["alert"] for line in switches for one in line.get("alerts", ()))),
        "alerts_not_evaluated": unseen,
        "least_covered": least(table),
        "enough": ENOUGH,
        "not_covered": under(table),
        "switches_needed": needed,
        "coverage": table,
        "pieces": [
            {key: piece[key] for key in ("code", "from", "to", "began", "ended", "acked", "findings")}
            for piece in pieces
        ],
        "not_injected": not_injected(),
    }


def under(covered: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """What of a table of coverage is below what is enough."""
    low = {name: {phase: count for phase, count in row.items() if count < ENOUGH} for name, row in covered.items()}
    return {name: row for name, row in low.items() if row}


def told_of(covered: Mapping[str, Mapping[str, int]], needed: int) -> str:
    """One line about a table of coverage."""
    cells, short = (sum(map(len, one.values())) for one in (covered, under(covered)))
    if not short:
        return f"coverage: every fault hit in every phase at least {ENOUGH} times ({cells} of {cells})"
    return (
        f"coverage: {cells - short} of {cells} hit at least {ENOUGH} times, the least {least(covered)}; "
        f"{needed} more switches are needed, if everything hits"
    )


def not_injected() -> dict[str, str]:
    """What no way injects, each with why."""
    return {fault.name: fault.not_injected for fault in FAULTS if fault.not_injected}


def table(covered: Mapping[str, Mapping[str, int]]) -> str:
    """The table of coverage, for people."""
    phases = [str(phase) for phase in Phase]
    width = max(map(len, WAYS), default=0)
    lines = [" " * width + "".join(f"{phase:>14}" for phase in phases)]
    for name, row in covered.items():
        lines.append(f"{name:<{width}}" + "".join(f"{row.get(phase, '-'):>14}" for phase in phases))
    return "\n".join(lines)


def write_summary(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write it, whole or not at all."""
    target = folder / SUMMARY
    partial = folder / f".{SUMMARY}"
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(target)
    return target
