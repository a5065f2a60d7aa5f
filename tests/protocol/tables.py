"""Numbers for values, tables of numbers, and sets of packed states as sorted arrays: what the search is fast by."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.signedinteger]
States = npt.NDArray[np.uint64]

T = TypeVar("T")


class Interned(Generic[T]):
    """Numbers for values, both ways."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._ids: dict[T, int] = {}

    def id(self, value: T) -> int:
        found = self._ids.get(value)
        if found is None:
            found = self._ids[value] = len(self.values)
            self.values.append(value)
        return found


class Column:
    """One number for each interned value, computed once."""

    def __init__(self, of: Interned[T], compute: Callable[[T], int]) -> None:
        self._fill: Callable[[int], list[int]] = lambda done: [compute(value) for value in of.values[done:]]
        self._done = 0
        self._array: Numbers = np.zeros(0, np.int64)

    def array(self) -> Numbers:
        more = self._fill(self._done)
        if more:
            self._array = np.concatenate([self._array, np.array(more, np.int64)])
            self._done = len(self._array)
        return self._array


class Table:
    """Rows of numbers by key, computed when a key is first asked for, in an order of its own.

    width: numbers in a row. free_first: rows whose first number is 0 (steps that cost no fault) come before the others,
    and can be asked for alone.
    """

    def __init__(self, width: int, rows: Callable[[int], list[tuple[int, ...]]], *, free_first: bool = False) -> None:
        self._rows = rows
        self._free_first = free_first
        self._numbers: dict[int, int] = {}
        self._starts = np.zeros(1024, np.int64)
        self._free = np.zeros(1024, np.int64)
        self._entries = np.zeros((width, 4096), np.int32)

    def find(self, keys: States, *, poor: npt.NDArray[np.bool_] | None = None) -> tuple[Numbers, Numbers]:
        """For each row of each key: the key's position in `keys`, and the row's position in `entries`.

        poor: for which keys the free rows alone are asked for.
        """
        unique, inverse = np.unique(keys, return_inverse=True)
        numbers = np.fromiter((self._number(key) for key in unique.tolist()), np.int64, len(unique))
        first = self._starts[numbers]
        counts = (self._starts[numbers + 1] - first)[inverse]
        if poor is not None:
            counts = np.where(poor, self._free[numbers][inverse], counts)
        source = np.repeat(np.arange(len(keys)), counts)
        begin = np.cumsum(counts) - counts
        return source, np.arange(len(source)) + np.repeat(first[inverse] - begin, counts)

    def column(self, place: int) -> Numbers:
        """One number of each row."""
        column: Numbers = self._entries[place]
        return column

    def _number(self, key: int) -> int:
        number = self._numbers.get(key)
        if number is None:
            rows = self._rows(key)
            if self._free_first:
                rows = sorted(rows, key=lambda row: row[0] != 0)
            number = len(self._numbers)
            end = int(self._starts[number]) + len(rows)
            while end > self._entries.shape[1]:
                self._entries = np.concatenate([self._entries, np.zeros_like(self._entries)], axis=1)
            if number + 2 > len(self._starts):
                self._starts = np.concatenate([self._starts, np.zeros_like(self._starts)])
                self._free = np.concatenate([self._free, np.zeros_like(self._free)])
            if rows:
                self._entries[:, end - len(rows) : end] = np.array(rows).T
            self._starts[number + 1] = end
            self._free[number] = sum(row[0] == 0 for row in rows)
            self._numbers[key] = number
        return number


def mask(bits: int) -> int:
    return (1 << bits) - 1


def distinct(states: States) -> States:
    """Sorted, each once (numpy's own `unique` takes a slower way over a hash table)."""
    ordered = np.sort(states)
    if not len(ordered):
        return ordered
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def new(candidates: States, visited: States) -> States:
    """Those of `candidates` that are not in `visited`; both sorted."""
    if not len(visited) or not len(candidates):
        return candidates
    at = np.searchsorted(visited, candidates)
    at[at == len(visited)] = 0
    new: States = candidates[visited[at] != candidates]
    return new


def merge(one: States, other: States) -> States:
    """Two sorted arrays without common elements as one."""
    if not len(one) or not len(other):
        return one if len(one) else other
    return np.sort(np.concatenate([one, other]), kind="stable")
