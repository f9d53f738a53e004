"""Figures that sentences hold beside the features: best months, best half year, in money and days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smartaccounts.rankers.design import half_years, months


def with_figures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a snapshot with the columns of `figures` beside."""
    return pd.concat([frame, figures(frame)], axis=1)


def figures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return figures of the rows of a snapshot, with its index; null where the history is too short to know.

    half_year_best_spend: of the last two years, by runs of six blocks of 30 days; half_year_best_ago_days: how long
    ago that run ended; half_years_at_key_share, half_years_at_small_share: of all such runs, those at or above K, S.
    month_best_spend, month_second_spend, month_third_spend: of the 24 blocks. month_weakest_6, month_strongest_6,
    month_weakest_12, month_strongest_12: of the latest 6 and 12 blocks. products_recent_share: products of the last 91
    days over those of the last 365.
    """
    blocks, known = months(frame)
    halves, full = half_years(blocks, known)
    ever = full.any(axis=1)
    windows = np.where(ever, full.sum(axis=1), np.nan)
    made = {
        "half_year_best_spend": np.where(ever, halves.max(axis=1), np.nan),
        "half_year_best_ago_days": np.where(ever, 30.0 * halves.argmax(axis=1), np.nan),
    }
    for name, bar in (("key", "key_spend"), ("small", "small_spend")):
        at = halves >= frame[bar].to_numpy(dtype=float)[:, None]
        made[f"half_years_at_{name}_share"] = at.sum(axis=1) / windows
    ranked = np.sort(np.where(known, blocks, 0), axis=1)
    made |= {f"month_{place}_spend": ranked[:, -i] for i, place in enumerate(("best", "second", "third"), start=1)}
    for count in (6, 12):
        seen = np.where(known[:, [count - 1]], blocks[:, :count], np.nan)
        made |= {f"month_weakest_{count}": seen.min(axis=1), f"month_strongest_{count}": seen.max(axis=1)}
    made["products_recent_share"] = (
        frame["products_91d"] / frame["products_365d"].where(frame["products_365d"] > 0)
    ).to_numpy()
    return pd.DataFrame(made, index=frame.index)
