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
from experiments.fault_campaign.plan import Cell, coverage, least
from experiments.fault_campaign.shrink import Shrunk

JOURNAL, SUMMARY = "journal.jsonl", "summary.json"
SCHEMA = 1
_BEGUN, _SWITCH, _PIECE, _SHORTER = "begun", "switch", "piece", "shorter"


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
                "duplicates": [str(one) for one in judged.duplicates],
                "findings": list(judged.findings),
                "timeline": [f"{at:.3f} {text}" for at, text in judged.timeline],
            }
        )

    def piece(self, **told: Any) -> None:
        """One piece of the campaign, from its begin to its end, and what was judged of it as a whole."""
        self._write({"kind": _PIECE, **told})

    def shorter(self, number: int, found: Shrunk, findings: Sequence[str]) -> None:
        """The shortest sequence that was found of a switch that failed."""
        steps = [step.as_json() for step in found.steps]
        told = {"trials": found.trials, "minimal": found.minimal, "failed_again": found.again}
        self._write({"kind": _SHORTER, "number": number, "findings": list(findings), **told, "steps": steps})

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line)
        with self._file.open("a") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(json.loads(text))


def hits_of(line: Mapping[str, Any]) -> list[Cell]:
    """What of a switch hit: each way, in the phase that was planned, if that was reached."""
    if any("was not reached" in note for note in line["notes"]):
        return []
    phase = Phase(line["step"]["phase"])
    return [(hit["way"], phase) for hit in line["hits"] if hit["hit"]]


def summary(lines: Sequence[Mapping[str, Any]], everything: Sequence[Cell]) -> dict[str, Any]:
    """The summary of a journal. everything: the cells that could be hit.

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
    return {
        "schema": SCHEMA,
        **{key: value for key, value in begun.items() if key != "kind"},
        "planned": max((piece["planned"] for piece in pieces), default=None),
        "switches": len(switches),
        "by_up": len(ups),
        "up_failed": sum(line["error"] is not None for line in ups),
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
        "duplicates": [told for piece in pieces for told in piece["duplicates"]],
        "well_seconds_worst": max((line["well_seconds"] or 0.0 for line in switches), default=None),
        "alerts": dict(sum((Counter(piece["alerts"]) for piece in pieces), Counter[str]())),
        "least_covered": least(table),
        "coverage": table,
        "pieces": [
            {key: piece[key] for key in ("code", "from", "to", "began", "ended", "acked", "findings")}
            for piece in pieces
        ],
        "not_injected": not_injected(),
    }


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
