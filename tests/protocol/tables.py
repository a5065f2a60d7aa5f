"""Numbers for values, tables of numbers, and sets of packed states as sorted arrays: what the search is fast by."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
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
    """Rows of numbers by key, computed when a key is first asked for, in an order of its own."""

    def __init__(self, width: int, rows: Callable[[int], list[tuple[int, ...]]]) -> None:
        self._rows = rows
        self._numbers: dict[int, int] = {}
        self._starts = np.zeros(1024, np.int64)
        self._entries = np.zeros((4096, width), np.int64)

    def find(self, keys: States) -> tuple[Numbers, Numbers]:
        """For each row of each key: the key's position in `keys`, and the row's position in `entries`."""
        unique, inverse = np.unique(keys, return_inverse=True)
        numbers = np.fromiter((self._number(key) for key in unique.tolist()), np.int64, len(unique))
        first = self._starts[numbers]
        count = self._starts[numbers + 1] - first
        counts = count[inverse]
        source = np.repeat(np.arange(len(keys)), counts)
        begin = np.cumsum(counts) - counts
        return source, np.arange(len(source)) - np.repeat(begin, counts) + np.repeat(first[inverse], counts)

    def entries(self) -> Numbers:
        return self._entries

    def _number(self, key: int) -> int:
        number = self._numbers.get(key)
        if number is None:
            rows = self._rows(key)
            number = len(self._numbers)
            end = int(self._starts[number]) + len(rows)
            while end > len(self._entries):
                self._entries = np.concatenate([self._entries, np.zeros_like(self._entries)])
            if number + 2 > len(self._starts):
                self._starts = np.concatenate([self._starts, np.zeros_like(self._starts)])
            if rows:
                self._entries[end - len(rows) : end] = rows
            self._starts[number + 1] = end
            self._numbers[key] = number
        return number


def mask(bits: int) -> int:
    return (1 << bits) - 1


def distinct(states: States) -> States:
    """Sorted, each once (numpy's own `unique` takes a slower way over a hash table)."""
    ordered = np.sort(states)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def new(candidates: States, visited: States) -> States:
    """Those of `candidates` that are not in `visited`; both sorted."""
    at = np.searchsorted(visited, candidates)
    at[at == len(visited)] = 0
    new: States = candidates[visited[at] != candidates]
    return new


def merge(one: States, other: States) -> States:
    """Two sorted arrays without common elements as one."""
    return np.sort(np.concatenate([one, other]), kind="stable")
