"""Buy till you die: the spend to expect of each customer from its own history alone; no outcome is learned from.

Per market, BG/NBD says how often a customer will buy in the horizon, gamma-gamma what a purchase of it is worth. A
purchase is a day with one; its value is the customer's net spend over all its purchase days, the first included, so
that who bought only once (half of the eligible in a young history) has a value of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from smartaccounts.config import Model
from smartaccounts.errors import HistoryError, culprits
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Floats, Note, Scores
from smartaccounts.rankers.bgnbd import BgNbd, Histories, fit_bgnbd
from smartaccounts.rankers.calibration import Calibrator, calibrated_scores
from smartaccounts.rankers.gamma_gamma import GammaGamma, fit_gamma_gamma
from smartaccounts.rankers.likelihood import NotFoundError
from smartaccounts.rankers.plain import log_score
from smartaccounts.rankers.training import MIN_POSITIVES, calibrated_on_held, short_history

MIN_CUSTOMERS = 50
"""Seven parameters are not told from fewer."""

PRIOR = 0.1
"""Precision of the prior on the log of each parameter: a market in which nobody is seen to stop yet says only that
stopping is rare, not how rare. With a thousand customers it moves r and alpha in the third digit."""

HINT = "Merge small markets (columns.market), raise target.min_active, or use a longer history."


@dataclass(frozen=True)
class MarketModel:
    """What was fitted in one market, in days and money."""

    buying: BgNbd
    value: GammaGamma

    def expected_spend(self, frame: pd.DataFrame, days: int) -> Floats:
        """Return the money to expect of customers of this market in the next `days`."""
        seen = histories(frame)
        purchases = seen.x + 1
        mean = np.maximum(frame["spend_total"].to_numpy(dtype=float) / purchases, 0)
        return self.buying.expected(seen, days) * self.value.expected(purchases, mean)


@dataclass(frozen=True)
class BtydModel:
    """Fitted markets by name; score = expected spend in the horizon over K. `calibrator` may be unknown."""

    markets: Mapping[str, MarketModel]
    horizon_days: int
    calibrator: Calibrator | None = None
    notes: tuple[Note, ...] = ()
    name: str = "btyd"

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score eligible rows; HistoryError where one is of a market that was not fitted."""
        score = self._expected(frame)
        if self.calibrator is None:
            return Scores(score)
        return calibrated_scores(self.calibrator, score, log_score(score), frame)

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return one term: the score itself."""
        return Contributions((self.name,), self._expected(frame)[:, None], 0.0)

    def _expected(self, frame: pd.DataFrame) -> Floats:
        names = frame["market"].to_numpy(dtype=object)
        unknown = sorted(set(names) - set(self.markets))
        if unknown:
            raise HistoryError(
                f"Expected rows of the markets that were fitted, got {culprits(unknown)} in the market column, "
                "which had no K, and too little to be fitted, at the latest training date.",
                hint=HINT,
            )
        money = np.zeros(len(frame))
        for name in sorted(set(names)):
            mine = names == name
            money[mine] = self.markets[name].expected_spend(frame[mine], self.horizon_days)
        score: Floats = money / frame["key_spend"].to_numpy(dtype=float)
        return score


@dataclass(frozen=True)
class Btyd:
    """BG/NBD and gamma-gamma, fitted per market on all customers of the panel's latest as_of date.

    Of the pipeline file's `model` it heeds season.
    """

    model: Model = field(default_factory=Model)
    name: str = "btyd"

    def fit(self, panel: Panel) -> BtydModel:
        """Fit every market; probabilities come from eligible rows of the panel, None where too few of them grew.

        A market without a K is fitted where it can be: it may have one by the time rows are scored. HistoryError where
        no market has a K, or one that has cannot be fitted; it is named with what happened.
        """
        told = panel.snapshot.columns("as_of", "market", "eligible")
        latest = panel.snapshot.of(told["as_of"] == told["as_of"].max()).frame
        if not latest["key_spend"].notna().any():
            raise HistoryError("Expected a market with enough active customers for a K, got none.", hint=HINT)
        markets: dict[str, MarketModel] = {}
        for name, of_market in latest.groupby("market"):
            try:
                markets[str(name)] = _fit_market(str(name), of_market)
            except HistoryError:
                if of_market["key_spend"].notna().any():
                    raise
        fitted = BtydModel(markets, panel.snapshot.target.horizon_days, name=self.name)
        usable = told["eligible"] & told["market"].isin(list(markets)) & panel.outcome["target"].notna()
        rows = panel.rows(usable)
        calibrator, notes = _calibrated(fitted, rows, season=self.model.season)
        how = Note("btyd", {"before": f"{told['as_of'].max():%Y-%m-%d}"})
        return replace(fitted, calibrator=calibrator, notes=(how, *notes, *(short_history(rows) if calibrator else ())))


def histories(frame: pd.DataFrame) -> Histories:
    """Return what BG/NBD needs to know of rows of a snapshot with a purchase, in days.

    The gaps between purchase days add up to t_x, so that t_x over their mean is their number: exact.
    """
    age = frame["tenure_days"].to_numpy(dtype=float)
    t_x = age - frame["recency_days"].to_numpy(dtype=float)
    x = np.rint(np.nan_to_num(t_x / frame["gap_mean_days"].to_numpy(dtype=float)))
    return Histories(x, t_x, age)


def _fit_market(name: str, rows: pd.DataFrame) -> MarketModel:
    bought = rows[rows["tenure_days"].notna()]
    seen = histories(bought)
    purchases = seen.x + 1
    mean = bought["spend_total"].to_numpy(dtype=float) / purchases
    paid = mean > 0
    if paid.sum() < MIN_CUSTOMERS:
        raise HistoryError(
            f"Expected at least {MIN_CUSTOMERS} customers with net spend, got {int(paid.sum())} in market {name!r}.",
            hint=HINT,
        )
    try:
        return MarketModel(
            fit_bgnbd(seen, prior=PRIOR), fit_gamma_gamma(purchases[paid], mean[paid], prior=PRIOR)
        )  # fmt: skip
    except NotFoundError as error:
        raise HistoryError(
            f"Expected a model of purchases and their value that the data can tell, got {error} in market {name!r} "
            f"({len(bought):,} customers).",
            hint=HINT,
        ) from error


def _calibrated(fitted: BtydModel, rows: Panel, *, season: bool) -> tuple[Calibrator | None, tuple[Note, ...]]:
    """Calibrate on the rows that calibrate a model: the raw score learned from no outcome, so nothing is left out."""
    grown = int(rows.outcome["target"].sum())
    if grown < MIN_POSITIVES:
        return None, (Note("no_probabilities", {"grown": grown, "needed": MIN_POSITIVES}),)
    raw = log_score(np.concatenate([fitted.score(piece).score for piece in rows.snapshot.pieces()]))
    calibrator, notes = calibrated_on_held(rows, lambda _, held: raw[held], season=season)
    return calibrator, (*notes, Note("parameters_seen"))
