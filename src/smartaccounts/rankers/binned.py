"""Rows as LightGBM sees them, binned once: for every bag, and every trial, that learns from the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.design import Design

Rows = NDArray[np.intp]

LEAST = "min_data_in_leaf"


class Taught(Protocol):
    """Rows of a design, of which some can be had by their number."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        ...

    def rows(self, at: Rows) -> Design:
        """Return the design of some of them."""
        ...


@dataclass(frozen=True, eq=False)
class _Made:
    """A data set, the fewest rows per leaf that it was made for, and the bins of its columns (0: left out)."""

    least: int
    bins: tuple[int, ...]
    data: lgb.Dataset


@dataclass(eq=False)
class Binned:
    """The data sets that were made so far of some rows of one matrix; it grows with what it is asked for.

    LightGBM leaves out columns that cannot be split with so many rows on either side, and draws columns among the
    rest. The more rows per leaf, the more are left out: where two data sets leave out the same ones, every number
    of rows between theirs does too, and theirs serves. A model is so the same, digit by digit, as with a data set of
    its own. One that is made like another takes that one's bins and columns, and serves any number of rows per leaf.
    """

    _made: dict[tuple[str, lgb.Dataset | None], list[_Made]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(
        self,
        made: Taught,
        rows: Rows,
        y: Floats,
        parameters: Mapping[str, object],
        like: lgb.Dataset | None = None,
    ) -> lgb.Dataset:
        """Return the data set of some rows of a design, with their 0 and 1, without weights.

        Rows of the same numbers are taken for the same rows: one Binned is of one design. Two that ask for the same
        rows at once may both be given the same data set. like: a data set of other rows whose bins and columns are
        taken as they are, which spares two thirds of the time.
        """
        key = _key(made.names, rows, y, parameters), like
        least = int(str(parameters[LEAST])) if like is None else 1  # LightGBM refuses to go below that of a data set
        with self._lock:
            known = self._made.setdefault(key, [])
        served = _serves(known, least)
        if served is not None:
            return served
        data = lgb.Dataset(
            made.rows(rows).matrix,
            y,
            feature_name=list(made.names),
            reference=like,
            params={**parameters, LEAST: least},
        ).construct()
        bins = tuple(data.feature_num_bin(i) for i in range(len(made.names)))
        alike = [m for m in known if m.bins == bins and m.least <= least]
        with self._lock:
            known.append(_Made(least, bins, min(alike, key=lambda m: m.least).data if alike else data))
        return known[-1].data


def weighted(data: lgb.Dataset, weight: Floats) -> lgb.Dataset:
    """Give a data set the weights of its rows, in place; weights of 1 are none, as `lgb.Dataset` has it."""
    return data.set_field("weight", None if (weight == 1).all() else weight.astype(np.float32))


def _serves(known: Sequence[_Made], least: int) -> lgb.Dataset | None:
    below = max((m for m in known if m.least <= least), key=lambda m: m.least, default=None)
    above = min((m for m in known if m.least >= least), key=lambda m: m.least, default=None)
    return below.data if below is not None and above is not None and below.bins == above.bins else None


def _key(names: Sequence[str], rows: Rows, y: Floats, parameters: Mapping[str, object]) -> str:
    said = hashlib.blake2b(repr((names, parameters["max_bin"])).encode())
    for part in (rows, y):
        said.update(np.ascontiguousarray(part).tobytes())
    return said.hexdigest()
