"""Why an account ranks where it does: the ranker's own contributions, said with the account's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from smartaccounts.engine.memory import Empty, release
from smartaccounts.features.catalogue import MARKET, Message
from smartaccounts.features.extra import Extra
from smartaccounts.features.piecewise import pieces, released
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.growth_list.figures import figures, with_figures
from smartaccounts.growth_list.ideas import AGAINST_NOTHING, IDEA, PARTS, SIGN, reach_days
from smartaccounts.growth_list.words import Words
from smartaccounts.rankers.base import Contributions, Floats
from smartaccounts.rankers.derived import DERIVED

CLEARLY = 0.1
"""A figure that differs less from what it is set against, in parts of the larger, is the same to a reader."""

FAINT = 0.01
"""An idea that adds less, in parts of what all ideas add or take away, decides nothing and is left out."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Reason:
    """One sentence, the idea it is about, and what all columns of the idea add to the raw score."""

    text: str
    idea: str
    contribution: float


@dataclass(frozen=True)
class Told:
    """What speaks for and against one account, the strongest first."""

    speaking_for: list[Reason]
    against: list[Reason]


def message(column: str) -> Message | None:
    """Return how a column of a design is said; None where the name is not that of one."""
    found = DERIVED.get(column) or CATALOGUE.get(column)
    return found.message if found else None


def reasons(
    contributions: Contributions,
    rows: pd.DataFrame,
    medians: Mapping[str, Row],
    *,
    most: int,
    words: Words,
    extra: Sequence[Extra] = (),
) -> list[Told]:
    """Return for each of `rows`, eligible rows of a snapshot, the `most` strongest reasons for and against.

    The contributions of one idea (spend, trend, rhythm, ...) are added up, so that ten correlated windows do not crowd
    out the rest. Its strongest column speaks whose figure reads as the side it is on: clearly more spend than its
    peers speaks for an account, less speaks against it. Where none does, the idea is left out. medians: of the peers of
    each market, as of `typical`. A ranker of one term has one sentence.
    extra: features of the pipeline file among the columns; they are said in the words of their meaning.
    """
    columns = _columns(contributions.names, extra)
    if not columns:
        return _alone(contributions, rows, words)
    spoken = _spoken(columns)
    records = cast("list[Row]", with_figures(rows).to_dict("records"))
    return [
        _told(ideas, _Speaker(row, medians.get(row["market"], {}), words), most)
        for ideas, row in zip(_ideas(contributions.names, contributions.values, spoken), records, strict=True)
    ]


def typical(
    names: Sequence[str], peers: pd.DataFrame, *, extra: Sequence[Extra] = (), empty: Empty = np.empty
) -> dict[str, Row]:
    """Return by market the medians of the figures that reasons show of the columns of contributions.

    `peers` are the eligible rows of a snapshot; extra: features of the pipeline file among the columns; `empty` makes
    the table of figures that are no columns of a snapshot.
    """
    shown = sorted({said.value or name for name, said in _spoken(_columns(names, extra)).items()})
    medians = _medians(peers, shown, empty)
    return {str(market): cast("Row", dict(row)) for market, row in medians.iterrows()}


def _columns(names: Sequence[str], extra: Sequence[Extra]) -> dict[str, Message]:
    """Return how the columns are said; those that are not columns of a design are left out."""
    own = {e.name: e.message for e in extra}
    return {name: said for name in names if (said := own.get(name) or message(name))}


def _spoken(columns: Mapping[str, Message]) -> dict[str, Message]:
    return {name: said for name, said in columns.items() if said != MARKET}


def _medians(peers: pd.DataFrame, shown: Sequence[str], empty: Empty) -> pd.DataFrame:
    """Return the medians of some figures in each market; one after the other, since the rows may be many."""
    derived = [name for name in shown if name not in peers]
    made = empty((len(derived), len(peers)))
    upto = 0
    for piece in pieces(peers) if derived else ():
        upto += len(piece)
        made[:, upto - len(piece) : upto] = figures(piece)[derived].to_numpy().T
        release(made)
    figured = pd.DataFrame(made.T, index=peers.index, columns=derived, copy=False)
    market, medians = peers["market"], {}
    for name in shown:
        medians[name] = (peers if name in peers else figured)[name].groupby(market).median()
        released(peers)
        release(made)
    return pd.DataFrame(medians)


@dataclass(frozen=True)
class _Idea:
    """What all columns of an idea add for one account, and those of them that pull to the same side, by strength."""

    name: str
    total: float
    columns: Iterator[tuple[str, Message]]


