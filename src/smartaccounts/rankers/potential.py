"""What an account can realistically spend in the horizon: low, middle, high; the range right in four cases of five.

The distribution of spending.py, made right by conformal calibration of its quantiles on rows that it did not learn from
(Romano, Patterson, Candes 2019; of the levels, as in Chernozhukov, Wuethrich, Zhu 2021), out of time where the history
allows it. Spend moves with the season as probabilities do (docs/decisions/0009-potential.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.optimize import brentq

from smartaccounts.config import Model
from smartaccounts.engine.threads import threads
from smartaccounts.errors import HistoryError
from smartaccounts.features.piecewise import pieces
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats, Note
from smartaccounts.rankers.calibration import RANGE, season_came, season_expected, short_share
from smartaccounts.rankers.comparable import comparable
from smartaccounts.rankers.design import FLOOR, design, level, stacked, without_empty
from smartaccounts.rankers.spending import Outlook, Spending, joined, learn_spending, over_key
from smartaccounts.rankers.training import Mask, customer_folds, later

TAIL = (1 - RANGE) / 2
MIN_BUYERS = 50
"""Fewer rows that bought in the horizon teach nothing of how much."""

ENOUGH = 50
"""With fewer held rows of a kind its levels stay as they are."""

FAITHFUL = 0.3
"""By so much (log odds of buying) customers seem more faithful where most training rows have less than two horizons of
history than they are: who buys rarely has not been seen yet (benchmarks/potential.py measures it)."""

STEPS = np.linspace(0, 1, 101)
STEEPNESS = 3.0
"""How fast the share of accounts that spend more than x falls beyond K, as a power of x: half of those that reach K
stay below 1.16 to 1.29 K (benchmarks/profit.py), which is 2.7 to 4.7."""

SHIFT = 25.0
"""No odds are moved by more."""


def likely_high(key: Floats, chance: Floats) -> Floats:
    """Return what one in ten (TAIL) spends more than, of accounts that reach K with a chance of TAIL or more.

    >>> likely_high(np.array([100.0, 100.0]), np.array([0.1, 0.8])).round(6).tolist()
    [100.0, 200.0]
    """
    high: Floats = key * (np.fmax(chance, TAIL) / TAIL) ** (1 / STEEPNESS)
    return high


@dataclass(frozen=True)
class PotentialRange:
    """Spend in the horizon, in currency, one each per row: 0 <= low <= middle <= high, finite.

    [low, high] holds the spend of 80% of the accounts. Where an account may well buy nothing (one in ten or more), low
    is 0 and one in five ends above high; else one in ten ends on either side. middle is what is to be expected: the
    chance of buying at all times the middle amount of those that buy (a median is 0 where buying nothing is likelier).
    """

    low: Floats
    middle: Floats
    high: Floats

    def agreeing(self, key: Floats, chance: Floats) -> PotentialRange:
        """Return the range with K (`key`, in currency) where the chance of reaching it puts it, if that is higher.

        An account with a chance of 60% cannot have a middle below K: K is the 40% point of what it will spend, and
        between the ends and K points are read on a straight line of logs. The high end lies at `likely_high` at least.
        Of chances that leave K above the range (below TAIL, or NaN) nothing follows.
        """
        told = chance >= TAIL
        at = 1 - np.where(told, chance, 0.5)
        high = np.where(told, np.fmax(self.high, likely_high(key, chance)), self.high)
        ends = [np.log(np.maximum(end, FLOOR * key)) for end in (self.low, high)]
        mark = np.log(key)
        below = ends[0] + (mark - ends[0]) * np.minimum((0.5 - TAIL) / np.maximum(at - TAIL, 1e-9), 1)
        above = mark + (ends[1] - mark) * np.clip((0.5 - at) / np.maximum(1 - TAIL - at, 1e-9), 0, 1)
        middle = np.exp(np.where(at < 0.5, above, below))
        sure = told & (chance >= 1 - TAIL)
        return PotentialRange(
            np.where(sure, np.fmax(self.low, key), self.low),
            np.where(told, np.fmax(self.middle, middle), self.middle),
            high,
        )

    def reaching(self, key: Floats, chance: Floats, highest: Floats) -> PotentialRange:
        """Return the range in step with the chance of reaching K, and with nothing above what peers ever reached.

        Where the chance puts the high end above that, the chance counts.
        """
        cap = np.where(chance >= TAIL, np.maximum(highest, likely_high(key, chance)), highest)  # NaN: no cap
        return self.agreeing(key, chance).capped(cap)

    def capped(self, highest: Floats) -> PotentialRange:
        """Return the range with nothing above `highest` (in currency; NaN: no cap)."""
        return PotentialRange(*(np.fmin(end, highest) for end in (self.low, self.middle, self.high)))


@dataclass(frozen=True)
class Levels:
    """At which levels of the learned distribution the ends lie: of accounts sure to buy, and of those that may not."""

    low: float = TAIL
    high: float = 1 - TAIL
    high_from_nothing: float = RANGE


@dataclass(frozen=True)
class PotentialModel:
    """A fitted potential: the distribution, what the held rows taught of it, whether it follows the season.

    shift: added to the log odds of buying. misses: quantiles (of STEPS) of the held rows' log amount less what was
    expected, over the spread.
    """

    spending: Spending
    shift: float
    misses: tuple[float, ...]
    levels: Levels
    season: bool
    notes: tuple[Note, ...] = ()

    def predict(self, frame: pd.DataFrame) -> PotentialRange:
        """Return the range of the eligible rows of a snapshot's frame."""
        seen = joined([self.spending.outlook(design(comparable(piece))) for piece in pieces(frame)])
        outlook = seen.shifted(self.shift)
        season = season_expected(frame) if self.season else np.zeros(len(frame))
        ends = _ends(outlook, season, np.array(self.misses), self.levels)
        return PotentialRange(*(end * frame["key_spend"].to_numpy(dtype=float) for end in ends))

    def to_files(self) -> dict[str, str]:
        """Return it as texts by file name."""
        buys, amount, spread = self.spending.boosters
        learned = {
            "columns": self.spending.columns,
            "shift": self.shift,
            "misses": self.misses,
            "levels": asdict(self.levels),
            "season": self.season,
            "notes": [asdict(n) for n in self.notes],
        }
        return {
            "potential.json": json.dumps(learned, indent=2),
            "potential_buys.txt": buys,
            "potential_amount.txt": amount,
            "potential_spread.txt": spread,
        }

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> PotentialModel:
        """Return the model of `to_files`; LookupError, TypeError or ValueError where they are not."""
        said = json.loads(files["potential.json"])
        boosters = (files["potential_buys.txt"], files["potential_amount.txt"], files["potential_spread.txt"])
        return cls(
            Spending(boosters, tuple(said["columns"])), said["shift"], tuple(said["misses"]), Levels(**said["levels"]),
            said["season"], tuple(Note(**n) for n in said["notes"]),
        )  # fmt: skip


