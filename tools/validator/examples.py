"""Some of what was found, in words that a reader can look up: names, files and lines."""

from typing import Any

import polars as pl

from tools.validator.report import CLASSES, MAX_EXAMPLES
from tools.validator.tables import Catalog
from tools.validator.wholeness import Uncovered

_PRODUCED_CLASSES = ("lost", "producer_duplicate")  # their file and line are the produced log's
_KEPT = {
    *("file", "line", "key", "position", "green", "epoch", "t", "refused", "newer_first", "count"),
    *("key_produced", "file_produced", "line_produced", "processed", "acked", "from_epoch", "to_epoch", "overlap"),
}


class Examples:
    """The first examples of each class, by file and line."""

    def __init__(self, catalog: Catalog, produced_files: list[str], consumed_files: list[str]) -> None:
        self._catalog = catalog
        self._produced_files = produced_files
        self._consumed_files = consumed_files
        self._found: dict[str, pl.DataFrame] = {}
        self._ignored: list[Uncovered] = []

    def add(self, name: str, found: pl.DataFrame) -> None:
        """More of class ``name``."""
        order = ["from_epoch", "to_epoch"] if "from_epoch" in found.columns else ["file", "line"]
        kept = found.select(column for column in found.columns if column in _KEPT)
        known = self._found.get(name)
        together = kept if known is None else pl.concat([known, kept])
        self._found[name] = together.sort(order).head(MAX_EXAMPLES)

    def ignored(self, found: list[Uncovered]) -> None:
        """What was committed by a process that did not handle it: examples of lost."""
        self._ignored = found[:MAX_EXAMPLES]

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """JSON objects for each class."""
        shown = self._by_class()
        shown["lost"] = [*shown["lost"], *map(self._commit, self._ignored)][:MAX_EXAMPLES]
        return shown

    def _by_class(self) -> dict[str, list[dict[str, Any]]]:
        return {
            name: [self._shown(name, row) for row in self._found[name].iter_rows(named=True)]
            if name in self._found
            else []
            for name in CLASSES
        }

    def _commit(self, one: Uncovered) -> dict[str, Any]:
        pod, _, boot_id = one.process.rpartition(".")
        topic, partition = self._catalog.places[one.place]
        shown: dict[str, Any] = {"topic": topic, "partition": partition, "offset": one.low, "committed": one.high}
        return {**shown, "pod": pod, "boot_id": boot_id, "why": "its process committed it and did not handle it"}

    def _shown(self, name: str, row: dict[str, Any]) -> dict[str, Any]:
        produced = name in _PRODUCED_CLASSES
        shown = self._record(row, produced=produced)
        if name == "phantom":
            shown["why"] = "its producer was told that it failed" if row["refused"] else "no producer wrote it down"
        elif name == "mismatch":
            producer, seq = self._catalog.key(row["key_produced"])
            shown["produced"] = {
                "producer": producer,
                "seq": seq,
                "file": self._produced_files[row["file_produced"]],
                "line": row["line_produced"],
            }
        elif name in {"duplicate", "producer_duplicate"}:
            each = "processed" if name == "duplicate" else "acked"
            shown[each] = [self._record(one, produced=produced) for one in row[each]]
            shown["count"] = row["count"]
        elif name == "zombie":
            shown["late_seconds"] = (row["t"] - row["newer_first"]) / 1e9
        elif name == "dual_active":
            shown = {"from_epoch": row["from_epoch"], "to_epoch": row["to_epoch"]}
            shown["overlap_seconds"] = None if row["overlap"] is None else row["overlap"] / 1e9
        return shown

    def _record(self, row: dict[str, Any], *, produced: bool) -> dict[str, Any]:
        """Which record, where, by whom; what of it the row has."""
        shown: dict[str, Any] = {}
        if "key" in row:
            shown["producer"], shown["seq"] = self._catalog.key(row["key"])
        if row.get("position") is not None:
            shown["topic"], shown["partition"], shown["offset"] = self._catalog.position(row["position"])
        if "green" in row:
            shown |= {"color": "green" if row["green"] else "blue", "epoch": row["epoch"]}
        if "t" in row:
            shown["t"] = row["t"]
        if "file" in row:
            files = self._produced_files if produced else self._consumed_files
            shown |= {"file": files[row["file"]], "line": row["line"]}
        return shown
