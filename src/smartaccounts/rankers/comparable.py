"""Rows of a short history beside those of a longer one: what was counted over fewer days is told at the same pace."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.rankers.base import Floats

SINCE_THE_BEGINNING = ("spend_total", "orders_total", "tenure_days", "history_days", "market_customers")
"""They grow with the history itself: between an early and a late as_of they say nothing of the customer."""

COUNTED = re.compile(r"(spend|orders|lines|products|categories|purchase_days|purchase_months)_(\d+)d")
FADING = re.compile(r"(spend|orders|lines)_decay_(\d+)d")
BEFORE = re.compile(r"(spend|orders)_prior_(\d+)d")
BLOCK = re.compile(r"spend_block_(\d+)")


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a snapshot's rows with windows that reach back before the data told at the pace of the days known.

    A year's spend of a source that is half a year old is twice what was seen; a window that lies before the source's
    first line is unknown (NaN), as is what counts from that line on. With more than two years of history only the
    latter changes.
    """
    known = frame["history_days"].to_numpy(dtype=float)
    changed = {name: np.full(len(frame), np.nan) for name in SINCE_THE_BEGINNING}
    for name in CATALOGUE:
        seen = _seen(name, known)
        if seen is not None:
            changed[name] = frame[name].to_numpy(dtype=float) / seen
    return frame.assign(**changed)


def _seen(name: str, known: Floats) -> Floats | None:
    """Return the share of the window that lies within the `known` days, NaN where a part before others is not."""
    if found := COUNTED.fullmatch(name):
        days = float(found[2])
        return np.asarray(np.minimum(known, days) / days)
    if found := FADING.fullmatch(name):
        return np.asarray(1 - np.exp(-known / float(found[2])))
    if found := BEFORE.fullmatch(name):
        return np.where(known >= 2 * float(found[2]), 1.0, np.nan)
    if found := BLOCK.fullmatch(name):
        return np.where(known >= 30 * float(found[1]), 1.0, np.nan)
    return None
