"""What an account spends in the horizon, as a distribution: whether it buys at all, how much, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from smartaccounts.config import Model
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.design import FLOOR, Design, level
from smartaccounts.rankers.trees import Trees

UNSURE = 0.005
"""Nobody buys, or stays away, more surely than this: a source in which all customers buy can still be learned from."""

NARROWEST = 0.05
"""The least spread of a log amount."""


@dataclass(frozen=True)
class Outlook:
    """Per row, in a usual season: log odds of buying at all, the log amount over K (design.level) if so, its spread."""

    odds: Floats
    amount: Floats
    spread: Floats

    def shifted(self, by: float) -> Outlook:
        """Return it with all odds moved."""
        return replace(self, odds=self.odds + by)

    def buys(self, season: Floats) -> Floats:
        """Return the chance of buying when the trade grows by exp(season): the odds move as the trade does."""
        chance: Floats = expit(self.odds + season)
        return chance

    def moved(self, season: Floats) -> Floats:
        """Return by how much the log amount of those that buy moves, so that spend as a whole moves by the season."""
        moved: Floats = season + np.log(expit(self.odds)) - np.log(self.buys(season))
        return moved


def joined(outlooks: Sequence[Outlook]) -> Outlook:
    """Return the rows of all, one after the other."""
    odds, amount, spread = (np.concatenate([getattr(o, f.name) for o in outlooks]) for f in fields(Outlook))
    return Outlook(odds, amount, spread)


@dataclass(frozen=True)
class Spending:
    """Three boosters as text and the columns they expect."""

    boosters: tuple[str, str, str]
    columns: tuple[str, ...]

    @cached_property
    def _loaded(self) -> list[Trees]:
        return [Trees(text) for text in self.boosters]

    def outlook(self, made: Design) -> Outlook:
        """Return the outlook of the rows of a design."""
        matrix = made.of(self.columns)
        if not len(matrix):
            return Outlook(np.zeros(0), np.zeros(0), np.zeros(0))
        odds, amount, spread = (b.raw(matrix) for b in self._loaded)
        return Outlook(odds, amount, np.maximum(spread, NARROWEST))


def learn_spending(made: Design, ratio: Floats, season: Floats, model: Model) -> Spending:
    """Learn from rows of a design, what each came to over K, and the log of the season that came.

    A quarter of the growth model's rounds at twice its learning rate; one thread, the same on any machine.
    """
    settings: dict[str, object] = {
        "learning_rate": min(2 * model.learning_rate, 1.0),
        "num_leaves": model.leaves,
        "min_data_in_leaf": model.min_rows_per_leaf,
        "bagging_fraction": model.row_sample,
        "bagging_freq": 1,
        "feature_fraction": model.column_sample,
        "lambda_l2": model.l2,
        "max_bin": model.bins,
        "seed": model.seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    rising: dict[str, object] = {"monotone_constraints": [int(r) for r in made.rises]} if model.monotone else {}
    rounds = max(1, model.rounds // 4)

    def boost(rows: NDArray[np.bool_], label: Floats, start: Floats | None, more: dict[str, object]) -> lgb.Booster:
        parameters = settings | more
        data = lgb.Dataset(
            made.matrix[rows], label, init_score=start, feature_name=list(made.names), params=parameters
        )  # fmt: skip
        return lgb.train(parameters, data, rounds)

    everybody, bought = np.ones(len(ratio), dtype=bool), ratio > 0
    sure = np.where(bought, 1 - UNSURE, UNSURE)
    buys = boost(everybody, sure, season, rising | {"objective": "cross_entropy"})
    seen, one = made.matrix[bought], np.ones(int(bought.sum()))
    odds = buys.predict(seen, raw_score=True, num_threads=1)
    shift = Outlook(odds, one, one).moved(season[bought])
    came = level(ratio[bought] / np.exp(shift), one)
    amount = boost(bought, came, None, rising | {"objective": "regression"})
    missed = np.abs(came - amount.predict(seen, num_threads=1))
    spread = boost(bought, missed, None, {"objective": "regression"})
    buys_text, amount_text, spread_text = (b.model_to_string() for b in (buys, amount, spread))
    return Spending((buys_text, amount_text, spread_text), made.names)


def over_key(amount: Floats) -> Floats:
    """Return what a log amount (design.level) is over K, 0 at least."""
    ratio: Floats = np.maximum(np.exp(amount) - FLOOR, 0.0)
    return ratio
