"""Simple rules that choose a ranker looking only backward, and what their choices would have earned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

Values = Mapping[str, float]
"""Ranker -> average precision at one date; rankers without a value are left out."""


@dataclass(frozen=True)
class Pick:
    """What a rule picked for the list of `as_of`, from the dates up to `seen` whose horizon was over by then."""

    as_of: date
    seen: date
    ranker: str
    regret: float


@dataclass(frozen=True)
class Rule:
    """A rule of choice that looks backward only, and its picks, the earliest first."""

    name: str
    meaning: str
    picks: tuple[Pick, ...]

    @property
    def mean_regret(self) -> float:
        """Return the mean regret of its picks."""
        return float(np.mean([p.regret for p in self.picks])) if self.picks else math.nan


def _best_current(seen: Sequence[Values]) -> Values:
    return seen[-1]


def _best_average(seen: Sequence[Values]) -> Values:
    return {r: float(np.mean([at[r] for at in seen])) for r in seen[-1]}


def _least_regret(seen: Sequence[Values]) -> Values:
    """Return the mean share of the best, so that a date of small numbers weighs as much as one of large ones."""
    return {r: float(np.mean([at[r] / max(at.values()) for at in seen])) for r in seen[-1]}


RULES: Mapping[str, tuple[str, Callable[[Sequence[Values]], Values]]] = {
    "best current": ("the best at the latest date whose horizon was over", _best_current),
    "best average": ("the highest mean average precision over those dates", _best_average),
    "least regret": ("on average the nearest to the best of each date", _least_regret),
}
"""Rule -> (meaning, what it gives each ranker for the dates seen, oldest first; the highest is picked)."""


def rules(days: Sequence[date], values: Sequence[Values], *, horizon_days: int) -> tuple[Rule, ...]:
    """Let each rule pick a ranker for every date from the dates whose horizon was over by then, and judge the pick.

    values: per date ranker -> average precision, rankers without a value left out. Rankers are compared over the seen
    dates at which all candidates have a value; a candidate scored at the date in question and at the latest seen one.
    Equals go by their order. A date without key accounts, or before which no horizon was over, has no pick.
    """
    return tuple(
        Rule(
            name,
            meaning,
            tuple(
                Pick(days[i], days[seen[-1]], picked, max(values[i].values()) - values[i][picked])
                for i, seen in _choices(days, values, horizon_days)
                if (picked := _pick(values, i, seen, worth)) is not None
            ),
        )
        for name, (meaning, worth) in RULES.items()
    )


def staying(days: Sequence[date], values: Sequence[Values], *, horizon_days: int) -> dict[str, float]:
    """Return the mean regret of staying with one ranker at the dates of `rules`, for each that has a value at all."""
    at = [i for i, seen in _choices(days, values, horizon_days) if _candidates(values, i, seen)]
    names = dict.fromkeys(r for i in at for r in values[i])
    return {
        r: float(np.mean([max(values[i].values()) - values[i][r] for i in at]))
        for r in names
        if all(r in values[i] for i in at)
    }


def _choices(days: Sequence[date], values: Sequence[Values], horizon_days: int) -> list[tuple[int, list[int]]]:
    """Return (date, the dates whose horizon was over by it, oldest first) where there is something to see and judge."""
    horizon = timedelta(days=horizon_days)
    seen = {i: [j for j, d in enumerate(days) if d + horizon <= day and values[j]] for i, day in enumerate(days)}
    return [(i, before) for i, before in seen.items() if before and values[i]]


def _candidates(values: Sequence[Values], i: int, seen: Sequence[int]) -> list[str]:
    return [r for r in values[i] if r in values[seen[-1]]]


def _pick(
    values: Sequence[Values], i: int, seen: Sequence[int], worth: Callable[[Sequence[Values]], Values]
) -> str | None:
    names = _candidates(values, i, seen)
    if not names:
        return None
    shared = [{r: values[j][r] for r in names} for j in seen if all(r in values[j] for r in names)]
    found = worth(shared)
    return max(names, key=lambda r: found[r])
