"""What the page and the workbook show: one list with its figures, its words and what stands beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from smartaccounts.growth_list.facts import Facts
from smartaccounts.growth_list.keep_small import KeptSmall
from smartaccounts.growth_list.words import Words
from smartaccounts.outputs.summary import period

MOST = 50_000
"""So many rows that are not listed are shown at most; all are in the files."""


@dataclass(frozen=True)
class Play:
    """A play in words: what it is called, and what to do."""

    name: str
    to_do: str


@dataclass(frozen=True)
class Shown:
    """frame: the rows of growth_list.parquet, all its columns, by rank; facts: what stands on top.

    blocks: for each listed row, in the order of the frame, the spend of 24 blocks of 30 days, the oldest first; null
    before the history; None where there is none. plays: by the id in `play`; an id that is missing is shown as it is.
    kept: the second list in sum. told: sentences on how many to take; assumed: on what the money rests on. per: a
    further attribute that the frame holds, in whose values capacity counts.
    """

    frame: pd.DataFrame
    facts: Facts
    words: Words
    plays: Mapping[str, Play] = field(default_factory=dict)
    blocks: pd.DataFrame | None = None
    kept: KeptSmall | None = None
    told: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    per: str | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that say whose an account is: shown beside its name, and filtered by."""
        return ("market", "segment", "region", "sales_rep", *([] if self.per is None else [self.per]))

    def label(self, column: str) -> str:
        """Return what a column is called; a further attribute bears the name that the pipeline file gives it."""
        if column == self.per:
            return column
        return self.words.say(f"columns.{column}", period=period(self.facts.horizon_days, self.words))

    @cached_property
    def listed(self) -> pd.DataFrame:
        """The listed rows."""
        return self.frame[flagged(self.frame["listed"])]

    @cached_property
    def rest(self) -> pd.DataFrame:
        """The first MOST rows that are not listed."""
        return self.frame.iloc[np.flatnonzero(~flagged(self.frame["listed"]))[:MOST]]

    @cached_property
    def kept_small(self) -> pd.DataFrame:
        """The first MOST rows of the second list."""
        return self.frame.iloc[np.flatnonzero(flagged(self.frame["keep_small"]))[:MOST]]

    @property
    def as_of(self) -> date:
        """The date of the list."""
        return date.fromisoformat(self.facts.as_of)

    @cached_property
    def known(self) -> frozenset[str]:
        """The columns in which any row has a value; of texts an empty one is none."""
        return frozenset(str(name) for name, values in self.frame.items() if _holds(values.dropna()))

    def play(self, key: object) -> Play | None:
        """Return the play of an id in words; None where there is none."""
        return None if missing(key) else self.plays.get(str(key), Play(str(key), ""))


def plays_in(words: Words) -> dict[str, Play]:
    """Return every play in words, by its id."""
    names = words.section("plays.name")
    return {key: Play(name, words.say(f"plays.do.{key}")) for key, name in names.items()}


def missing(value: object) -> bool:
    """Say whether a cell holds nothing: None, NaN, NaT, NA or an empty text."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return value == "" if isinstance(value, str) else isinstance(value, float | np.floating) and math.isnan(value)


def _holds(values: pd.Series) -> bool:
    """Say whether any of the values of a column, none of them null, is more than an empty text."""
    if isinstance(values.dtype, pd.StringDtype):
        return bool((values != "").any())
    return bool(len(values)) and (values.dtype.kind in "biuf" or any(not missing(v) for v in values))


def sentences(value: object) -> list[str]:
    """Return a cell that holds a list of sentences; none where it is null."""
    return [str(v) for v in value] if isinstance(value, list | tuple | np.ndarray) else []


def flagged(values: pd.Series) -> np.ndarray:
    """Return a column of yes and no as bool; null is no."""
    if values.dtype.kind == "b":
        return values.to_numpy(dtype=bool)
    return values.map(lambda v: not missing(v) and bool(v)).to_numpy(dtype=bool)
