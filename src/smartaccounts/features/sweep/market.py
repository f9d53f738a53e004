"""How customers stand in their market at one as_of: ranks, sums, K and S. Rows are ascending by market: its own lie together."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

_SAFE = float(1 << 62)


def over_markets(starts: Longs, of: Callable[[slice], Any]) -> list[Any]:
    """Return what `of` makes of the rows of each market; `starts`: where each begins, one more at the end."""
    return [of(slice(a, b)) for a, b in pairwise(starts)]


def spread(starts: Longs, values: Any) -> Floats:
    """Return each market's value on each of its rows."""
    return np.repeat(np.asarray(values, dtype=np.float64), np.diff(starts))


def percent_rank(values: Floats | Longs) -> Floats:
    """Return the share of the others that are below each value (as PERCENT_RANK does): 0 for one alone."""
    if len(values) < 2:
        return np.zeros(len(values))
    order = np.argsort(values)
    ascending = values[order]
    first = np.arange(len(values))
    first[1:][ascending[1:] == ascending[:-1]] = 0
    del ascending
    np.maximum.accumulate(first, out=first)
    below = np.empty(len(values))
    below[order] = first / (len(values) - 1)
    return below


def exact_sum(values: Floats, scale: float) -> float:
    """Sum as integers of 1/scale, in whatever order: the same to the last digit; nulls are left out, null where all are null."""
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan
    whole = np.rint(known * scale)
    if np.abs(whole).sum() < _SAFE:
        return float(whole.astype(np.int64).sum()) / scale
    return math.fsum(whole) / scale


def quotient(over: Floats, under: Floats) -> Floats:
    """Divide; null where `under` is not above zero."""
    fits = under > 0
    return np.where(fits, over / np.where(fits, under, 1.0), np.nan)
