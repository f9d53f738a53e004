"""The growth model: LightGBM and a few curves, pooled over monthly as_of dates, calibrated on eligible rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import lightgbm as lgb
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from smartaccounts.config import Model
from smartaccounts.engine.threads import threads
from smartaccounts.features.extra import Extra
from smartaccounts.features.piecewise import pieces
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Floats, Note, PredictProba, Scores
from smartaccounts.rankers.binned import Binned, weighted
from smartaccounts.rankers.calibration import UNCALIBRATED, Calibrator, calibrated_scores
from smartaccounts.rankers.curves import NO_CURVES, Curves, fit_curves
from smartaccounts.rankers.design import design
from smartaccounts.rankers.levels import Lesson, Look, Narrow, lesson
from smartaccounts.rankers.pool import Pool, pooled
from smartaccounts.rankers.training import (
    Mask,
    calibrated_on_held,
    check_both_kinds,
    check_positives,
    short_history,
)
from smartaccounts.rankers.trees import Trees


@dataclass(frozen=True)
class GrowthModel(PredictProba):
    """A fitted growth model: boosters as text, curves, the columns they expect, and the calibrator.

    extra: the features of the pipeline file that it was trained with.

    The raw score is the boosters' mean raw score and the curves' raw score, weighted 1 - share and share; it is also
    the `score`.
    """

    boosters: tuple[str, ...]
    curves: Curves
    curve_share: float
    columns: tuple[str, ...]
    calibrator: Calibrator
    notes: tuple[Note, ...] = ()
    name: str = "growth"
    extra: tuple[Extra, ...] = ()

    @cached_property
    def _loaded(self) -> list[Trees]:
        return [Trees(text) for text in self.boosters]

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score rows of a snapshot's frame."""
        raw = self._raw(pieces(frame))
        return Scores(raw) if self.calibrator is UNCALIBRATED else calibrated_scores(self.calibrator, raw, raw, frame)

    def raw_of(self, seen: Snapshot) -> Floats:
        """Return the raw score of the rows of a snapshot, some at a time."""
        return self._raw(seen.pieces())

    def _raw(self, frames: Iterable[pd.DataFrame]) -> Floats:
        return np.concatenate([self.raw(self._matrix(frame)) for frame in frames])

    def raw(self, matrix: NDArray[np.float32]) -> Floats:
        """Return the raw score of the rows of a design with `columns`."""
        if not len(matrix):
            return np.zeros(0)
        trees = np.mean([b.raw(matrix) for b in self._loaded], axis=0)
        mixed: Floats = (1 - self.curve_share) * trees + self.curve_share * self.curves.raw(matrix, self.columns)
        return mixed

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return exact TreeSHAP contributions and those of the curves; with the base they add up to the score."""
        matrix = self._matrix(frame)
        if not len(matrix):
            return Contributions(self.columns, np.zeros((0, len(self.columns))), 0.0)
        trees = np.mean([b.contributions(matrix) for b in self._loaded], axis=0)
        curves = self.curves.contributions(matrix, self.columns)
        values = (1 - self.curve_share) * trees[:, :-1]
        for i, column in enumerate(curves.names):
            values[:, self.columns.index(column)] += self.curve_share * curves.values[:, i]
        base = (1 - self.curve_share) * float(trees[0, -1]) + self.curve_share * curves.base
        return Contributions(self.columns, values, base)

    def _matrix(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return design(frame, self.extra).of(self.columns)


@dataclass(frozen=True, eq=False)
class _Bag:
    """Rows that a booster learns from: their places in the lesson, ascending, 1.0 or 0.0, and what each weighs."""

    at: NDArray[np.intp]
    y: Floats
    weight: Floats


@dataclass(frozen=True)
class Growth:
    """The recipe of the growth model; the knobs are those of the pipeline file's `model`.

    Without `calibrate` only the order is learned, in two thirds of the time; there are no probabilities then.
    """

    model: Model = field(default_factory=Model)
    name: str = "growth"
    calibrate: bool = True

    def fit(self, panel: Panel) -> GrowthModel:
        """Learn from all rows below K that were alive, calibrate on rows that the calibrating fit did not see.

        What model.borrow names and the panel was lent is learned from as well. HistoryError where there are fewer than
        MIN_POSITIVES key accounts among the training rows.
        """
        return self.fit_pool(pooled(panel, self.model.borrow))

    def fit_pool(self, pool: Pool) -> GrowthModel:
        """Do what `fit` does with the pool of a panel: the panel itself may be let go before."""
        rows, weight = pool.rows, pool.weight
        check_positives(rows)
        taught = lesson(rows, self.model.key_levels)
        everything = np.ones(len(weight), dtype=bool)
        fitted = self._learn(taught, rows, everything, bags=self.model.bags, weight=weight)
        if not self.calibrate:
            return fitted
        few = max(1, self.model.bags // 2)

        def learn(seen: Mask, held: Mask) -> Floats:
            fitted = self._learn(taught, rows, seen, bags=few, weight=weight)
            return fitted.raw_of(rows.snapshot.some(np.flatnonzero(held)))

        calibrator, notes = calibrated_on_held(rows, learn, season=self.model.season, source=pool.source)
        return replace(fitted, calibrator=calibrator, notes=(*pool.notes, *notes, *short_history(pool.own)))

    def order(self, rows: Panel, binned: Binned, look: Look | None = None) -> GrowthModel:
        """Learn the order alone from `training_rows`: the probabilities are not calibrated.

        binned: what other settings left of the same rows; it is added to. look: where their designs are there already.
        """
        alike = np.ones(len(rows.outcome))
        taught = lesson(rows, self.model.key_levels, look)
        return self._learn(taught, rows, alike > 0, bags=self.model.bags, weight=alike, binned=binned)

    def _learn(
        self, taught: Lesson, rows: Panel, mask: Mask, *, bags: int, weight: Floats, binned: Binned | None = None
    ) -> GrowthModel:
        """Fit bags and curves side by side, each on one thread: as fast as the cores allow, the same on any machine.

        What they take of the rows is drawn first, and seen alone: it does not grow with the rows.
        """
        bags_of, share, sampled = self._drawn(taught, rows, mask, bags=bags, weight=weight)
        shown = taught.shown(np.unique(np.concatenate([bag.at for bag in bags_of])))
        binned = binned or Binned()
        parameters = [self._parameters(shown.rises, bag) for bag in range(bags)]

        def data(bag: int, like: lgb.Dataset | None = None) -> lgb.Dataset:
            some = bags_of[bag]
            return weighted(binned.of(shown, some.at, some.y, parameters[bag], like), some.weight)

        def curves() -> Curves:
            last = bags_of[bags]
            return fit_curves(shown.rows(last.at).matrix, shown.names, last.y, last.weight) if share else NO_CURVES

        def boost(bag: int) -> str:
            of = data(bag, first) if bag and sampled else first  # bags of all rows are the same: one data set serves
            return str(lgb.train(parameters[bag], of, self.model.rounds).model_to_string())

        apart = Parallel(n_jobs=threads(), prefer="threads")
        first, curved = apart([delayed(data)(0), delayed(curves)()])  # the first bag's bins are those of all
        boosters = apart(delayed(boost)(bag) for bag in range(bags))
        extra = rows.snapshot.extra
        return GrowthModel(tuple(boosters), curved, share, shown.names, UNCALIBRATED, extra=extra)

    def _drawn(
        self, taught: Lesson, rows: Panel, mask: Mask, *, bags: int, weight: Floats
    ) -> tuple[list[_Bag], float, bool]:
        """Draw the bags, and one for the curves; say the curves' share, and whether bags are less than all rows."""
        of = taught.of
        seen = np.flatnonzero(mask[of]).astype(np.int32)
        y, of = taught.y[seen], of[seen]
        eligible = rows.snapshot.column("eligible").to_numpy(dtype=bool)[of]
        used = eligible | (self.model.weight_not_eligible > 0)
        at_key = slice(int(mask.sum()))  # the rows at K itself come first
        check_both_kinds(y[at_key], used[at_key])
        positives = float((y[at_key] * weight[of[at_key]])[used[at_key]].sum())
        samples = [self._sample(y, eligible, [self.model.seed, i], weight=weight, of=of) for i in range(bags + 1)]
        made = [_Bag(seen[picked].astype(np.intp), y[picked].astype(np.float64), each) for picked, each in samples]
        return made, curve_share(positives, strength=self.model.curve_strength), len(made[0].at) < used.sum()

    def _sample(
        self, y: Mask, eligible: Mask, seed: Sequence[int], *, weight: Floats, of: Narrow
    ) -> tuple[NDArray[np.intp], Floats]:
        """Keep all rows up to rows_per_bag; above it a draw of negatives, and of positives that are above half of it.

        What is drawn is weighted back; where one kind has fewer than half, the other fills the bag. weight: of the
        panel's rows. of: which of them each row here is.
        """
        rng, most, not_eligible = np.random.default_rng(seed), self.model.rows_per_bag, self.model.weight_not_eligible

        def drawn(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
            return rows if len(rows) <= most else rng.choice(rows, most, replace=False)

        used = eligible | (not_eligible > 0)
        grew, stayed = np.flatnonzero(used & y), np.flatnonzero(used & ~y)
        some_grew = drawn(grew, max(most // 2, most - len(stayed)))
        some_stayed = drawn(stayed, most - len(some_grew))
        picked = np.sort(np.concatenate([some_grew, some_stayed]))
        back = [len(whole) / max(len(part), 1) for whole, part in ((grew, some_grew), (stayed, some_stayed))]
        own = weight[of[picked]] * np.where(eligible[picked], 1.0, not_eligible)
        return picked, own * np.where(y[picked], *back)

    def _parameters(self, rises: Sequence[bool], bag: int) -> dict[str, object]:
        m = self.model
        parameters: dict[str, object] = {
            "objective": "binary",
            "learning_rate": m.learning_rate,
            "num_leaves": m.leaves,
            "min_data_in_leaf": m.min_rows_per_leaf,
            "bagging_fraction": m.row_sample,
            "bagging_freq": 1,
            "feature_fraction": m.column_sample,
            "lambda_l2": m.l2,
            "extra_trees": m.random_splits and bag % 2 == 0,
            "max_bin": m.bins,
            "seed": m.seed * 1000 + bag,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        if m.monotone:
            parameters["monotone_constraints"] = [int(r) for r in rises]
        return parameters


def curve_share(positives: float, *, strength: float) -> float:
    """Return the curves' share of the raw score: half at `strength` key accounts to learn from, falling fast beyond.

    >>> [round(curve_share(n, strength=700), 2) for n in (100, 700, 3000)]
    [0.98, 0.5, 0.05]
    """
    return strength**2 / (strength**2 + positives**2)
