"""The columns on which the classes are judged: everything a number of fixed width.

A *place* is the number of a topic-partition. A *key* is (producer, seq) in one integer, a *position* (place, offset) in
one integer. A *span* is what one colour handled on one place under one epoch.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

import polars as pl

ACKED, FAILED, UNKNOWN = 0, 1, 2

PRODUCED: dict[str, type[pl.DataType]] = {
    "file": pl.UInt32,
    "line": pl.UInt32,
    "key": pl.Int64,
    "position": pl.Int64,  # null unless acked
    "status": pl.UInt8,
}
CONSUMED: dict[str, type[pl.DataType]] = {
    "file": pl.UInt32,
    "line": pl.UInt32,
    "green": pl.Boolean,
    "epoch": pl.Int64,
    "key": pl.Int64,
    "position": pl.Int64,
    "place": pl.UInt32,
    "t": pl.Int64,
    "failed": pl.Boolean,
    "behind": pl.Boolean,  # below an offset that this file has handled before on this place
}
SPANS: dict[str, type[pl.DataType]] = {
    "place": pl.UInt32,
    "epoch": pl.Int64,
    "green": pl.Boolean,
    "first": pl.Int64,
    "last": pl.Int64,
    "records": pl.Int64,
}

# Neighbours stay together, so that a stretch of a log touches few buckets.
BY_KEY = pl.col("key") // (1 << 16)
BY_POSITION = pl.col("position") // (1 << 14)

_Thing = TypeVar("_Thing", bound=Hashable)


class Numbers(Generic[_Thing]):
    """Numbers for things, from 0, in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[_Thing, int] = {}
        self._things: list[_Thing] = []

    def __len__(self) -> int:
        return len(self._things)

    def __getitem__(self, number: int) -> _Thing:
        return self._things[number]

    def __contains__(self, thing: _Thing) -> bool:
        return thing in self._numbers

    def number(self, thing: _Thing) -> int:
        """The number of a thing, a new one if need be."""
        if thing not in self._numbers:
            self._numbers[thing] = len(self._things)
            self._things.append(thing)
        return self._numbers[thing]

    def column(self, values: pl.Series, things: Iterable[_Thing] | None = None) -> pl.Series:
        """As :meth:`number`, for a column; ``things`` are those of its unique values, in the order of their coming."""
        unique = values.unique(maintain_order=True)
        numbers = [self.number(thing) for thing in (unique.to_list() if things is None else things)]
        if len(numbers) == 1:
            return pl.repeat(numbers[0], len(values), dtype=pl.UInt32, eager=True).alias(values.name)
        return values.replace_strict(unique, pl.Series(numbers, dtype=pl.UInt32), return_dtype=pl.UInt32)


class Pairs:
    """Pairs of a small and a large number in one 64-bit integer, which is faster to join than two columns.

    Exact for every pair: those that do not fit, which no real log has, are numbered from -1 downwards.
    """

    _BITS = 43
    _LARGE = 1 << _BITS
    _SMALL = 1 << (63 - _BITS)

    def __init__(self) -> None:
        self._misfits: Numbers[tuple[int, int]] = Numbers()

    def pack(self, small: pl.Series, large: pl.Series) -> pl.Series:
        """The integers of pairs; null where ``large`` is null."""
        small = small.cast(pl.Int64)
        fits = (small < self._SMALL) & (large < self._LARGE)
        packed = small * self._LARGE + large
        if fits.all():  # ignores null
            return packed
        misfits = [
            number if fit is not False else -1 - self._misfits.number(pair)
            for number, fit, pair in zip(packed.to_list(), fits.to_list(), zip(small, large, strict=True), strict=True)
        ]
        return pl.Series(misfits, dtype=pl.Int64)

    def small(self, packed: pl.Series) -> pl.Series:
        """The first numbers of the pairs of a column."""
        if packed.is_empty() or int(packed.min()) >= 0:  # type: ignore[arg-type]
            return (packed // self._LARGE).cast(pl.UInt32)
        return pl.Series([self.unpack(one)[0] for one in packed.to_list()], dtype=pl.UInt32)

    def within(self, packed: pl.Series, small: int, low: int, high: int) -> bool:
        """Whether a pair of a column has this first number and a second one from ``low`` to ``high`` (exclusive)."""
        if packed.is_empty():
            return False
        fit = packed.filter(packed >= 0)
        base = small * self._LARGE
        if small < self._SMALL and fit.is_between(base + low, base + min(high, self._LARGE) - 1).any():
            return True
        pairs = map(self.unpack, packed.filter(packed < 0).to_list())
        return any(one == small and low <= other < high for one, other in pairs)

    def unpack(self, packed: int) -> tuple[int, int]:
        """The pair of an integer."""
        if packed < 0:
            return self._misfits[-1 - packed]
        return packed >> self._BITS, packed & (self._LARGE - 1)


class Catalog:
    """What the numbers in the columns stand for; one for both sides."""

    def __init__(self) -> None:
        self.producers: Numbers[str] = Numbers()
        self.places: Numbers[tuple[str, int]] = Numbers()
        self._topics: Numbers[str] = Numbers()
        self._keys = Pairs()
        self._positions = Pairs()

    def number(self, records: pl.DataFrame) -> pl.DataFrame:
        """With ``key``, ``place`` and ``position`` for ``producer``, ``seq``, ``topic``, ``partition``, ``offset``."""
        producer = self.producers.column(records["producer"])
        topic = self._topics.column(records["topic"])
        place = topic.cast(pl.Int64) * (1 << 32) + records["partition"].fill_null(0)
        named = [(self._topics[one >> 32], one & 0xFFFFFFFF) for one in place.unique(maintain_order=True).to_list()]
        place = self.places.column(place, named)
        return records.with_columns(
            self._keys.pack(producer, records["seq"]).alias("key"),
            self._positions.pack(place, records["offset"]).alias("position"),
            place.alias("place"),
        )

    def producer(self, keys: pl.Series) -> pl.Series:
        """The numbers of the keys' producers."""
        return self._keys.small(keys).alias("producer")

    def key(self, key: int) -> tuple[str, int]:
        """Producer and seq."""
        producer, seq = self._keys.unpack(key)
        return self.producers[producer], seq

    def within(self, positions: pl.Series, place: int, low: int, high: int) -> bool:
        """Whether one of the positions is on this place, from offset ``low`` to ``high`` (exclusive)."""
        return self._positions.within(positions, place, low, high)

    def position(self, position: int) -> tuple[str, int, int]:
        """Topic, partition and offset."""
        place, offset = self._positions.unpack(position)
        return (*self.places[place], offset)


def merge_spans(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """One row for each (place, epoch, colour) out of several."""
    return (
        pl.concat([pl.DataFrame(schema=SPANS), *parts])
        .group_by("place", "epoch", "green")
        .agg(pl.min("first"), pl.max("last"), pl.sum("records"))
    )
