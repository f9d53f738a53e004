"""The sentences on top of a list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.outputs.lists import shown_of

from smartaccounts.growth_list.facts import Expected, PastList
from smartaccounts.growth_list.words import words
from smartaccounts.outputs.summary import about, ends, marks, period, summary

EN = words("en")


def test_a_list_says_what_to_expect() -> None:
    facts = replace(
        shown_of(60, listed=50).facts, expected=Expected(11.7, 9, 15), expected_by_spend=6.8, expected_random=0.9
    )
    said = summary(facts, EN)
    assert said.base_rate == "Of 1,000 small customers like these, 17 became key accounts within 6 months."
    assert said.expectation == (
        "Of the 50 on this list expect 9 to 15; of 50 picked by last year's spend, 7; of 50 at random, 1."
    )
    assert said.origin == "List of December 1, 2025. Orders known up to November 28, 2025. Model shop-7."
    german = summary(facts, words("de"))
    assert "17 innerhalb von 6 Monaten" in german.base_rate
    assert "9 bis 15" in german.expectation


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.0013, "Of 100,000 small customers like these, 130 became"),
        (0.0021, "Of 1,000 small customers like these, 2 became"),
        (0.00001, "Of 100,000 small customers like these, one became a key account"),
        (None, "How many small customers grow is not known yet"),
        (float("nan"), "How many small customers grow is not known yet"),
    ],
)
def test_the_base_rate_is_said_in_people(rate: float | None, said: str) -> None:
    assert summary(replace(shown_of(60).facts, base_rate=rate), EN).base_rate.startswith(said)


def test_a_plain_ranking_promises_no_numbers() -> None:
    said = summary(shown_of(60, bare=True).facts, EN)
    assert said.expectation.startswith("This list is a plain ranking")
    assert said.reliability.startswith("No earlier list can be judged yet")


def test_why_a_ranking_is_in_use_is_said_in_every_language() -> None:
    facts = shown_of(60).facts
    for language in ("en", "de"):
        told = {
            summary(replace(facts, better=better, ranker=ranker), words(language)).verdict
            for better, ranker in ((True, "growth"), (None, "decay_180"), (False, "growth"))
        }
        assert len(told) == 3


def test_an_empty_list_says_that_nobody_pays() -> None:
    empty = replace(shown_of(60).facts, listed=0, expected=None)
    assert summary(empty, EN).expectation.endswith("nobody is listed.")


def test_past_lists_are_summed() -> None:
    facts = shown_of(60).facts
    said = summary(facts, EN).reliability
    assert (
        "at the last 5 dates would have announced 54 new key accounts; 56 came, and the stated range held at 4 of 5."
        in said
    )
    assert (
        "Of the 250 places on such lists 56 held an account that grew; of as many picked by past spend 28 would have"
        in said
    )
    unstated = replace(facts, past=(PastList("2025-01-01", 50, None, None, None, 4, None, 1.0),))
    assert summary(unstated, EN).reliability.startswith("No earlier list")
    one = replace(facts, past=facts.past[:1])
    assert summary(one, EN).reliability.startswith("A list made in this way at the last date would have announced 10")


def test_what_small_and_key_mean_is_said_in_money() -> None:
    shown = shown_of(60)
    one = shown.frame.assign(small_spend=500.4, key_spend=1000.0)
    assert (
        marks(one, shown.facts, EN) == "A small customer spends less than 500 in 6 months, a key account 1,000 or more."
    )
    assert "in 6 Monaten weniger als 500 um, ein Großkunde 1.000 oder mehr" in marks(one, shown.facts, words("de"))
    several = one.assign(key_spend=[1000.0, 2000.0] * 30)
    assert "less than 500 to 500 in 6 months, a key account at least 1,000 to 2,000" in marks(several, shown.facts, EN)
    assert marks(one.assign(key_spend=float("nan")), shown.facts, EN) == ""


def test_numbers_periods_and_ranges_as_they_are_said() -> None:
    assert [about(v, EN) for v in (0.0, 0.3, 0.6, 6.5, 1200.2)] == ["0", "fewer than 1", "1", "6", "1,200"]
    assert (ends(3, 3, EN), ends(9, 15, EN)) == ("3", "9 to 15")
    assert [period(d, EN) for d in (182, 91, 30, 45, 365)] == [
        "6 months",
        "3 months",
        "30 days",
        "45 days",
        "12 months",
    ]
