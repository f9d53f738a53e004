"""How many to take: capacity in each group, and never more than pay."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from tests.unit.growth_list.accounts import accounts

from smartaccounts.config import Costs
from smartaccounts.growth_list.capacity import profit_curve, proposed_length, said
from smartaccounts.growth_list.facts import ProfitCurve
from smartaccounts.growth_list.words import LANGUAGES, words

COSTS = Costs(margin_share=0.5, worked_account=4)


def chances(*chance: float, **other: float) -> pd.DataFrame:
    return accounts(
        *(
            {"probability": p, "probability_low": p / 1.5, "probability_high": 1 - (1 - p) / 1.05, "spend_h": 25.0}
            | other
            for p in chance
        )
    )


def curve_of(*chance: float, shown: int = 3) -> ProfitCurve:
    curve = profit_curve(chances(*chance), COSTS, shown=shown)
    assert curve is not None
    return curve


def test_profit_is_chance_times_value_less_cost() -> None:
    curve = curve_of(0.5, 0.1, 0.05)  # an account that becomes key brings (125 - 25) x 0.5, and costs 4
    assert curve.lengths == (1, 2, 3)
    assert curve.profit == pytest.approx((21, 22, 20.5))
    assert (curve.best, curve.break_even) == (2, 2)


def test_the_best_length_is_where_the_curve_is_highest_and_the_range_lies_around_it() -> None:
    curve = curve_of(*np.geomspace(0.4, 0.001, 400), shown=50)
    assert curve.profit[curve.lengths.index(curve.best)] == max(curve.profit)
    assert curve.best == curve.break_even == 108
    assert list(curve.lengths) == sorted(set(curve.lengths))
    for low, profit, high in zip(curve.low, curve.profit, curve.high, strict=True):
        assert low <= profit <= high or high - low < 50  # of one account either nothing comes or all
    assert all(low >= -4 * n for n, low in zip(curve.lengths, curve.low, strict=True))
    assert curve == curve_of(*np.geomspace(0.4, 0.001, 400), shown=50)


def test_the_range_is_that_of_the_chances() -> None:
    """Without any doubt of the level, the number of key accounts is binomial."""
    frame = accounts(*[{"probability": 0.2, "probability_low": 0.2, "probability_high": 0.2, "spend_h": 25}] * 100)
    curve = profit_curve(frame, COSTS, shown=100)
    assert curve is not None
    low, high = ((x[-1] + 400) / 50 for x in (curve.low, curve.high))
    assert (low, high) == pytest.approx((15, 25), abs=1)


def test_the_curve_shows_what_can_be_worked_and_the_best() -> None:
    assert curve_of(*[0.001] * 30, shown=10).lengths == tuple(range(1, 11))
    assert curve_of(*[0.5] * 30, shown=10).best == 30 == curve_of(*[0.5] * 30, shown=10).lengths[-1]
    long = curve_of(*[0.5] * 1000, shown=10).lengths
    assert len(long) <= 101
    assert all(b > a for a, b in pairwise(long))


def test_where_none_pays_none_is_proposed() -> None:
    curve = curve_of(0.07, 0.01)
    assert (curve.best, curve.break_even) == (0, 0)
    assert (proposed_length(curve, "profit"), proposed_length(curve, "capacity")) == (0, None)
    assert proposed_length(None, "profit") is None


@pytest.mark.parametrize(
    ("costs", "other"),
    [
        (None, {}),
        (Costs(margin_share=0.5), {}),
        (Costs(worked_account=4), {}),
        (COSTS, {"probability": np.nan}),
        (COSTS, {"probability_low": np.nan}),
    ],
)
def test_without_cost_margin_or_chances_there_is_no_curve(costs: Costs | None, other: dict[str, float]) -> None:
    assert profit_curve(chances(0.5, 0.1, **other), costs, shown=2) is None


def test_an_account_of_unknown_margin_brings_nothing() -> None:
    frame = chances(0.5, 0.5).assign(margin_share_365d=[0.5, np.nan])
    curve = profit_curve(frame, Costs(worked_account=4), shown=2)
    assert curve is not None
    assert curve.profit == pytest.approx((21, 17))


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_said(language: str) -> None:
    say, curve = words(language), curve_of(0.5, 0.1, 0.05)
    assert len(said(curve, say, capacity=2)) == 1
    assert len(said(curve, say, capacity=3)) == 2
    assert len(said(curve_of(0.5, 0.01, 0.081), say, capacity=1)) == 2
    assert said(curve, say, capacity=3)[-1] != said(curve, say, capacity=1)[-1]
    assert len(said(curve, say, capacity=3, per="region")) == 2
    assert (
        say.write(curve.profit[0], "money") in said(curve, say, capacity=1)[-1]
    )  # what as many as can be worked bring
    assert said(curve, say, capacity=3, per="Team")[0].find("Team") > 0
    assert "sales_rep" not in said(curve, say, capacity=3, per="sales_rep")[0]
    assert len(said(None, say, capacity=3)) == len(said(curve_of(0.01), say, capacity=3)) == 1
