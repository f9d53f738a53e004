"""What changed since the list before, and the reason of each, in the account's own figures."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smartaccounts.growth_list.columns import CHANGES
from smartaccounts.growth_list.previous import PreviousList
from smartaccounts.growth_list.stability import Changes, compare
from smartaccounts.growth_list.words import LANGUAGES, words

THEN, NOW = date(2024, 2, 1), date(2024, 3, 1)
USUAL: dict[str, Any] = {
    "market": "m", "name": None, "probability": 0.1, "spend_h": 100.0, "orders_365d": 5.0, "recency_days": 10.0,
    "model_version": "v", "listed": True,
}  # fmt: skip
STANDING = {
    "key_spend": 1000.0, "small_spend": 500.0, "spend_h": 100.0, "spend_before_h": 0.0, "spend_365d": 300.0,
    "recency_days": 10.0, "tenure_days": 400.0,
}  # fmt: skip


def frame(as_of: date, rows: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return a list, the rows by rank: customer -> what is not as usual."""
    ranks = range(1, len(rows) + 1)
    made = [USUAL | {"customer_id": c, "rank": r} | more for r, (c, more) in zip(ranks, rows.items(), strict=True)]
    return pd.DataFrame(made).assign(as_of=pd.Timestamp(as_of))


def changes(
    then: dict[str, dict[str, Any]],
    now: dict[str, dict[str, Any]],
    *,
    others: dict[str, dict[str, Any]] | None = None,
    held: tuple[str, ...] = (),
    language: str = "en",
) -> Changes:
    """Compare two lists; `others` are who is not eligible now -> their standing."""
    listed = frame(NOW, now)
    standing = {c: STANDING | {k: v for k, v in m.items() if k in STANDING} for c, m in (now | (others or {})).items()}
    everybody = pd.DataFrame([{"market": "m", "customer_id": c} | s for c, s in standing.items()])
    return compare(
        listed, PreviousList("before", THEN, "0-0", frame(THEN, then)), everybody=everybody,
        held=listed["customer_id"].isin(held).to_numpy(), horizon_days=182, words=words(language),
    )  # fmt: skip


def one(then: dict[str, Any], now: dict[str, Any], *, held: bool = False) -> str:
    """Return the sentence of an account of which all but what is given is as usual."""
    found = changes({"a": then}, {"a": now}, held=("a",) if held else ())
    return str(found.rows["moved_because"][0])


def gone(**standing: float) -> str:
    (only,) = changes({"a": {}, "b": {}}, {"b": {}}, others={"a": standing} if standing else {}).gone
    return only.reason


def test_without_a_list_before_all_is_null() -> None:
    listed = frame(NOW, {"a": {}})
    found = compare(listed, None, everybody=listed, held=np.array([False]), horizon_days=182, words=words("en"))
    assert list(found.rows) == CHANGES
    assert found.rows.isna().all(axis=None)
    assert found.gone == ()


def test_every_row_has_its_status_and_everybody_who_left_is_named() -> None:
    then = {"a": {}, "b": {}, "c": {"name": "C Ltd"}, "d": {"listed": False}, "e": {}}
    now = {"d": {}, "x": {}, "b": {}, "a": {}, "e": {"listed": False}}
    found = changes(then, now, held=("a",))
    assert found.rows["status"].tolist() == ["new", "new", "stayed", "held", None]
    assert found.rows["previous_rank"].fillna(0).tolist() == [4, 0, 2, 1, 5]
    assert found.rows["moved_because"].notna().tolist() == [True, True, True, True, False]
    assert [(g.customer_id, g.name, g.previous_rank) for g in found.gone] == [("c", "C Ltd", 3), ("e", None, 5)]
    assert found.gone[1].reason == (
        "Overtaken: place 5 now, place 5 on February 1, 2024; spend of the last 182 days 100, before 100; "
        "chance unchanged at 10%."
    )


