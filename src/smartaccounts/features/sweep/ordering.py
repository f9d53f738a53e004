"""Sort places by a key, without allocating: NumPy's argsort compiles slowly and allocates for every customer."""

from __future__ import annotations

from typing import Any

from smartaccounts.engine.compiled import Longs, Out, compiled

_RUN = 16


@compiled
def longest(first: int, end: int, offsets: Longs) -> Any:
    """Return the most lines of a customer of `[first, end)`, 1 at least: the room that ordering them takes."""
    most = 1
    for c in range(first, end):
        most = max(most, offsets[c + 1] - offsets[c])
    return most


@compiled
def ordered(keys: Longs, n: int, places: Out[Longs], spare: Out[Longs]) -> None:
    """Write to `places[:n]` the places 0 .. n - 1 in ascending order of `keys`, equal keys as they came.

    Insertion sort of short runs, then merges; `spare` has room for n places too.
    """
    for i in range(n):
        start = i - i % _RUN
        key, j = keys[i], i
        while j > start and keys[places[j - 1]] > key:
            places[j] = places[j - 1]
            j -= 1
        places[j] = i
    width = _RUN
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            i, j = low, middle
            for k in range(low, high):
                if i < middle and (j >= high or keys[places[i]] <= keys[places[j]]):
                    spare[k] = places[i]
                    i += 1
                else:
                    spare[k] = places[j]
                    j += 1
        for k in range(n):
            places[k] = spare[k]
        width *= 2
