"""Words of the list: every language says the same, with the same figures."""

from __future__ import annotations

import re
import string
from datetime import date
from pathlib import Path

import pytest

from smartaccounts.growth_list.words import LANGUAGES, words
from smartaccounts.rankers.base import Note

SRC = Path(__file__).parents[3] / "src"


def placeholders(text: str) -> list[tuple[str | None, str | None]]:
    return sorted((name, kind) for _, name, kind, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_messages_with_the_same_figures(language: str) -> None:
    english, other = words("en").messages, words(language).messages
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert placeholders(other[key]) == placeholders(text), key


def test_figures_are_written_as_the_language_does() -> None:
    en, de = words("en"), words("de")
    assert [w.write(1234567.4, "money") for w in (en, de)] == ["1,234,567", "1.234.567"]
    assert [w.write(1.005, "times") for w in (en, de)] == ["1.00", "1,00"]
    assert [w.write(0.123, "chance") for w in (en, de)] == ["12%", "12\u00a0%"]
    assert [w.write(0.0234, "chance") for w in (en, de)] == ["2.3%", "2,3\u00a0%"]
    assert [w.write(date(2026, 3, 1), "day") for w in (en, de)] == ["March 1, 2026", "1. März 2026"]


def test_a_message_takes_its_values_and_nothing_is_run() -> None:
    said = words("en").say("summary.base_rate", of=1_000, grown=17, period="6 months")
    assert said == "Of 1,000 small customers like these, 17 became key accounts within 6 months."
    with pytest.raises(KeyError):
        words("en").say("summary.base_rate", grown=17)
    with pytest.raises(KeyError):
        words("en").say("summary.nothing")


def test_a_note_of_a_model_is_said_in_each_language() -> None:
    note = Note("lent", {"own": 60, "rows": 2700, "lender": "other", "first": "2020-06-01", "last": "2021-02-01"})
    assert words("en").note(note) == (
        "Learned from 60 own customers and dates and 2,700 borrowed ones of other (June 1, 2020 to February 1, 2021)."
    )
    assert words("de").note(note) == (
        "Gelernt aus 60 eigenen und 2.700 geliehenen Fällen von other (1. Juni 2020 bis 1. Februar 2021)."
    )


def test_every_note_has_words_and_no_words_are_left_over() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in SRC.rglob("*.py"))
    keys = words("en").section("model").keys()
    assert set(re.findall(r'\bNote\("(\w+)"', source)) <= keys
    assert {key for key in keys if f'"{key}"' not in source} == set()
