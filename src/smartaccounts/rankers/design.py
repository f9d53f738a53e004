"""From a snapshot to the numbers that the growth model sees: money over K, logs, differences, peaks. Nothing is learned here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.features.spend import BLOCKS, DECAYS

FLOOR = 0.02
"""Added to money over K before the log: less than a fiftieth of a key account is all the same."""

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Derived:
    """A column that is made of features and K; `rises` as in the catalogue."""

    name: str
    meaning: str
    rises: bool = False


@dataclass(frozen=True)
class Design:
    """matrix: float32, rows of the snapshot x `names`; NaN is unknown. `rises` marks the columns held monotone."""

    matrix: NDArray[np.float32]
    names: tuple[str, ...]
    rises: tuple[bool, ...]


def level(money: Column, key_spend: Column) -> Column:
    """Return L(x) = log(max(x / K, 0) + 0.02).

    >>> level(np.array([98.0]), np.array([100.0])).round(6).tolist()
    [0.0]
    """
    return np.log(np.maximum(money / key_spend, 0) + FLOOR)


def design(frame: pd.DataFrame) -> Design:
    """Return the design of the rows of a snapshot's frame; rows without a K are all NaN in money."""
    key = frame["key_spend"].to_numpy(dtype=float)
    columns: dict[str, tuple[Column, bool]] = {}
    for name, feature in CATALOGUE.items():
        values = frame[name].to_numpy(dtype=float)
        scaled = level(values, key) if feature.unit.startswith("money") else values
        columns[name] = (scaled, feature.rises)
    for derive in (_growth, _tenure, _shape, _sizes):
        columns |= derive(frame, key)
    matrix = np.column_stack([c.astype(np.float32) for c, _ in columns.values()])
    return Design(matrix, tuple(columns), tuple(rises for _, rises in columns.values()))


def _growth(frame: pd.DataFrame, key: Column) -> dict[str, tuple[Column, bool]]:
    """Growth as differences of levels."""

    def lev(name: str, times: float = 1.0) -> Column:
        return level(frame[name].to_numpy(dtype=float) * times, key)

    out: dict[str, tuple[Column, bool]] = {}
    for days in (30, 91, 182, 365):
        out[f"growth_{days}d"] = (lev(f"spend_{days}d") - lev(f"spend_prior_{days}d"), False)
    out["growth_91d_in_365d"] = (lev("spend_91d", 4) - lev("spend_365d"), False)
    out["growth_182d_in_365d"] = (lev("spend_182d", 2) - lev("spend_365d"), False)
    out["growth_365d_in_730d"] = (lev("spend_365d", 2) - lev("spend_730d"), False)
    for fast, slow in ((30, 120), (60, 180), (60, 365), (180, 720)):
        out[f"growth_decay_{fast}_{slow}d"] = (
            lev(f"spend_decay_{fast}d", 182 / fast) - lev(f"spend_decay_{slow}d", 182 / slow),
            False,
        )
    out["growth_year_ago_182d"] = (lev("spend_182d") - lev("spend_year_ago_behind_182d"), False)
    out["season_own_182d"] = (lev("spend_year_ago_ahead_182d") - lev("spend_year_ago_behind_182d"), False)
    for what in ("orders", "products"):
        recent, year = (np.log1p(frame[f"{what}_{d}d"].to_numpy(dtype=float)) for d in (91, 365))
        out[f"growth_{what}_91d_in_365d"] = (recent - year, False)
    orders, before = (np.log1p(frame[n].to_numpy(dtype=float)) for n in ("orders_182d", "orders_prior_182d"))
    out["growth_orders_182d"] = (orders - before, False)
    return out


def _tenure(frame: pd.DataFrame, key: Column) -> dict[str, tuple[Column, bool]]:
    """Decayed spend as a rate over the time that the customer has been seen."""
    out: dict[str, tuple[Column, bool]] = {}
    seen = np.maximum(frame["tenure_days"].to_numpy(dtype=float), 30)
    for days in DECAYS:
        rate = frame[f"spend_decay_{days}d"].to_numpy(dtype=float) / (days * (1 - np.exp(-seen / days)))
        out[f"rate_decay_{days}d"] = (level(rate * 182, key), False)
    return out


def _shape(frame: pd.DataFrame, key: Column) -> dict[str, tuple[Column, bool]]:
    """The path of 24 blocks of 30 days: peaks, how long ago, how often at K and S, slopes."""
    small = frame["small_spend"].to_numpy(dtype=float)
    blocks = np.column_stack([frame[f"spend_block_{b:02d}"].to_numpy(dtype=float) for b in BLOCKS])
    known = frame["history_days"].to_numpy(dtype=float)[:, None] >= 30 * np.arange(1, len(BLOCKS) + 1)
    sums = np.cumsum(np.column_stack([np.zeros(len(blocks)), blocks]), axis=1)
    halves = sums[:, 6:] - sums[:, :-6]
    full = known[:, 5:]
    halves = np.where(full, halves, -np.inf)
    windows = np.maximum(full.sum(axis=1), 1)
    ranked = np.sort(np.where(known, blocks, 0), axis=1)
    levels = level(blocks, key[:, None])
    out: dict[str, tuple[Column, bool]] = {
        "half_year_best": (level(halves.max(axis=1), key), True),
        "half_year_best_age": (np.argmax(halves, axis=1).astype(float), False),
        "half_years_at_key": ((halves >= key[:, None]).sum(axis=1) / windows, False),
        "half_years_at_small": ((halves >= small[:, None]).sum(axis=1) / windows, False),
        "block_best": (level(ranked[:, -1] * 6, key), True),
        "block_second": (level(ranked[:, -2] * 6, key), True),
        "block_third": (level(ranked[:, -3] * 6, key), True),
        "small_to_key": (small / key, False),
    }
    for count in (6, 12):
        when = np.arange(count)[::-1] - (count - 1) / 2
        slope = levels[:, :count] @ when / (when @ when)
        out[f"slope_{count}_blocks"] = (np.where(known[:, count - 1], slope, np.nan), False)
        out[f"spread_{count}_blocks"] = (np.where(known[:, count - 1], levels[:, :count].std(axis=1), np.nan), False)
    return out


def _sizes(frame: pd.DataFrame, key: Column) -> dict[str, tuple[Column, bool]]:
    """Order sizes against the customer's own mean, and its start against now."""

    def lev(name: str) -> Column:
        return level(frame[name].to_numpy(dtype=float), key)

    return {
        "order_recent_to_own": (lev("order_mean_91d") - lev("order_mean_365d"), False),
        "order_last_to_own": (lev("order_last") - lev("order_mean"), False),
        "order_first_to_own": (lev("order_first") - lev("order_mean"), False),
        "start_to_now": (lev("spend_first_90d") - lev("spend_91d"), False),
    }
