"""The second list: small, steady, worth it, on no other list; and the risk of being wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.growth_list.accounts import accounts

from smartaccounts.growth_list.keep_small import KeptSmall, keep_small, said, summary
from smartaccounts.growth_list.words import LANGUAGES, words

GOOD: dict[str, float] = {"play_value": 5.0, "cost_to_serve": 3.0, "cost_proposed": 2.0}
NOT_KNOWN = dict.fromkeys(GOOD, np.nan)


def small(*rows: dict[str, Any], play: str | list[str] = "self_service") -> pd.DataFrame:
    return accounts(*(GOOD | row for row in rows)).assign(play=play)


def kept(frame: pd.DataFrame, *on_list: bool) -> list[bool]:
    return keep_small(frame, np.array(on_list or [False] * len(frame))).tolist()


def test_nobody_is_on_both_lists() -> None:
    assert kept(small({}, {}), True, False) == [False, True]


def test_only_cheap_plays_keep_an_account_small() -> None:
    plays = ["develop", "fair_terms", "carefree", "self_service", "automate", "win_back", "leave"]
    assert kept(small(*[{}] * 7, play=plays)) == [False, True, True, True, True, False, False]


def test_a_likely_grower_is_not_kept_small() -> None:
    assert kept(small({"probability": 0.2}, {"probability": 0.21}, {"probability": np.nan})) == [True, False, True]


def test_it_brings_something_and_does_not_fall() -> None:
    assert kept(small({"play_value": 0.0}, {"spend_365d": 27.0}, {"spend_365d": 28.0})) == [False, False, True]
    assert kept(small({"spend_prior_365d": 0.0}, {"spend_365d": 0.0, "spend_prior_365d": 0.0})) == [True, False]
    assert kept(small({}).assign(active=False)) == [False]
    assert kept(small({"orders_365d": 1.0}, {"orders_365d": 2.0})) == [False, True]


def test_without_costs_the_typical_spend_decides() -> None:
    frame = small(*({"spend_365d": s} | NOT_KNOWN for s in (38.0, 40.0, 60.0)))
    assert kept(frame) == [False, True, True]


def _summed(accounts: pd.DataFrame) -> KeptSmall:
    """Sum up rows of a list, which says the spend of a year by another name than the features do."""
    return summary(accounts.assign(spend_12m=accounts["spend_365d"]).drop(columns="spend_365d"))


def test_the_summary_adds_up() -> None:
    told = _summed(small({"probability": 0.1}, {"probability": 0.2}, play=["carefree", "automate"]))
    assert (told.accounts, told.spend, told.cost_now, told.cost_proposed, told.value) == (2, 80, 6, 4, 10)
    assert told.by_play == (("carefree", 1), ("automate", 1))
    assert (told.growers, told.chance, told.best) == pytest.approx((0.3, 1 - 0.9 * 0.8, 0.2))


def test_what_is_not_known_is_not_said() -> None:
    told = _summed(small(NOT_KNOWN | {"probability": np.nan}))
    assert (told.cost_now, told.value, told.growers, told.chance, told.best) == (None,) * 5
    for language in LANGUAGES:
        assert len(said(told, words(language))) == 1
        assert len(said(_summed(small({})), words(language))) == 4
        assert len(said(_summed(small({}).head(0)), words(language))) == 1


def test_with_many_accounts_it_is_no_news_that_one_may_grow() -> None:
    few, many = (_summed(small(*[{"probability": 0.05}] * n)) for n in (2, 200))
    assert few.chance == pytest.approx(1 - 0.95**2)
    assert many.chance == pytest.approx(1, abs=1e-4)
    assert "the chance that one does at least is 9.8%" in said(few, words("en"))[-1]
    assert "expect about 10 of them" in said(many, words("en"))[-1]
    assert "100%" not in said(many, words("en"))[-1]
