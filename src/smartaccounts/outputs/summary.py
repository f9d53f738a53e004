"""The sentences on top of a list: the same on the page and in the workbook."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import pandas as pd

from smartaccounts.growth_list.facts import Facts, PastList
from smartaccounts.growth_list.words import Words
from smartaccounts.rankers.plain import PLAIN

DASH = "\N{EN DASH}"
"""Stands where there is no value."""


@dataclass(frozen=True)
class Summary:
    """base_rate, expectation: what to expect; reliability: how lists made in this way would have turned out.

    verdict: why this ranking is in use; origin: data and model.
    """

    base_rate: str
    expectation: str
    reliability: str
    verdict: str
    origin: str


def summary(facts: Facts, words: Words) -> Summary:
    """Return the sentences of a list."""
    day = {"as_of": date.fromisoformat(facts.as_of), "last": date.fromisoformat(facts.last_day)}
    origin = words.say("summary.origin", **day, model=facts.model_version)
    return Summary(
        base_rate=_base_rate(facts, words),
        expectation=_expectation(facts, words),
        reliability=_reliability(facts, words),
        verdict=words.say(f"summary.verdict_{_verdict(facts)}"),
        origin=origin,
    )


def marks(frame: pd.DataFrame, facts: Facts, words: Words) -> str:
    """Say where small ends and where key begins, in currency; empty where no row knows.

    `frame` is that of the list, with key_spend and small_spend of the market of each row.
    """
    key, small = frame["key_spend"].dropna(), frame["small_spend"].dropna()
    if key.empty or small.empty:
        return ""
    sides = {"key_low": key.min(), "key_high": key.max(), "small_low": small.min(), "small_high": small.max()}
    one = sides["key_low"] == sides["key_high"] and sides["small_low"] == sides["small_high"]
    return words.say(
        "summary.marks" if one else "summary.marks_many", period=period(facts.horizon_days, words), **sides
    )


def dependence(facts: Facts, words: Words) -> list[str]:
    """Say how much of the spend hangs on few customers, today and if the list delivers; nothing where not known."""
    parts = (("today", facts.today), ("delivered", facts.delivered))
    return [words.say(f"summary.dependence_{key}", **vars(shares)) for key, shares in parts if shares is not None]


def about(value: float, words: Words) -> str:
    """Write an expected number of accounts as a whole one; below a half as `fewer than 1`."""
    return words.write(round(value), "count") if value >= 0.5 or value == 0 else words.say("summary.fewer_than_one")


def ends(low: int, high: int, words: Words) -> str:
    """Write a range of whole numbers."""
    if low == high:
        return words.write(low, "count")
    return words.say("summary.range", low=low, high=high)


def period(days: int, words: Words) -> str:
    """Write a horizon in months where it is a number of them, else in days."""
    months = round(days / 30.4)
    if months > 1 and abs(days - months * 30.4) <= 3:
        return words.say("summary.months", months=months)
    return words.say("summary.days", days=days)


def _verdict(facts: Facts) -> str:
    """Return better, plain or forced: a model that serves though it is not proven to be better."""
    if facts.better:
        return "better"
    return "plain" if facts.ranker in PLAIN else "forced"


def _base_rate(facts: Facts, words: Words) -> str:
    if facts.base_rate is None or math.isnan(facts.base_rate):
        return words.say("summary.base_rate_unknown")
    of = 1_000 if facts.base_rate >= 0.002 else 100_000
    grown = round(facts.base_rate * of)
    key = "summary.base_rate_one" if grown == 1 else "summary.base_rate"
    return words.say(key, of=of, grown=grown, period=period(facts.horizon_days, words))


def _expectation(facts: Facts, words: Words) -> str:
    if not facts.listed:
        return words.say("summary.nobody")
    if facts.expected is None:
        return words.say("summary.no_chances")
    expected = ends(facts.expected.low, facts.expected.high, words)
    said = [words.say("summary.expect", listed=facts.listed, expected=expected)]
    if facts.expected_by_spend is not None:
        said.append(words.say("summary.by_spend", listed=facts.listed, number=about(facts.expected_by_spend, words)))
    if facts.expected_random is not None:
        said.append(words.say("summary.at_random", listed=facts.listed, number=about(facts.expected_random, words)))
    return "; ".join(said) + "."


def _reliability(facts: Facts, words: Words) -> str:
    if not facts.past:
        return words.say("summary.no_past")
    said, told = [], [p for p in facts.past if p.expected is not None]
    if told:
        numbers = {
            "lists": len(told),
            "expected": sum(p.expected or 0.0 for p in told),
            "came": sum(p.came for p in told),
            "held": sum(held(p) for p in told),
        }
        said.append(words.say("summary.past_one" if len(told) == 1 else "summary.past", **numbers))
    compared = [p for p in facts.past if p.by_spend is not None]
    if compared:
        said.append(
            words.say(
                "summary.past_by_spend",
                rows=sum(p.listed for p in compared),
                came=sum(p.came for p in compared),
                by_spend=sum(p.by_spend or 0 for p in compared),
                random=about(sum(p.random for p in compared), words),
            )
        )
    return " ".join(said) or words.say("summary.no_past")


def past_lists(facts: Facts, words: Words) -> list[str]:
    """Return a sentence for each past list: what was expected and came, and what past spend would have found."""
    said = []
    for past in facts.past:
        spend = DASH if past.by_spend is None else words.write(past.by_spend, "count")
        day, drawn = date.fromisoformat(past.as_of), about(past.random, words)
        values = {
            "listed": past.listed,
            "expected": stated(past, words),
            "came": past.came,
            "by_spend": spend,
            "random": drawn,
        }
        said.append(words.say("summary.past_list", as_of=day, **values))
    return said


def stated(past: PastList, words: Words) -> str:
    """Write the range that a past list stated; a dash where it stated none."""
    return DASH if past.low is None or past.high is None else ends(past.low, past.high, words)


def held(past: PastList) -> bool:
    """Say whether what came lay in the stated range; no where none was stated."""
    return past.low is not None and past.high is not None and past.low <= past.came <= past.high
