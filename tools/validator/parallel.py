"""Work on all cores, results in order, never more under way than is needed to keep the cores busy."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")
_MOST = 4  # more only costs memory: polars itself uses all cores


def in_order(calls: Iterable[Callable[[], _Result]]) -> Iterator[_Result]:
    """The results of ``calls``, in their order. Threads, as polars and the decompressors release the interpreter.

    An exception of a call, or of the iterable, comes out in its place; what was under way is waited for, what was not
    is not begun.
    """
    workers = min(len(os.sched_getaffinity(0)), _MOST)
    pending: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(workers, "validator") as pool:
        try:
            for call in calls:
                pending.append(pool.submit(call))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
