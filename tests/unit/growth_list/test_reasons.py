"""Reasons: the strongest ideas on each side, in words with the account's own figures."""

from __future__ import annotations

import re
import string
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import snapshot_of

from smartaccounts.features.catalogue import MARKET
from smartaccounts.features.extra import Extra
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.growth_list.figures import with_figures
from smartaccounts.growth_list.ideas import IDEA, IDEAS, SIGN
from smartaccounts.growth_list.reasons import FAINT, Told, _medians, message, reasons, typical
from smartaccounts.growth_list.words import LANGUAGES, words
from smartaccounts.rankers.base import Contributions
from smartaccounts.rankers.derived import DERIVED
from smartaccounts.rankers.plain import PLAIN

EN = words("en")
AS_OF = pd.Timestamp("2021-07-01")
NOTHING = snapshot_of(1).frame.assign(as_of=AS_OF, **(dict.fromkeys(CATALOGUE, 0.0) | {"history_days": 800.0}))
PEER = {
    "spend_91d": 300.0, "spend_182d": 600.0, "spend_365d": 1000.0, "orders_365d": 4.0, "recency_days": 60.0,
    "tenure_days": 500.0, "products_91d": 4.0, "products_365d": 5.0, "purchase_months_365d": 4.0,
}  # fmt: skip
PEERS = pd.concat([NOTHING.assign(**{k: v * times for k, v in PEER.items()}) for times in (0.5, 1, 3)])

PRODUCT = "Buys a product that large customers buy"


def told(contributions: dict[str, float], most: int = 3, **figures: float) -> Told:
    made = Contributions(tuple(contributions), np.array([list(contributions.values())]), 0.0)
    (found,) = reasons(made, NOTHING.assign(**(PEER | figures)), typical(made.names, PEERS), most=most, words=EN)
    return found


def said(contributions: dict[str, float], **figures: float) -> list[str]:
    found = told(contributions, **figures)
    return [r.text for r in (*found.speaking_for, *found.against)]


def test_a_sentence_has_the_account_s_figure_and_the_median_of_its_peers() -> None:
    assert said({"spend_365d": 0.5}, spend_365d=4200.4) == [
        "Spent 4,200 in the last twelve months; the typical small customer: 1,000."
    ]
    assert said({"purchase_months_365d": 0.5}, purchase_months_365d=9) == [
        "Ordered in 9 of the last twelve months; the typical small customer in 4."
    ]


def test_medians_are_those_of_all_rows_however_many_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    peers = snapshot_of(40).frame.assign(market=rng.choice(["a", "b"], 40))
    shown = ["spend_365d", "figure_that_is_made", "orders_365d"]
    monkeypatch.setattr(
        "smartaccounts.growth_list.reasons.figures", lambda f: pd.DataFrame({"figure_that_is_made": f["spend_182d"]})
    )
    found = {}
    for piece in (1, 7, 40, 1000):
        monkeypatch.setattr("smartaccounts.features.piecewise.PIECE", piece)
        found[piece] = _medians(peers, shown, np.empty)
    made = peers.assign(figure_that_is_made=peers["spend_182d"])
    for medians in found.values():
        pd.testing.assert_frame_equal(medians, made.groupby("market")[shown].median(), check_exact=True)


def test_peers_are_of_the_same_market() -> None:
    other = PEERS.assign(market="other", spend_365d=1e6)
    made = Contributions(("spend_365d",), np.array([[0.5]]), 0.0)
    row = NOTHING.assign(spend_365d=4200.0)
    (found,) = reasons(made, row, typical(made.names, pd.concat([PEERS, other])), most=3, words=EN)
    assert found.speaking_for[0].text.endswith("customer: 1,000.")


@pytest.mark.parametrize(
    ("column", "value", "figures", "text"),
    [
        ("growth_182d", 1, {"spend_182d": 4200, "spend_prior_182d": 1900},
         "Its spend is rising: 4,200 in the last six months, 1,900 in the six months before."),
        ("slope_12_blocks", -1, {"spend_182d": 1900, "spend_prior_182d": 4200},
         "Its spend is falling: 1,900 in the last six months, 4,200 in the six months before."),
        ("growth_91d_in_365d", 1, {"spend_91d": 500},
         "Has speeded up: 50% of its spend of the last twelve months (1,000) came in the last three months."),
        ("spend_decay_180d", 1, {"spend_182d": 2000},
         "Spent 2,000 in the last six months; the typical small customer: 600."),
        ("spend_block_03", 1, {"spend_block_03": 70},
         "Spent 70 in the 30 days up to May 1, 2021; the typical small customer: 0."),
        ("overdue", -1, {"recency_days": 60, "gap_mean_days": 20},
         "Overdue: days since its last order: 60; from one order to the next on average: 20."),
        ("affinity_highest_365d", 1, {"affinity_highest_365d": np.log(2.5)},
         f"{PRODUCT} 2.5 times as often as other customers do; the typical small customer: 1.0 times."),
        ("half_years_at_key", -1, {},
         "In no half year of the last two years did it spend 100, the bar of a key account."),
        ("spread_6_blocks", 1, {f"spend_block_0{b}": 10.0 * b for b in range(1, 7)},
         "Buys every month: between 10 and 60 a month in the last six months."),
        ("half_year_best_age", 1, {"spend_block_03": 50, "history_days": 300.0}, ""),
        ("order_largest_share_365d", -1, {"order_largest_share_365d": 0.72},
         "72% of what it bought in the last twelve months was one order; the typical small customer: 0%."),
        ("tenure_days", 1, {"tenure_days": 90},
         "A young customer (days since its first order: 90; the typical small customer: 500)."),
    ],
)  # fmt: skip
def test_columns_in_words(column: str, value: float, figures: dict[str, float], text: str) -> None:
    assert said({column: value}, **figures) == ([text] if text else [])


