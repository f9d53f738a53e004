"""How many accounts to take: as many as can be worked, and no more than pay."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from smartaccounts.config import Costs
from smartaccounts.evaluation.expectation import common_level
from smartaccounts.evaluation.metrics import Floats
from smartaccounts.growth_list.costs import gain, margin_share
from smartaccounts.growth_list.facts import ProfitCurve
from smartaccounts.growth_list.words import Words
from smartaccounts.rankers.calibration import RANGE

DRAWS = 1000
"""Half years that the range of the profit is read off."""

POINTS = 100
"""At most so many lengths are on the curve, the best one besides."""


def proposed_length(curve: ProfitCurve | None, length: Literal["capacity", "profit"]) -> int | None:
    """Return after how many ranks the list ends, None for no other end than the capacity.

    With `length` profit the best of the curve (0: no account pays); capacity still bounds it.
    """
    return curve.best if curve is not None and length == "profit" else None


def profit_curve(accounts: pd.DataFrame, costs: Costs | None, *, shown: int) -> ProfitCurve | None:
    """Return the profit to expect of working the first n accounts for one horizon, in currency.

    `accounts` are in rank order, with probability, probability_low, probability_high and potential beside the rows of a
    snapshot. profit(n) = sum of chance x value over the first n, less n x worked_account; the value of an account that
    becomes a key account is gain x margin (costs.gain), nothing where its margin is unknown. An account that does not
    grow brings nothing; nothing is counted beyond the horizon. The curve ends at `shown`, or beyond the best and the
    break-even. None where the cost of working an account, every margin, or a chance or its range is unknown.
    """
    if costs is None or costs.worked_account is None or not len(accounts):
        return None
    margin = margin_share(accounts, costs)
    chance, low, high = (accounts[f"probability{end}"].to_numpy(dtype=float) for end in ("", "_low", "_high"))
    if margin.isna().all() or not np.isfinite([chance, low, high]).all():
        return None
    worth = (gain(accounts) * margin).fillna(0.0).to_numpy(dtype=float)
    brings = chance * worth - costs.worked_account
    total = np.concatenate([[0.0], np.cumsum(brings)])
    best, paying = int(np.argmax(total)), np.flatnonzero(brings >= 0)
    break_even = int(paying[-1]) + 1 if len(paying) else 0
    end = min(max(shown, round(1.25 * best), round(1.25 * break_even)), len(chance))
    lengths = np.unique(np.append(np.linspace(1, end, min(end, POINTS)).round().astype(int), max(best, 1)))
    drawn = _drawn(chance[:end], low[:end], high[:end], worth[:end], lengths=lengths) - lengths * costs.worked_account
    ends = np.quantile(drawn, [(1 - RANGE) / 2, (1 + RANGE) / 2], axis=0)
    return ProfitCurve(
        lengths=tuple(lengths.tolist()),
        profit=tuple(total[lengths].tolist()),
        low=tuple(ends[0].tolist()),
        high=tuple(ends[1].tolist()),
        best=best,
        break_even=break_even,
    )


def said(curve: ProfitCurve | None, words: Words, *, capacity: int, per: str | None = None) -> list[str]:
    """Return in sentences how many accounts to take."""
    groups = [] if per is None else [words.say("capacity.per", capacity=capacity, per=words.attribute(per))]
    if curve is None:
        return [*groups, words.say("capacity.unknown")]
    if not curve.best:
        return [*groups, words.say("capacity.none")]
    at = curve.lengths.index(curve.best)
    here = float(np.interp(capacity, (0, *curve.lengths), (0.0, *curve.profit)))
    ends = {"low": curve.low[at], "high": curve.high[at]}
    figures = {"profit": curve.profit[at], "capacity": capacity, "here": here, **ends}
    keys = ["best", "break_even"] if curve.break_even > curve.best else ["best"]
    if per is None and curve.best != capacity:
        keys.append("fewer" if curve.best < capacity else "more")
    told = [words.say(f"capacity.{k}", best=curve.best, break_even=curve.break_even, **figures) for k in keys]
    return [*groups, *told]


def _drawn(chance: Floats, low: Floats, high: Floats, worth: Floats, *, lengths: NDArray[np.intp]) -> Floats:
    """Return draws x lengths: what the first n bring. The level of a draw is common to all accounts.

    Given it they grow independently. lengths: strictly ascending, up to the number of accounts. Levels are the middles
    of equally likely parts of the normal distribution; the seed is fixed.
    """
    rng = np.random.default_rng(0)
    middle, spread = (end.astype(np.float32) for end in common_level(chance, low, high))
    levels = norm.ppf((np.arange(DRAWS) + 0.5) / DRAWS).astype(np.float32)
    drawn = np.empty((DRAWS, len(lengths)))
    starts = np.concatenate([[0], lengths[:-1]])
    for i, level in enumerate(levels):
        grown = rng.random(len(chance), dtype=np.float32) < expit(middle + level * spread)
        drawn[i] = np.add.reduceat(np.where(grown, worth, 0.0), starts)
    return np.cumsum(drawn, axis=1)
