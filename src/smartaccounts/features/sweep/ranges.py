"""One range of customers after another, in as many threads as allowed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy.typing as npt

from smartaccounts.engine.memory import release
from smartaccounts.engine.threads import threads
from smartaccounts.features.sweep.coded import Coded

Found = TypeVar("Found")


def over_ranges(held: Coded, do: Callable[[int, int], Found], *touched: npt.NDArray[Any]) -> list[Found]:
    """Return what is done of every range of customers; `touched` are released after each."""

    def one(first: int, end: int) -> Found:
        found = do(first, end)
        release(held.ints, held.longs, *touched)
        return found

    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(one, held.bounds[:-1].tolist(), held.bounds[1:].tolist()))


def in_order(
    pool: ThreadPoolExecutor, do: Callable[[int, int], Found], ranges: Iterable[tuple[int, int]]
) -> Iterator[Found]:
    """Yield what is done of every range; as many more as there are threads are made ahead, none where there is one."""
    waiting: deque[Future[Found]] = deque()
    ahead = threads() if threads() > 1 else 0
    for one in ranges:
        waiting.append(pool.submit(do, *one))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