def _ideas(names: tuple[str, ...], values: Floats, spoken: Mapping[str, Message]) -> Iterator[list[_Idea]]:
    """Yield for each row of contributions its ideas, the strongest first."""
    columns: dict[str, list[int]] = {}
    for at in sorted((i for i, name in enumerate(names) if name in spoken), key=names.__getitem__):
        columns.setdefault(_idea_of(spoken[names[at]], names[at]), []).append(at)
    ideas = sorted(columns)
    none = np.zeros((len(values), 0))
    totals = np.column_stack([none, *(values[:, columns[idea]].sum(axis=1) for idea in ideas)])
    by_strength = {idea: np.argsort(-np.abs(values[:, at]), axis=1, kind="stable") for idea, at in columns.items()}

    def idea(row: int, name: str, total: float) -> _Idea:
        strongest = (columns[name][at] for at in by_strength[name][row])
        pulling = (names[at] for at in strongest if values[row, at] * total > 0)
        return _Idea(name, total, ((column, spoken[column]) for column in pulling))

    for row, order in enumerate(np.argsort(-np.abs(totals), axis=1, kind="stable")):
        yield [idea(row, ideas[i], float(totals[row, i])) for i in order]


def _idea_of(how: Message, column: str) -> str:
    """Return the idea of a column; each feature of the pipeline file is one by itself."""
    return f"own {column}" if how.own else IDEA[how.key]


def _told(ideas: list[_Idea], speaker: _Speaker, most: int) -> Told:
    told = Told([], [])
    faint = FAINT * sum(abs(idea.total) for idea in ideas)
    for idea in ideas:
        if abs(idea.total) <= faint:
            break
        side = told.speaking_for if idea.total > 0 else told.against
        if len(side) == most:
            continue
        said = (speaker.say(name, how, speaking_for=idea.total > 0) for name, how in idea.columns)
        text = next((text for text in said if text), "")
        if text:
            side.append(Reason(text, idea.name, idea.total))
    return told


@dataclass(frozen=True)
class _Speaker:
    """Puts one account's figures into words; typical: the medians of its peers."""

    row: Row
    typical: Row
    words: Words

    def say(self, column: str, how: Message, *, speaking_for: bool) -> str:
        """Return the sentence of a column; '' where it has no figure, or one that does not read as its side."""
        shown = how.value or column
        value, peers = self._figure(shown), self._figure(shown, peers=True)
        than = self.row[how.than] if how.than else peers
        sign = _compared(how, value, than)
        if np.isnan(value) or np.isnan(than) or sign == 0 or sign * SIGN[how.key] == (-1 if speaking_for else 1):
            return ""
        if value < 0 and not how.own and IDEA[how.key] != "margin":  # more was returned than bought: the flags say so
            return ""
        if self.row["tenure_days"] < reach_days(how):
            return ""
        key = self._key(how.key, sign)
        figures = self._figures(how, value, than, peers)
        said = self.words.say(key, **figures)
        same = (
            not how.than
            and how.key not in AGAINST_NOTHING
            and self.words.say(key, **(figures | self._shown(how, "value", peers))) == said
        )
        return "" if same else said

    def _figure(self, column: str, *, peers: bool = False) -> float:
        value = float((self.typical if peers else self.row).get(column, np.nan))
        return float(np.exp(value)) if column in CATALOGUE and CATALOGUE[column].unit == "log ratio" else value

    def _key(self, key: str, sign: int) -> str:
        one = f"reasons.{key}"
        return one if one in self.words.messages else f"{one}.{'more' if sign > 0 else 'less'}"

    def _figures(self, how: Message, value: float, than: float, peers: float) -> Row:
        ago = value if how.key == "half_year_best_age" else how.days
        return {
            **self._shown(how, "value", value),
            **self._shown(how, "peers", peers),
            "own": how.own[:1].upper() + how.own[1:],
            "than": than,
            "part": value / than if than else 0.0,
            "key_spend": self.row["key_spend"],
            "small_spend": self.row["small_spend"],
            "time": self.words.messages.get(f"reasons.time.{how.days}", ""),
            "longer": self.words.messages.get(f"reasons.time.{how.longer}", ""),
            "until": self.row["as_of"] - pd.Timedelta(days=1 + ago),
        }

    def _shown(self, how: Message, name: str, value: float) -> Row:
        """Return a figure; that of a feature of the pipeline file as a text, written by its unit."""
        return {name: self.words.say(f"figures.{how.unit}", value=value) if how.own else value}


def _compared(how: Message, value: float, than: float) -> int:
    """Return 1 where a figure is more than what it is set against, -1 where less, 0 where that cannot be seen."""
    if how.key in AGAINST_NOTHING:
        return 1 if value > 0 else -1
    if how.key in PARTS:
        if than <= 0 or not 0 <= value <= than:
            return 0
        value, than = value / than, how.days / how.longer
    if abs(value - than) <= CLEARLY * max(abs(value), abs(than)):
        return 0
    return 1 if value > than else -1


def _alone(contributions: Contributions, rows: pd.DataFrame, words: Words) -> list[Told]:
    """Return one sentence per row: what a ranking by one term goes by."""
    (name,) = contributions.names
    key = f"reasons.alone.{name}"
    key = key if key in words.messages else "reasons.alone.other"
    told = []
    for (score,), row in zip(contributions.values.tolist(), rows.to_dict("records"), strict=True):
        figures = {"value": score * row["key_spend"], "spend": row["spend_365d"], "orders": row["orders_365d"]}
        reason = Reason(words.say(key, **figures), "alone", score)
        told.append(Told([reason], []) if score >= 0 else Told([], [reason]))
    return told