def test_sides_go_by_sign_and_the_strongest_comes_first() -> None:
    found = told(
        {"recency_days": 0.1, "spend_91d": 0.9, "orders_365d": -0.2, "tenure_days": -0.7, "products_91d": 0.0},
        recency_days=5, spend_91d=900, orders_365d=1, tenure_days=100,
    )  # fmt: skip
    assert [(r.idea, r.contribution) for r in found.speaking_for] == [("spend", 0.9), ("recency", 0.1)]
    assert [(r.idea, r.contribution) for r in found.against] == [("tenure", -0.7), ("orders", -0.2)]


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_than_asked_for_on_each_side(most: int) -> None:
    columns = {"recency_days": 0.1, "spend_91d": 0.9, "tenure_days": -0.7, "orders_365d": 0.2, "products_91d": -0.1}
    found = told(columns, most, recency_days=5, spend_91d=900, tenure_days=100, orders_365d=9, products_91d=1)
    assert (len(found.speaking_for), len(found.against)) == (most, min(most, 2))


def test_an_idea_is_added_up_and_speaks_once_with_its_strongest_column() -> None:
    found = told(
        {"spend_91d": 0.2, "spend_365d": 0.3, "recency_days": 0.4}, spend_365d=4000, spend_91d=900, recency_days=5
    )
    assert [(r.idea, r.contribution) for r in found.speaking_for] == [("spend", 0.5), ("recency", 0.4)]
    assert found.speaking_for[0].text.startswith("Spent 4,000")


def test_what_reads_as_the_other_side_gives_way_to_the_next_column_or_is_left_out() -> None:
    assert said({"spend_365d": 0.5}, spend_365d=400) == []
    assert said({"spend_365d": 0.5, "spend_91d": 0.1}, spend_365d=400, spend_91d=900) == [
        "Spent 900 in the last three months; the typical small customer: 300."
    ]
    assert said({"growth_182d": 0.5}, spend_182d=100, spend_prior_182d=900) == []
    assert said({"recency_days": 0.5}, recency_days=200) == []


def test_before_an_account_existed_it_neither_grew_nor_paused() -> None:
    grown = {"spend_182d": 4200.0, "spend_prior_182d": 1900.0, "spend_91d": 900.0, "orders_prior_182d": 0.0}
    for column, days in (("growth_182d", 364), ("growth_91d_in_365d", 365), ("half_years_at_key", 182)):
        side = -1 if column == "half_years_at_key" else 1
        assert len(said({column: side}, **grown, tenure_days=days)) == 1
        assert said({column: side}, **grown, tenure_days=days - 1) == []


def test_what_can_hardly_be_told_from_its_peers_is_left_out() -> None:
    assert said({"spend_365d": 0.5}, spend_365d=1090) == []
    assert said({"products_repeated_share_365d": 0.5}, products_repeated_share_365d=0.004) == []  # 0% against 0%
    assert said({"spend_365d": 0.5, "recency_days": FAINT * 0.4}, spend_365d=4000, recency_days=5) == said(
        {"spend_365d": 0.5}, spend_365d=4000
    )


def test_what_the_account_has_no_value_in_does_not_speak() -> None:
    assert said({"products_365d": 0.9}, products_365d=np.nan) == []
    assert said({"growth_year_ago_182d": 0.9}, spend_year_ago_behind_182d=np.nan) == []
    assert said({"spend_91d": -0.9}, spend_91d=-50) == []  # more returned than bought is no spend


def test_what_all_accounts_share_is_no_reason() -> None:
    assert told({"history_days": 0.9, "small_to_key": 0.9}) == Told([], [])


def test_contributions_of_nought_say_nothing() -> None:
    assert told({"spend_91d": 0.0, "recency_days": 0.0}) == Told([], [])


