"""From a snapshot to the numbers that the growth model sees: money over K, logs, differences, peaks. No learning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.engine.memory import EmptyOf, release
from smartaccounts.features.catalogue import Feature
from smartaccounts.features.extra import Extra
from smartaccounts.features.piecewise import pieces
from smartaccounts.features.snapshot import CATALOGUE, Snapshot
from smartaccounts.features.spend import BLOCKS, DECAYS
from smartaccounts.rankers.derived import DERIVED, FADING, GROWTH

FLOOR = 0.02
"""Added to money over K before the log: less than a fiftieth of a key account is all the same."""
Column = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """matrix: float32, rows of the snapshot x `names`; NaN is unknown. `rises` marks the columns held monotone."""

    matrix: NDArray[np.float32]
    names: tuple[str, ...]
    rises: tuple[bool, ...]

    def of(self, columns: Sequence[str]) -> NDArray[np.float32]:
        """Return the matrix of some columns in their order, the matrix itself where they are all of `names`."""
        if tuple(columns) == self.names:
            return self.matrix
        at = {name: i for i, name in enumerate(self.names)}
        return self.matrix[:, [at[c] for c in columns]]

    def rows(self, at: NDArray[np.intp]) -> Design:
        """Return the design of some of the rows."""
        return Design(self.matrix[at], self.names, self.rises)


def known_columns(made: Design) -> NDArray[np.bool_]:
    """Say which columns are known of some row: a model must not depend on what it never saw."""
    known: NDArray[np.bool_] = ~np.all(np.isnan(made.matrix), axis=0)
    return known


def without_empty(made: Design) -> Design:
    """Leave out the columns that are unknown of every row."""
    known = known_columns(made)
    if known.all():
        return made
    return Design(made.matrix[:, known], tuple(compress(made.names, known)), tuple(compress(made.rises, known)))


def level(money: Column, key_spend: Column) -> Column:
    """Return L(x) = log(max(x / K, 0) + 0.02).

    >>> level(np.array([98.0]), np.array([100.0])).round(6).tolist()
    [0.0]
    """
    return np.log(np.maximum(money / key_spend, 0) + FLOOR)


def design(frame: pd.DataFrame, extra: Sequence[Extra] = ()) -> Design:
    """Return the design of the rows of a snapshot's frame; rows without a K are all NaN in money.

    Features of the pipeline file come last. It is made a piece at a time: each column is in double precision first.
    """
    return stacked(pieces(frame), len(frame), extra)


def designed(seen: Snapshot, times: float = 1.0, *, empty: EmptyOf = np.empty) -> Design:
    """Return the design of the rows of a snapshot, as if K and S were so many times as high.

    `empty` makes its matrix.
    """
    return stacked((_at(piece, times) for piece in seen.pieces()), len(seen), seen.extra, empty=empty)


def _at(frame: pd.DataFrame, times: float) -> pd.DataFrame:
    return frame.assign(key_spend=frame["key_spend"] * times, small_spend=frame["small_spend"] * times)


def stacked(
    parts: Iterable[pd.DataFrame], rows: int, extra: Sequence[Extra] = (), *, empty: EmptyOf = np.empty
) -> Design:
    """Return the design of all rows of some frames, one frame at least; `rows`: how many they are together."""
    matrix, first = np.empty((0, 0), np.float32), 0
    names: tuple[str, ...] = ()
    rises: tuple[bool, ...] = ()
    for part in parts:
        columns, rises = _columns(part, extra)
        if not first:
            matrix, names = empty((rows, len(columns)), np.float32), tuple(columns)
        for i, column in enumerate(columns.values()):
            matrix[first : first + len(part), i] = column
        first += len(part)
        release(matrix)
    return Design(matrix, names, rises)


def _columns(frame: pd.DataFrame, extra: Sequence[Extra]) -> tuple[dict[str, Column], tuple[bool, ...]]:
    """Return the columns of the design by name, and which rise."""
    key = frame["key_spend"].to_numpy(dtype=float)
    columns = {name: _scaled(frame[name].to_numpy(dtype=float), feature, key) for name, feature in CATALOGUE.items()}
    for derive in (_growth, _tenure, _shape, _sizes):
        columns |= derive(frame, key)
    rises = [(CATALOGUE.get(name) or DERIVED[name]).rises for name in columns]
    columns |= {e.name: _scaled(frame[e.name].to_numpy(dtype=float), e, key) for e in extra}
    rises += [e.rises for e in extra]
    return columns, tuple(rises)


def _scaled(values: Column, feature: Feature | Extra, key: Column) -> Column:
    return level(values, key) if feature.unit.startswith("money") else values


def _growth(frame: pd.DataFrame, key: Column) -> dict[str, Column]:
    """Growth as differences of levels."""

    def lev(name: str, times: float = 1.0) -> Column:
        return level(frame[name].to_numpy(dtype=float) * times, key)

    out: dict[str, Column] = {}
    for days in GROWTH:
        out[f"growth_{days}d"] = lev(f"spend_{days}d") - lev(f"spend_prior_{days}d")
    out["growth_91d_in_365d"] = lev("spend_91d", 4) - lev("spend_365d")
    out["growth_182d_in_365d"] = lev("spend_182d", 2) - lev("spend_365d")
    out["growth_365d_in_730d"] = lev("spend_365d", 2) - lev("spend_730d")
    for fast, slow in FADING:
        out[f"growth_decay_{fast}_{slow}d"] = lev(f"spend_decay_{fast}d", 182 / fast) - lev(
            f"spend_decay_{slow}d", 182 / slow
        )
    out["growth_year_ago_182d"] = lev("spend_182d") - lev("spend_year_ago_behind_182d")
    out["season_own_182d"] = lev("spend_year_ago_ahead_182d") - lev("spend_year_ago_behind_182d")
    for what in ("orders", "products"):
        recent, year = (np.log1p(frame[f"{what}_{d}d"].to_numpy(dtype=float)) for d in (91, 365))
        out[f"growth_{what}_91d_in_365d"] = recent - year
    orders, before = (np.log1p(frame[n].to_numpy(dtype=float)) for n in ("orders_182d", "orders_prior_182d"))
    out["growth_orders_182d"] = orders - before
    return out


def _tenure(frame: pd.DataFrame, key: Column) -> dict[str, Column]:
    """Decayed spend as a rate over the time that the customer has been seen."""
    out: dict[str, Column] = {}
    seen = np.maximum(frame["tenure_days"].to_numpy(dtype=float), 30)
    for days in DECAYS:
        rate = frame[f"spend_decay_{days}d"].to_numpy(dtype=float) / (days * (1 - np.exp(-seen / days)))
        out[f"rate_decay_{days}d"] = level(rate * 182, key)
    return out


def _shape(frame: pd.DataFrame, key: Column) -> dict[str, Column]:
    """The path of 24 blocks of 30 days: peaks, how long ago, how often at K and S, slopes."""
    small = frame["small_spend"].to_numpy(dtype=float)
    blocks, known = months(frame)
    halves, full = half_years(blocks, known)
    windows = np.maximum(full.sum(axis=1), 1)
    ranked = np.sort(np.where(known, blocks, 0), axis=1)
    levels = level(blocks, key[:, None])
    never = ~full.any(axis=1)
    out: dict[str, Column] = {
        "half_year_best": np.where(never, np.nan, level(halves.max(axis=1), key)),
        "half_year_best_age": np.where(never, np.nan, np.argmax(halves, axis=1)),
        "half_years_at_key": (halves >= key[:, None]).sum(axis=1) / windows,
        "half_years_at_small": (halves >= small[:, None]).sum(axis=1) / windows,
        "block_best": level(ranked[:, -1] * 6, key),
        "block_second": level(ranked[:, -2] * 6, key),
        "block_third": level(ranked[:, -3] * 6, key),
        "small_to_key": small / key,
    }
    for count in (6, 12):
        when = np.arange(count)[::-1] - (count - 1) / 2
        slope = (levels[:, :count] * when).sum(axis=1) / (when * when).sum()  # not by `@`: rows are summed alike
        out[f"slope_{count}_blocks"] = np.where(known[:, count - 1], slope, np.nan)
        out[f"spread_{count}_blocks"] = np.where(known[:, count - 1], levels[:, :count].std(axis=1), np.nan)
    return out


def months(frame: pd.DataFrame) -> tuple[Column, NDArray[np.bool_]]:
    """Return the net spend of the 24 blocks of 30 days, rows x blocks, latest first, and which the history holds."""
    blocks = np.column_stack([frame[f"spend_block_{b:02d}"].to_numpy(dtype=float) for b in BLOCKS])
    return blocks, frame["history_days"].to_numpy(dtype=float)[:, None] >= 30 * np.arange(1, len(BLOCKS) + 1)


def half_years(blocks: Column, known: NDArray[np.bool_]) -> tuple[Column, NDArray[np.bool_]]:
    """Return the sums of all runs of six blocks, latest first, and which the history holds; others -inf."""
    sums = np.cumsum(np.column_stack([np.zeros(len(blocks)), blocks]), axis=1)
    full = known[:, 5:]
    return np.where(full, sums[:, 6:] - sums[:, :-6], -np.inf), full


def _sizes(frame: pd.DataFrame, key: Column) -> dict[str, Column]:
    """Order sizes against the customer's own mean, and its start against now."""

    def lev(name: str) -> Column:
        return level(frame[name].to_numpy(dtype=float), key)

    return {
        "order_recent_to_own": lev("order_mean_91d") - lev("order_mean_365d"),
        "order_last_to_own": lev("order_last") - lev("order_mean"),
        "order_first_to_own": lev("order_first") - lev("order_mean"),
        "start_to_now": lev("spend_first_90d") - lev("spend_91d"),
    }
