"""Disjoint windows add up to the window that they make."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, TIES, as_ofs, random_history

from smartaccounts.config import Target
from smartaccounts.features.snapshot import snapshot

PARTS = {
    "spend_60d": ["spend_30d", "spend_prior_30d"],
    "spend_182d": ["spend_91d", "spend_prior_91d"],
    "spend_730d": ["spend_365d", "spend_prior_365d"],
    "spend_30d": ["spend_block_01"],
    "spend_prior_30d": ["spend_block_02"],
    "orders_182d": ["orders_91d", "orders_prior_91d"],
    "orders_730d": ["orders_365d", "orders_prior_365d"],
    "spend_h": ["spend_182d"],
    "spend_before_h": ["spend_prior_182d"],
}
# each holds the one before it
NESTED = (
    ["orders_30d", "orders_91d", "orders_182d", "orders_365d", "orders_730d", "orders_total"],
    ["lines_91d", "lines_182d", "lines_365d"],
    ["products_30d", "products_91d", "products_182d", "products_365d"],
    ["products_new_30d", "products_new_91d", "products_new_182d", "products_365d"],
    ["products_new_30d", "products_30d"],
    ["categories_91d", "categories_365d"],
    ["purchase_months_182d", "purchase_months_365d", "purchase_days_365d"],
    ["orders_decay_60d", "orders_decay_180d", "orders_decay_365d", "orders_total"],
    ["order_largest_365d", "order_largest"],
)


@pytest.fixture(
    scope="module", params=[(s, m) for s in (200, 201) for m in (TIES, CENTS)], ids=lambda c: f"{c[1].name}-{c[0]}"
)
def frame(request: pytest.FixtureRequest, order_lines: MakeLines) -> pd.DataFrame:
    seed, money = request.param
    found = snapshot(order_lines(random_history(seed, money)), as_ofs(seed), Target(min_active=4)).frame
    assert len(found) > 0
    return found


def test_windows_add_up(frame: pd.DataFrame) -> None:
    for whole, parts in PARTS.items():
        np.testing.assert_array_equal(frame[parts].sum(axis=1).round(6), frame[whole], err_msg=whole)


def test_blocks_add_up(frame: pd.DataFrame) -> None:
    blocks = frame[[f"spend_block_{b:02d}" for b in range(1, 25)]]
    known = frame["tenure_days"] <= 720  # and nothing returned before the first purchase
    total = blocks.sum(axis=1).round(6)
    old = frame["spend_730d"] != frame["spend_total"]
    np.testing.assert_array_equal(total[known & ~old], frame["spend_total"][known & ~old])


def test_a_longer_window_holds_the_shorter_one(frame: pd.DataFrame) -> None:
    for columns in NESTED:
        for shorter, longer in pairwise(columns):
            wrong = frame[frame[shorter] > frame[longer] + 1e-12]
            assert wrong.empty, f"{shorter} > {longer}: {wrong[['as_of', 'customer_id', shorter, longer]].head()}"


def test_the_market_is_the_sum_of_its_rows(frame: pd.DataFrame) -> None:
    by_market = frame.groupby(["as_of", "market"])
    mean = by_market["spend_365d"].transform("mean")
    np.testing.assert_allclose(
        frame["spend_to_mean_365d"], (frame["spend_365d"] / mean).where(mean > 0), rtol=1e-9, atol=1e-9
    )
    active = by_market["spend_182d"].transform(lambda s: (s > 0).sum())
    np.testing.assert_array_equal(frame["market_customers"], active)
    for column in ("history_days", "market_growth_182d", "market_season_182d", "key_spend", "small_spend"):
        assert by_market[column].nunique(dropna=False).max() == 1, column
