"""`python -m experiments history`: the last switches of a stack, from `status.history` of its KafkaConsumerSwitch.

The controller writes it at the end of each switch; it stands when the controller, its log and the events are gone. Rows
are pure of the live object.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.names import SWITCH_KIND, SWITCH_NAME, switches
from experiments.cluster import Cluster, ClusterError
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.measurements import Distribution, seconds_since_epoch
from experiments.tables import table

_HEADER = ("started (UTC)", "direction", "versions", "outcome", "hand-off s", "switch s", "asked by", "reason")
_REASON_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Past:
    """One switch that has ended. switch_seconds: from the first sight of its generation until the new colour was active
    on all partitions; None where it never was. handoff_seconds: None where nobody saw all of it.
    """

    generation: int
    direction: str
    versions: str
    outcome: str
    started: str
    asked_by: str
    reason: str
    switch_seconds: float | None
    handoff_seconds: float | None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Past":
        """From an entry of `status.history`. Raises ValueError for what is not of the contract."""
        try:
            began, active = (entry.get(name) or "" for name in ("startedAt", "activeAt"))
            took = seconds_since_epoch(active) - seconds_since_epoch(began) if began and active else None
            return cls(
                generation=int(entry["generation"]),
                direction=f"{entry.get('from') or 'nobody'}-{entry.get('to') or 'nobody'}",
                versions=f"{entry.get('fromVersion') or '?'} -> {entry.get('toVersion') or '?'}",
                outcome=str(entry.get("outcome") or ""),
                started=began,
                asked_by=str(entry.get("askedBy") or ""),
                reason=str(entry.get("reason") or ""),
                switch_seconds=took,
                handoff_seconds=None if entry.get("handoffSeconds") is None else float(entry["handoffSeconds"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"status.history is not of the contract ({error!r}): {dict(entry)!r}") from error


def past_of(switch: Mapping[str, Any]) -> list[Past]:
    """The switches that have ended, newest first. switch: the live object."""
    return [Past.of(entry) for entry in (switch.get("status") or {}).get("history") or ()]


def live_switch(cluster: Cluster, stack: str) -> dict[str, Any]:
    """The stack's KafkaConsumerSwitch. Raises ExperimentError, with what to do, when there is none."""
    try:
        return cluster.get(f"{switches(stack)}/{SWITCH_NAME}")
    except ClusterError as error:
        if not error.not_found:
            raise
        raise ExperimentError(
            f"there is no {SWITCH_KIND} {stack}/{SWITCH_NAME} in the cluster; deploy the stack: pulumi up -s {stack}"
        ) from None


def shown(found: Sequence[Past]) -> str:
    """As a table, with the distribution of the times of those that switched below it."""
    if not found:
        return "no switch has ended since this object was made"
    rows = [
        [
            one.started[:19].replace("T", " ") or None,
            one.direction,
            one.versions,
            one.outcome,
            one.handoff_seconds,
            one.switch_seconds,
            one.asked_by or None,
            _cut(one.reason) or None,
        ]
        for one in found
    ]
    return f"{table(_HEADER, rows)}\n\n{times(found)}"


def times(found: Sequence[Past]) -> str:
    """Median and worst of those that switched, in one line."""
    done = [one for one in found if one.outcome == "Switched"]
    parts = [f"{len(done)} of {len(found)} switched"]
    for name, values in (
        ("hand-off", [one.handoff_seconds for one in done]),
        ("switch", [one.switch_seconds for one in done]),
    ):
        if known := Distribution.of(values):
            parts.append(f"{name} median {known.median:.3f} s, worst {known.worst:.3f} s")
    return "; ".join(parts)


def _cut(reason: str) -> str:
    text = " ".join(reason.split())
    return text if len(text) <= _REASON_CHARACTERS else f"{text[: _REASON_CHARACTERS - 1]}…"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser("history", help="the last switches of a stack: when, who asked, how each one ended")
    add_stack(parser)
    parser.add_argument("--json", action="store_true", help="the entries as the object has them")


def add_stack(parser: argparse.ArgumentParser) -> None:
    """The option by which a stack is named, as Pulumi has it."""
    parser.add_argument("-s", "--stack", required=True, help="the stack, which is also its namespace: strategy-c")


def run(parsed: argparse.Namespace) -> int:
    """Print them. Raises ExperimentError."""
    switch = live_switch(Cluster(), parsed.stack)
    if parsed.json:
        emit(json.dumps((switch.get("status") or {}).get("history") or [], indent=2), sys.stdout)
    else:
        emit(shown(past_of(switch)), sys.stdout)
    return 0
