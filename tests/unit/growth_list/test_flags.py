"""Flags: what to beware of, said only where it holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import snapshot_of

from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.growth_list.branches import COMMON, branches, key_account_of
from smartaccounts.growth_list.flags import flags
from smartaccounts.growth_list.words import LANGUAGES, words
from smartaccounts.rankers.records import Records

CALM = dict.fromkeys(CATALOGUE, 0.0) | {
    "tenure_days": 700.0, "recency_days": 20.0, "orders_total": 9.0, "orders_365d": 6.0, "purchase_days_365d": 7.0,
    "spend_365d": 900.0, "spend_91d": 200.0, "order_largest_share_365d": 0.3,
}  # fmt: skip
RECORD = {"spend_block_01": 200.0, "spend_block_09": 70.0}
BETTER, WORSE = Records(120, 0.25, 0.5), Records(120, 0.75, -0.4)


def rows(**figures: Any) -> pd.DataFrame:
    return snapshot_of(1).frame.assign(as_of=pd.Timestamp("2021-07-01"), **(CALM | figures))


def told(records: Records | None = None, **figures: Any) -> list[str]:
    (found,) = flags(rows(**figures), records=records, branches={}, words=words("en"))
    return found


def test_an_account_without_anything_to_beware_of_has_no_flags() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({"order_largest_share_365d": 0.72, "order_largest_365d": 648.0},
         "One order dominates: 72% of what it bought in the last twelve months (648)."),
        ({"tenure_days": 91.0, "orders_total": 3.0},
         "Little history: its first order was on April 1, 2021 (days since: 91; orders so far: 3)."),
        ({"orders_total": 2.0}, "Little history: orders so far: 2."),
        ({"returns_share_365d": 0.18}, "Returned or cancelled 18% of what it bought in the last twelve months."),
        ({"spend_91d": -40.0}, "Returned 40 more than it bought in the last three months."),
        ({"recency_days": 211.0},
         "No purchase for 211 days, since December 2, 2020: the spend of this year may be all that there is."),
    ],
)  # fmt: skip
def test_each_flag_has_the_figures(figures: dict[str, float], text: str) -> None:
    assert told(**figures) == [text]


@pytest.mark.parametrize(
    "figures",
    [
        {"order_largest_share_365d": 0.49}, {"order_largest_share_365d": float("nan")}, {"tenure_days": 182.0},
        {"orders_total": 3.0}, {"returns_share_365d": 0.09}, {"returns_share_365d": float("nan")}, {"spend_91d": -3.0},
        {"recency_days": 182.0}, {"purchase_days_365d": 11.0}, {"purchase_days_365d": 3.0, "orders_365d": 1.0},
    ],
)  # fmt: skip
def test_short_of_the_threshold_nothing_is_said(figures: dict[str, float]) -> None:
    assert told(**figures) == []


def test_order_numbers_that_are_not_orders_are_said() -> None:
    (said,) = told(purchase_days_365d=12.0, orders_365d=1.0)
    assert said.startswith(
        "Check the data: it bought on 12 days of the last twelve months, under only 1 order numbers."
    )
    (said,) = told(purchase_days_365d=4.0, orders_365d=0.0)
    assert "under only 0 order numbers" in said


@pytest.mark.slow
def test_a_record_quarter_says_what_became_of_others() -> None:
    first = (
        "Its best quarter by far is just behind it: 200 in the last 90 days; the best quarter of the two years before: "
        "70."
    )
    assert told(**RECORD) == [first]
    assert told(WORSE, **RECORD) == [
        f"{first} After such a quarter 75% of 120 accounts spent less per day than in it, the typical one 40% less."
    ]
    assert told(BETTER, **RECORD)[0].endswith(
        "25% of 120 accounts spent less per day than in it, the typical one 50% more."
    )
    assert told(WORSE) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_flag_can_be_said_in_every_language(language: str) -> None:
    everything = RECORD | {
        "order_largest_share_365d": 1.0, "tenure_days": 100.0, "returns_share_365d": 0.5, "spend_91d": -50.0,
        "recency_days": 200.0, "purchase_days_365d": 40.0,
    }  # fmt: skip
    one, two = rows(**everything), snapshot_of(2).frame.iloc[[1]].assign(spend_h=1e6)
    attributes = pd.DataFrame({"name": ["Shop Ltd", "SHOP"], "address": ["1 Main St.", "1, main st"]}, dtype="str")
    same = branches(pd.concat([one, two]), attributes, np.array([0]))
    (found,) = flags(one, records=WORSE, branches=same, words=words(language))
    assert len(found) == 8  # a record needs a longer history
    assert found[0].count("c0001") == found[1].count("c0001") == 1


def standing(*rows_: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows_, columns=["market", "customer_id", "spend_h"]).assign(key_spend=100.0)


def same(everybody: pd.DataFrame, *names: str | None) -> list[str | None]:
    return key_account_of(everybody, pd.Series(names, dtype="str"), np.arange(len(everybody)))


def test_a_branch_bears_the_name_of_a_key_account_of_its_market() -> None:
    everybody = standing(("n", "a", 10), ("n", "big", 500), ("s", "a", 10), ("n", "b", 20), ("n", "none", 1))
    names = ("Müller & Söhne GmbH & Co. KG", "MULLER, Sohne", "Müller & Söhne", "Smith", None)
    assert same(everybody, *names) == ["big", None, None, None, None]
    assert key_account_of(everybody, pd.Series(names, dtype="str"), np.array([3, 0])) == [None, "big"]


def test_small_customers_of_one_name_are_no_branches_of_each_other() -> None:
    assert same(standing(("n", "a", 10), ("n", "b", 20)), "Smith", "Smith") == [None, None]


def test_a_name_that_many_of_a_market_bear_says_nothing() -> None:
    elsewhere = [("s", f"c{i}", 1.0) for i in range(COMMON)]
    everybody = standing(("n", "big", 500), *[("n", f"c{i}", 1.0) for i in range(COMMON - 1)], *elsewhere)
    assert set(same(everybody, *["Cash sale"] * len(everybody))) == {None}
    fewer = everybody.drop(index=1).reset_index(drop=True)
    found = same(fewer, *["Cash sale"] * len(fewer))
    assert found == [None, *["big"] * (COMMON - 2), *[None] * COMMON]


def test_legal_forms_alone_and_blanks_are_no_names() -> None:
    everybody = standing(("n", "a", 10), ("n", "big", 500))
    for text in ("GmbH", "  ", "-"):
        assert same(everybody, text, text) == [None, None]
