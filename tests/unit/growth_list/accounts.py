"""Literal accounts: what a test does not give is unknown, or as plain as can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from smartaccounts.features.snapshot import CATALOGUE

PLAIN: dict[str, float] = {
    "spend_h": 20.0, "key_spend": 100.0, "small_spend": 50.0, "spend_365d": 40.0, "spend_prior_365d": 40.0,
    "orders_365d": 4.0, "orders_total": 8.0, "lines_365d": 8.0, "return_lines_365d": 0.0, "tenure_days": 800.0,
    "recency_days": 30.0, "probability": 0.01, "probability_low": 0.005, "probability_high": 0.02,
}  # fmt: skip


def accounts(*rows: dict[str, Any], market: str | Sequence[str] = "") -> pd.DataFrame:
    """Return one eligible account per mapping, in rank order, with every feature and the columns of the list."""
    unknown = dict.fromkeys([*CATALOGUE, "potential", "potential_low", "potential_high"], np.nan)
    frame = pd.DataFrame([unknown | PLAIN | row for row in rows]).astype("float64")
    frame.insert(0, "customer_id", [f"c{i}" for i in range(len(rows))])
    frame.insert(0, "market", market)
    return frame.assign(as_of=pd.Timestamp("2024-01-01"), active=True, eligible=True)