def test_a_ranker_of_one_term_says_what_it_ranks_by() -> None:
    assert said({"past_365": 42.0}) == [
        "Ranked by its spend of the last twelve months alone (4,200): nothing else counts."
    ]
    assert said({"a forest": -2.0}) == ["Ranked by a model that does not say what its score is made of."]
    assert [r.idea for r in told({"spend_change": -1.0}).against] == ["alone"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_column_has_words_or_is_about_the_market(language: str) -> None:
    """Every message is said of a row of figures, with each of its wordings, and with nothing left open."""
    row = with_figures(snapshot_of(1).frame).iloc[0]
    said = words(language)
    for column in (*CATALOGUE, *DERIVED):
        how = message(column)
        assert how is not None, column
        if how == MARKET:
            continue
        assert how.value in {"", *row.index}, column
        assert how.than in {"", *row.index}, column
        assert how.value or column in row.index, column
        keys = [k for k in said.messages if re.fullmatch(rf"reasons\.{how.key}(\.more|\.less)?", k)]
        assert keys in ([f"reasons.{how.key}"], [f"reasons.{how.key}.more", f"reasons.{how.key}.less"]), column
        for key in keys:
            shown = {name for _, name, _, _ in string.Formatter().parse(said.messages[key]) if name}
            assert how.value or not how.than or shown & {"value", "part"}, column
            assert not ("than" in shown and not how.than), column
            for name, days in (("time", how.days), ("longer", how.longer)):
                assert name not in shown or f"reasons.time.{days}" in said.messages, column


@pytest.mark.parametrize(
    ("unit", "value", "usual", "said"),
    [
        ("share", 0.42, 0.1, "Trend of X: 42%; the typical small customer: 10%."),
        ("money", -1234.5, 20.0, "Trend of X: -1,234; the typical small customer: 20."),
        ("days", 12.4, 3.0, "Trend of X: 12 days; the typical small customer: 3 days."),
        ("count", 2.25, 1.0, "Trend of X: 2.2; the typical small customer: 1.0."),
        ("ratio", 1.256, 0.5, "Trend of X: 1.26; the typical small customer: 0.50."),
        ("share", 0.104, 0.1, ""),  # the same to a reader
        ("share", np.nan, 0.1, ""),
        ("share", 0.3, np.nan, ""),
    ],
)
@pytest.mark.parametrize("value_is", [0.5, -0.5])
def test_a_feature_of_the_pipeline_file_is_said_in_its_own_words(
    unit: Any, value: float, usual: float, said: str, value_is: float
) -> None:
    own = (Extra("x", "SUM(amount)", unit, "trend of X"), Extra("other", "COUNT(*)", "count", "other"))
    made = Contributions(("x", "spend_365d", "other"), np.array([[value_is, 0.6, 0.0]]), 0.0)
    row = NOTHING.copy().assign(**(PEER | {"spend_365d": 4000.0}), x=value, other=1.0)
    peers = PEERS.copy().assign(x=usual, other=1.0)
    (found,) = reasons(made, row, typical(made.names, peers, extra=own), most=3, words=EN, extra=own)
    side = found.speaking_for if value_is > 0 else found.against
    assert [r.text for r in side if r.idea == "own x"] == ([said] if said else [])
    assert "Spent 4,000" in found.speaking_for[0].text


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_that_rises_speaks_for_an_account_with_more_and_against_with_less(language: str) -> None:
    own = (Extra("x", "SUM(amount)", "days", "sPend", rises=True),)
    for value, contribution, told_for, told_against in (
        (9.0, 1, 1, 0),
        (9.0, -1, 0, 0),
        (1.0, 1, 0, 0),
        (1.0, -1, 0, 1),
    ):
        made = Contributions(("x",), np.array([[contribution]], dtype=float), 0.0)
        row, peers = NOTHING.copy().assign(**PEER, x=value), PEERS.copy().assign(x=4.0)
        (found,) = reasons(made, row, typical(made.names, peers, extra=own), most=3, words=words(language), extra=own)
        assert (len(found.speaking_for), len(found.against)) == (told_for, told_against)
        assert all(r.text.startswith("SPend: ") for r in (*found.speaking_for, *found.against))


def test_what_is_about_the_market_is_named() -> None:
    without = {c for c in (*CATALOGUE, *DERIVED) if message(c) == MARKET}
    assert without == {
        "history_days", "market_customers", "market_growth_182d", "market_season_182d", "market_ahead_to_now_182d",
        "market_young_share_182d", "small_to_key",
    }  # fmt: skip


def test_ideas_and_messages_belong_together() -> None:
    used = {how.key for c in (*CATALOGUE, *DERIVED) if (how := message(c)) and how != MARKET} | {"own", "own_rises"}
    assert used == set(IDEA) == set(SIGN)
    assert sum(len(messages) for messages in IDEAS.values()) == len(IDEA)
    written = {k.split(".")[0] for k in EN.section("reasons")}
    assert written == used | {"time", "alone"}
    assert set(PLAIN) | {"btyd", "other"} == set(EN.section("reasons.alone"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_jargon(language: str) -> None:
    for text in words(language).section("reasons").values():
        assert not re.search(r"decay|\blog|quantil|median|percentile|feature|fading", text, re.IGNORECASE), text
