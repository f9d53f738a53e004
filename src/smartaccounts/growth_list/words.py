"""What the list says: one message file per language, figures written as that language does."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol

from smartaccounts.rankers.base import Note

LANGUAGES = ("en", "de")


@dataclass(frozen=True)
class Words:
    """The messages of a language by key (`section.name`).

    A message holds placeholders with a kind: {spend:money} whole currency, {orders:count}, {average:tenth} (one
    decimal), {times:times} (two), {hhi:exact} (four), {part:share} whole percent, {chance:chance} percent with one
    decimal below 10%, {day:day} a date, also as an ISO text; {name} without a kind is a text as it is.
    """

    language: str
    messages: Mapping[str, str]
    _kinds: Mapping[str, Callable[[Any], str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare how the language writes values."""
        object.__setattr__(self, "_kinds", _kinds(self.language))

    def say(self, key: str, **values: Any) -> str:
        """Return the message of a key with its values; KeyError where the key or a value is missing."""
        return "".join(
            text if name is None else text + self.write(values[name], kind)
            for text, name, kind in _parts(self.messages[key])
        )

    def note(self, note: Note) -> str:
        """Return what a note of a model says."""
        return self.say(f"model.{note.key}", **note.figures)

    def attribute(self, name: str) -> str:
        """Return what a sentence calls an attribute of the customers table: its own name where no message has one."""
        return self.messages.get(f"attributes.{name}", name)

    def write(self, value: Any, kind: str) -> str:
        """Return one value as a placeholder of that kind would show it."""
        return self._kinds[kind](value)

    def section(self, name: str) -> dict[str, str]:
        """Return the messages of a section by the rest of their key."""
        return {k.removeprefix(f"{name}."): v for k, v in self.messages.items() if k.startswith(f"{name}.")}


@cache
def words(language: str) -> Words:
    """Return the words of one of LANGUAGES."""
    content = (files("smartaccounts.growth_list") / "messages" / f"{language}.yaml").read_text(encoding="utf-8")
    return Words(language, _flat(yaml.safe_load(content)))


@cache
def _parts(message: str) -> tuple[tuple[str, str | None, str], ...]:
    """Return the pieces of a message: a text, and the placeholder behind it with its kind."""
    return tuple((text, name, kind or "") for text, name, kind, _ in string.Formatter().parse(message))


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in content.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": str(value)}
    return out


def _kinds(language: str) -> dict[str, Callable[[Any], str]]:
    """Return by kind how a value is written in a language."""
    locale = Locale.parse(language)
    marks = str.maketrans({",": get_group_symbol(locale), ".": get_decimal_symbol(locale)})

    def decimal(digits: int) -> Callable[[Any], str]:
        def write(value: Any) -> str:
            return f"{round(float(value), digits) + 0.0:,.{digits}f}".translate(marks)  # no minus before nothing

        return write

    percent = "\u00a0%" if language == "de" else "%"

    def share(value: float, digits: int = 0) -> str:
        exact = Decimal(str(float(value))) * 100  # 0.285 is 28%, though the double next to it times 100 is above 28.5
        return f"{exact:.{digits}f}".translate(marks) + percent

    def chance(value: float) -> str:
        return share(value, 0 if value >= 0.1 else 1)

    def day(value: date | str) -> str:
        value = date.fromisoformat(value) if isinstance(value, str) else value
        return str(format_date(value, format="long", locale=language))

    return {
        "": str, "money": decimal(0), "count": decimal(0), "tenth": decimal(1), "times": decimal(2),
        "exact": decimal(4), "share": share, "chance": chance, "day": day,
    }  # fmt: skip
