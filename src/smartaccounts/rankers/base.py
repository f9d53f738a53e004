"""The one interface of everything that scores a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.errors import ModelError
from smartaccounts.panel import Panel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """score: one per row, higher is better, finite. probability: of becoming a key account, or None where unknown.

    low, high: the range of each probability (calibration.RANGE of the half years to come); None where unknown.
    """

    score: Floats
    probability: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True)
class Contributions:
    """What each column adds to the raw score of each row: `values` (rows x names) + `base` = raw score."""

    names: tuple[str, ...]
    values: Floats
    base: float


@dataclass(frozen=True)
class Note:
    """A fact about a fit that a reader of its lists should know: which one, and its figures.

    Words are found for it where it is shown (`Words.note`). figures: what JSON can hold; dates as ISO texts.
    """

    key: str
    figures: Mapping[str, str | int | float] = field(default_factory=dict)


class Fitted(Protocol):
    """A ranker that is ready to score the eligible rows of a snapshot's frame."""

    @property
    def name(self) -> str:
        """Its name in tables and files."""
        ...

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a reader should know of this fit: how it was calibrated, on how much."""
        ...

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score the rows of `frame` (eligible rows of a snapshot)."""
        ...

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Say what adds up to each row's raw score."""
        ...


class PredictProba:
    """scikit-learn's name for the probabilities of a fitted ranker, so that they go where a classifier's would."""

    def predict_proba(self: Fitted, frame: pd.DataFrame) -> Floats:
        """Return rows x 2: the probability of staying small, and that of becoming a key account.

        `frame` is that of `score`. ModelError where the ranker has no probabilities.
        """
        likely = self.score(frame).probability
        if likely is None:
            raise ModelError(
                f"Expected a ranker with probabilities, got {self.name} without.", hint="Fit it again, calibrated."
            )
        return np.column_stack([1 - likely, likely])


class Ranker(Protocol):
    """Something that learns, or needs not learn, to rank from a panel."""

    @property
    def name(self) -> str:
        """Its name in tables and files."""
        ...

    def fit(self, panel: Panel) -> Fitted:
        """Learn from the rows of `panel` that have a target; HistoryError where they are too few."""
        ...
