"""Cost to serve and the value of a play: sums that can be done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.unit.growth_list.accounts import accounts

from smartaccounts.config import Costs, Proposal
from smartaccounts.growth_list.costs import PROPOSED, assumptions, cheapest, cost_to_serve, gain, margin_share, money
from smartaccounts.growth_list.words import LANGUAGES, words

COSTS = Costs(
    margin_share=0.25, per_order=2, per_personal_order=10, per_line=0.5, per_return=3, per_customer=4, worked_account=7
)
BUSY = {"orders_365d": 10.0, "lines_365d": 20.0, "return_lines_365d": 2.0, "share_digital_365d": 0.6}


def test_cost_to_serve_is_what_its_parts_cost() -> None:
    assert cost_to_serve(accounts(BUSY), COSTS).tolist() == pytest.approx([10 * (2 + 0.4 * 10) + 20 * 0.5 + 2 * 3 + 4])


def test_where_the_way_of_ordering_is_unknown_the_assumed_share_counts() -> None:
    unknown = accounts(BUSY | {"share_digital_365d": np.nan})
    assert cost_to_serve(unknown, COSTS).tolist() == [40]
    assert cost_to_serve(unknown, COSTS.model_copy(update={"personal_share": 0.4})).tolist() == pytest.approx([80])


def test_a_play_changes_what_it_says_and_can_be_told_otherwise() -> None:
    frame, play = accounts(BUSY, BUSY, BUSY), pd.Series(["self_service", "develop", "leave"])
    proposed = money(frame, play, COSTS)["cost_proposed"]
    assert proposed.tolist() == pytest.approx([20 + 8 + 10 + 6 + 2, 80 + 7, 20 + 8 + 10 + 6])
    other = COSTS.model_copy(update={"proposed": {"self_service": Proposal(lines=0)}})
    assert money(frame, play, other)["cost_proposed"].tolist() == pytest.approx([20 + 8 + 6 + 2, 87, 44])


def test_the_value_of_a_play_is_margin_less_cost_and_of_develop_also_what_growth_brings() -> None:
    frame = accounts(BUSY | {"spend_365d": 400, "probability": 0.1, "spend_h": 40, "potential": 140}, BUSY)
    play = pd.Series(["develop", "develop"])
    value = money(frame, play, COSTS)["play_value"]
    assert value.tolist() == pytest.approx([0.25 * (400 + 0.1 * (140 - 40)) - 87, 0.25 * (40 + 0.01 * 105) - 87])
    assert money(frame, pd.Series(["win_back"] * 2), COSTS)["play_value"][0] == pytest.approx(100 - 80 - 7 / 4)


def test_an_account_that_becomes_key_reaches_what_the_typical_one_did_or_its_potential() -> None:
    assert gain(accounts({"potential": 60}, {"potential": 150}, {})).tolist() == [105, 130, 105]


def test_the_margin_of_the_lines_goes_before_the_assumed_one() -> None:
    frame = accounts({"margin_share_365d": 0.4}, {})
    assert margin_share(frame, COSTS).tolist() == [0.4, 0.25]
    assert margin_share(frame, None).isna().tolist() == [False, True]
    without = COSTS.model_copy(update={"margin_share": None})
    assert money(frame, pd.Series(["leave"] * 2), without)["play_value"].isna().tolist() == [False, True]


def test_without_assumptions_there_is_no_word_of_money() -> None:
    assert money(accounts({}), pd.Series(["leave"]), None).isna().all().all()
    assert assumptions(None, words("en")) == []


def test_nothing_that_a_play_proposes_is_cheaper_than_the_cheapest() -> None:
    frame = accounts(BUSY, {})
    least = cheapest(frame, COSTS)
    for play in PROPOSED:
        assert (money(frame, pd.Series([play] * 2), COSTS)["cost_proposed"] >= least - 1e-9).all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_assumptions_are_said(language: str) -> None:
    told = assumptions(COSTS, words(language))
    assert len(told) == 7 + 5 + 2  # what is given; five plays that change the service; two that take effort
    assert len(assumptions(Costs(per_order=2), words(language))) == 1 + 5


def test_assumptions_read_like_this() -> None:
    told = assumptions(COSTS, words("en"))
    assert "An order costs 2.00." in told
    assert (
        "Self-service leaves of today: 20% of the orders by phone or field force, 50% of the yearly cost per customer."
        in told
    )
    assert "Win back takes 25% of the cost of working an account." in told
