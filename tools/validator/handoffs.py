"""How long each partition stood still at each change of colour."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from tools.validator.report import Handoff

_NANOSECONDS = 1_000_000_000


@dataclass
class _Stretch:
    """What one colour handled on one place, over successive epochs of its own; times in nanoseconds."""

    first: int
    last: int
    records: int

    def add(self, first: int, last: int, records: int) -> None:
        self.first, self.last, self.records = min(self.first, first), max(self.last, last), self.records + records


@dataclass(frozen=True)
class _Tenure:
    """Successive epochs of one colour, and its stretch on each place."""

    green: bool
    first_epoch: int
    last_epoch: int
    stretches: dict[int, _Stretch]


def handoffs(spans: pl.DataFrame) -> dict[int, list[Handoff]]:
    """The hand-offs of each place, in their order."""
    found: dict[int, list[Handoff]] = {}
    for old, new in itertools.pairwise(_tenures(spans)):
        for place in old.stretches.keys() & new.stretches.keys():
            before, after = old.stretches[place], new.stretches[place]
            found.setdefault(place, []).append(
                Handoff(
                    from_epoch=old.last_epoch,
                    to_epoch=new.first_epoch,
                    from_color=_color(green=old.green),
                    to_color=_color(green=new.green),
                    gap_seconds=(after.first - before.last) / _NANOSECONDS,
                    spacing_seconds=_spacing((before, after)),
                )
            )
    return found


def _tenures(spans: pl.DataFrame) -> Iterable[_Tenure]:
    """Epochs in their order; an epoch with two colours is two, in the order in which they begin."""
    begins = pl.col("first").min().over("epoch", "green")
    rows = spans.with_columns(begins=begins).sort("epoch", "begins", "green").iter_rows(named=True)
    for green, run in itertools.groupby(rows, key=lambda row: bool(row["green"])):
        stretches: dict[int, _Stretch] = {}
        epochs: list[int] = []
        for row in run:
            epochs.append(row["epoch"])
            stretch = stretches.setdefault(row["place"], _Stretch(row["first"], row["last"], 0))
            stretch.add(row["first"], row["last"], row["records"])
        yield _Tenure(green, epochs[0], epochs[-1], stretches)


def _spacing(stretches: Iterable[_Stretch]) -> float | None:
    time = steps = 0
    for stretch in stretches:
        time += stretch.last - stretch.first
        steps += stretch.records - 1
    return time / steps / _NANOSECONDS if steps else None


def _color(*, green: bool) -> str:
    return "green" if green else "blue"