def fit_potential(panel: Panel, model: Model) -> PotentialModel:
    """Learn from the eligible rows of a panel whose horizon is over; calibrate on rows that were held back.

    The knobs are those of the growth model. HistoryError where fewer than MIN_BUYERS rows bought anything, or none did
    in a part of the rows.
    """
    rows = panel.rows(panel.outcome["spend_ahead"].notna() & panel.snapshot.column("eligible"))
    snapshot = rows.snapshot
    short = short_share(snapshot.columns("history_days"), horizon_days=snapshot.target.horizon_days)
    ratio = (rows.outcome["spend_ahead"] / snapshot.column("key_spend")).to_numpy(dtype=float)
    _check(ratio)
    season = season_came(rows) if model.season else np.zeros(len(ratio))
    parts, how = later(rows, positives=0), "potential_later"
    if parts is None:
        parts, how = customer_folds(rows), "potential_crossed"
    rng = np.random.default_rng(model.seed)
    everybody, nobody = np.ones(len(ratio), dtype=bool), np.zeros(len(ratio), dtype=bool)
    drawn = [
        (_draw(seen, model.rows_per_bag // 2, rng), _draw(hold, model.rows_per_bag // 2, rng))
        for seen, hold in [(everybody, nobody), *parts]
    ]
    used = np.unique(np.concatenate([at for pair in drawn for at in pair]))
    del rows, parts, everybody, nobody  # what is drawn suffices
    made = without_empty(stacked(map(comparable, snapshot.some(used).pieces()), len(used)))

    def learn(seen: NDArray[np.intp], hold: NDArray[np.intp]) -> tuple[Spending, Outlook]:
        _check(ratio[seen], few=1)
        spending = learn_spending(made.rows(np.searchsorted(used, seen)), ratio[seen], season[seen], model)
        return spending, spending.outlook(made.rows(np.searchsorted(used, hold)))

    learned = Parallel(n_jobs=threads(), prefer="threads")(delayed(learn)(seen, hold) for seen, hold in drawn)
    held = np.concatenate([hold for _, hold in drawn])
    outlook = joined([of for _, of in learned])
    usual = PotentialModel(learned[0][0], 0.0, (), Levels(), model.season)
    note = Note(how, {"rows": len(held)})
    _check(ratio[held], few=1)
    made_right = replace(_calibrated(usual, outlook, ratio[held], season[held]), notes=(note,))
    if short <= 0.5:
        return made_right
    return replace(made_right, shift=made_right.shift - FAITHFUL)


def _calibrated(learned: PotentialModel, outlook: Outlook, ratio: Floats, season: Floats) -> PotentialModel:
    """Make right on held rows, in this order: how many buy, how amounts scatter, at which levels the ends lie."""
    bought = ratio > 0
    wanted = (bought.sum() + 0.5) / (len(bought) + 1)
    shift = float(brentq(lambda by: outlook.shifted(by).buys(season).mean() - wanted, -SHIFT, SHIFT))
    outlook = outlook.shifted(shift)
    came = _came(outlook, ratio, season)
    misses = np.quantile(came[bought], STEPS)
    buys = outlook.buys(season)
    levels = _levels(buys, 1 - buys + buys * np.interp(came, misses, STEPS), ratio)
    return replace(learned, shift=shift, misses=tuple(misses.tolist()), levels=levels)


def _came(outlook: Outlook, ratio: Floats, season: Floats) -> Floats:
    """Return what came of each row, as a log amount less what was expected, over its spread."""
    came = level(ratio / np.exp(outlook.moved(season)), np.ones(len(ratio)))
    missed: Floats = (came - outlook.amount) / outlook.spread
    return missed


def _levels(buys: Floats, reached: Floats, ratio: Floats) -> Levels:
    """Return the levels at which the ends held what they shall hold, as many rows more or less as chance may bring."""
    sure = _sure(buys)
    usual = Levels()
    low, high, lump = usual.low, usual.high, usual.high_from_nothing
    if sure.sum() >= ENOUGH:
        reached_sure = np.where(ratio > 0, reached, 0.0)[sure]
        low, high = -_conformal(-reached_sure, 1 - TAIL), _conformal(reached_sure, 1 - TAIL)
    if (~sure).sum() >= ENOUGH:  # nothing is always in the range, less than nothing (returns) never
        lump = _conformal(np.select([ratio > 0, ratio == 0], [reached, 0.0], 1.0)[~sure], RANGE)
    low, high, lump = (float(np.clip(end, 0.001, 0.999)) for end in (low, high, lump))
    return Levels(low, max(high, low), lump)


def _conformal(values: Floats, share: float) -> float:
    """Return the value that a further one stays at or below with a chance of `share` or more."""
    at = min(int(np.ceil((len(values) + 1) * share)), len(values)) - 1
    return float(np.partition(values, at)[at])


def _sure(buys: Floats) -> NDArray[np.bool_]:
    return buys > 1 - TAIL


def _ends(outlook: Outlook, season: Floats, misses: Floats, levels: Levels) -> tuple[Floats, Floats, Floats]:
    """Return low, middle and high over K."""
    buys, moved = outlook.buys(season), outlook.moved(season)

    def at(share: Floats | float) -> Floats:
        among_buyers = np.clip((share - (1 - buys)) / buys, 0, 1)
        amount = over_key(outlook.amount + outlook.spread * np.interp(among_buyers, STEPS, misses)) * np.exp(moved)
        return np.where(share <= 1 - buys, 0.0, amount)

    sure = _sure(buys)
    low = np.where(sure, at(levels.low), 0.0)
    high = np.maximum(at(np.where(sure, levels.high, levels.high_from_nothing)), low)
    return low, np.clip(buys * at(1 - buys / 2), low, high), high


def _draw(mask: Mask, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the places of the rows of a mask in their order, above `most` a draw of them."""
    at = np.flatnonzero(mask)
    return np.sort(rng.choice(at, most, replace=False)) if len(at) > most else at


def _check(ratio: Floats, *, few: int = MIN_BUYERS) -> None:
    bought = int((ratio > 0).sum())
    if bought < few:
        raise HistoryError(
            f"Expected at least {few} eligible rows that bought in the horizon, got {bought} of {len(ratio):,}.",
            hint="Use a longer history.",
        )
