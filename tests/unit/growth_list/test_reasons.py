"""Reasons: the strongest themes on each side, in words with the account's own figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smartaccounts.growth_list.reasons import Told, reasons
from smartaccounts.rankers.base import Contributions

ROW = {
    "spend_91d": 1234.5, "spend_365d": 4000.0, "spend_decay_180d": 900.0, "recency_days": 12.0, "orders_365d": 7.0,
    "products_365d": float("nan"), "products_91d": 4.0, "tenure_days": 400.0, "history_days": 800.0,
}  # fmt: skip
PEERS = pd.DataFrame([ROW, {k: v * 3 for k, v in ROW.items()}, dict.fromkeys(ROW, 0.0) | {"products_365d": np.nan}])


def told(most: int = 3, **values: float) -> Told:
    made = Contributions(tuple(values), np.array([list(values.values())]), 0.0)
    (found,) = reasons(made, pd.DataFrame([ROW]), PEERS, most=most)
    return found


def test_a_sentence_has_the_meaning_the_value_and_the_median_of_the_peers() -> None:
    (said,) = told(recency_days=0.5).speaking_for
    assert said.endswith(": 12 (typical: 12)")
    (said,) = told(spend_91d=0.5).speaking_for
    assert said.endswith(": 1,234 (typical: 1,234)")


def test_sides_go_by_sign_and_the_strongest_comes_first() -> None:
    found = told(recency_days=0.1, spend_91d=0.9, orders_365d=-0.2, tenure_days=-0.7, products_91d=0.0)
    assert [s.rsplit(":", 1)[0] for s in found.speaking_for] == [
        s.rsplit(":", 1)[0] for s in (*told(spend_91d=1).speaking_for, *told(recency_days=1).speaking_for)
    ]
    assert found.against == [*told(tenure_days=-1).against, *told(orders_365d=-1).against]


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_than_asked_for_on_each_side(most: int) -> None:
    found = told(most, recency_days=0.1, spend_91d=0.9, orders_365d=0.2, tenure_days=-0.7, products_91d=-0.1)
    assert (len(found.speaking_for), len(found.against)) == (most, min(most, 2))


def test_a_theme_is_added_up_and_speaks_once_with_its_strongest_plain_window() -> None:
    found = told(spend_91d=0.2, spend_365d=0.3, spend_decay_180d=0.4, recency_days=0.8)
    assert found.speaking_for == [*told(spend_365d=1).speaking_for, *told(recency_days=1).speaking_for]
    assert found.against == []
    assert told(spend_91d=0.2, spend_365d=-0.3) == told(spend_365d=-0.1)


def test_what_the_account_has_no_value_in_does_not_speak() -> None:
    assert told(products_365d=0.9) == Told([], [])
    assert told(products_365d=0.9, products_91d=0.1) == told(products_91d=0.1)


def test_what_all_accounts_share_is_no_reason() -> None:
    assert told(history_days=0.9, small_to_key=0.9) == Told([], [])


def test_a_derived_column_speaks_in_words_alone() -> None:
    (said,) = told(growth_91d=0.5).speaking_for
    assert said == "Spend of the last 91 days against the 91 days before"


def test_a_plain_ranking_says_what_it_ranks_by() -> None:
    assert told(decay_180=0.5) == Told(["Ranked by all spend, fading with 180 days"], [])


def test_contributions_of_nought_say_nothing() -> None:
    assert told(spend_91d=0.0, recency_days=0.0) == Told([], [])
