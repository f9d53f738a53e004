"""What a list rests on and what its words mean, as pairs of a term and a text."""

from __future__ import annotations

from smartaccounts.outputs.shown import Shown
from smartaccounts.outputs.summary import dependence, marks, past_lists, period, summary

TERMS = ("decide", "base", "chance", "potential", "money", "peers", "play", "watch", "small", "key")


def definitions(shown: Shown) -> list[tuple[str, str]]:
    """Return (term, meaning) of what the list speaks of, in the order of reading."""
    when = period(shown.facts.horizon_days, shown.words)
    parts = [shown.words.say(f"notes.{key}", period=when).partition("|") for key in TERMS]
    return [(term, meaning) for term, _, meaning in parts]


def notes(shown: Shown) -> list[tuple[str, str]]:
    """Return (term, text) of the notes: what to expect, past lists, the verdict, the data, and the definitions."""
    facts, words = shown.facts, shown.words
    told = summary(facts, words)
    found = [
        ("result", [told.base_rate, told.expectation, marks(shown.frame, facts, words)]),
        ("reliability", [told.reliability, *past_lists(facts, words)]),
        ("verdict", [told.verdict]),
        ("origin", [told.origin]),
        ("dependence", dependence(facts, words)),
        ("gone", [f"{g.name or g.customer_id}: {g.reason}" for g in facts.gone]),
        ("length", [*shown.told, *shown.assumed]),
        ("warnings", facts.warnings),
        ("notes", facts.notes),
    ]
    rows = [(words.say(f"notes.{key}"), "\n".join(t for t in texts if t)) for key, texts in found]
    return [(term, text) for term, text in rows if text] + definitions(shown)