def test_the_same_customer_in_another_market_is_another() -> None:
    found = changes({"a": {"market": "n"}}, {"a": {}})
    assert found.rows["status"].tolist() == ["new"]
    assert [(g.market, g.reason) for g in found.gone] == [("n", "It is no longer in the order data.")]


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"spend_h": 100.0}, {"spend_h": 1500.0}, "spend of the last 182 days up from 100 to 1,500; chance unchanged"),
        ({"spend_h": 104.0}, {"spend_h": 105.0}, "others fell back"),
        ({"spend_h": -5.0, "orders_365d": 3.0}, {"spend_h": -1.0}, "orders of the last 12 months up from 3 to 5"),
        ({"spend_h": -5.0}, {"spend_h": 5.0}, "spend of the last 182 days up from -5 to 5"),
        ({"model_version": "old"}, {}, "the ranking was learned anew"),
        ({"probability": 0.12}, {"probability": 0.18}, "others fell back; chance from 12% to 18%."),
        ({"probability": np.nan}, {"probability": 0.18}, "others fell back."),
    ],
)
def test_why_an_account_rose(then: dict[str, Any], now: dict[str, Any], said: str) -> None:
    assert one(then | {"rank": 12}, now | {"rank": 5}).startswith(f"Up from place 12 to place 5: {said}")


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"spend_h": 1500.0}, {"spend_h": 100.0}, "spend of the last 182 days down from 1,500 to 100"),
        ({"orders_365d": 6.0}, {}, "orders of the last 12 months down from 6 to 5"),
        ({"spend_h": 900.0}, {"recency_days": 29.0}, "no order since February 1, 2024, the last one 29 days ago"),
        ({"spend_h": 50.0}, {}, "others moved ahead"),
    ],
)
def test_why_an_account_fell(then: dict[str, Any], now: dict[str, Any], said: str) -> None:
    assert one(then | {"rank": 5}, now | {"rank": 12}).startswith(f"Down from place 5 to place 12: {said}")


def test_who_is_held_is_told_so() -> None:
    said = one({"rank": 5}, {"rank": 12}, held=True)
    assert said == (
        "Down from place 5 to place 12: others moved ahead; chance unchanged at 10%. "
        "It stays on the list because it is only just behind."
    )


def test_where_a_new_account_comes_from() -> None:
    found = changes({"a": {"listed": False, "rank": 9}}, {"a": {}, "b": {"tenure_days": 29.0}, "c": {}})
    assert found.rows["moved_because"].tolist() == [
        "New on the list: place 1 now, place 9 on February 1, 2024; others fell back; chance unchanged at 10%.",
        "New on the list: a new customer, with its first order after February 1, 2024, spend of the last 182 days 100.",
        (
            "New on the list: on February 1, 2024 it was not among the small customers ranked; "
            "spend of the last 182 days 100."
        ),
    ]


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        ({"spend_h": 1000.0}, "Became a key account: spend of the last 182 days 1,000; key accounts start at 1,000."),
        (
            {"spend_h": 600.0},
            "Has grown, though not yet to a key account: spend of the last 182 days 600; small customers",
        ),
        ({"spend_365d": 0.0, "recency_days": 366.0}, "Buys no more: net spend of the last 12 months 0, last order 366"),
        (
            {"spend_before_h": 2000.0},
            "Has already been a key account and fell back: spend of the 182 days before the last 182 was 2,000",
        ),
        ({"key_spend": np.nan, "small_spend": np.nan}, "Its market has too few active customers to be ranked."),
        ({"tenure_days": 1.0}, "It is no longer among the customers that are ranked."),
        ({}, "It is no longer in the order data."),
    ],
)
def test_why_an_account_left(standing: dict[str, float], said: str) -> None:
    assert gone(**standing).startswith(said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_there_in_every_language(language: str) -> None:
    assert set(words(language).section("stability")) == set(words("en").section("stability"))
    found = changes({"a": {}, "b": {}}, {"b": {"spend_h": 5.0}, "c": {}}, language=language)
    assert found.rows["moved_because"].notna().all()
    assert found.gone[0].reason


def test_german_is_german() -> None:
    found = changes({"b": {"rank": 1200, "spend_h": 1.0}}, {"b": {"spend_h": 1234.0}}, language="de")
    assert found.rows["moved_because"][0] == (
        "Von Platz 1.200 auf Platz 1 gestiegen: Umsatz der letzten 182 Tage von 1 auf 1.234 gestiegen; "
        "Chance unverändert bei 10\u00a0%."
    )
