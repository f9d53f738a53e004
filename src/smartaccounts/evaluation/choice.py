"""Whether the best trial of a search is better than the present settings by more than the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from smartaccounts.evaluation.search import Settings, Trial

LEVEL = 0.95
"""How sure the held-out gain must be to be above none."""


@dataclass(frozen=True)
class Choice:
    """The present settings and the best, which was chosen on the dates that it is measured on, and so is flattered.

    gain: what choosing is worth (log ratio to the present settings): the trial that is best on all cut-offs but one,
    measured at that one, mean over the cut-offs. low: the lower end of its one-sided 95% range (Student's t over the
    cut-offs; as neighbouring dates share half of their horizon it is rather too high than too low). Both are nan with
    fewer than two cut-offs.
    """

    present: Trial
    best: Trial
    gain: float
    low: float

    @property
    def better(self) -> bool:
        """Say whether the best is better than the present settings by more than the noise."""
        return self.low > 0 and self.best.value > self.present.value

    @property
    def changes(self) -> Settings:
        """Return the settings of the best that differ from the present ones."""
        return {k: v for k, v in self.best.settings.items() if v != self.present.settings[k]}


def choose(trials: Sequence[Trial], present: Settings) -> Choice:
    """Choose among the complete trials, of which one or more has the present settings; of two alike the earlier."""
    complete = [t for t in trials if t.state == "complete"]
    now = next(t for t in complete if t.settings == present)
    values = np.array([t.by_cut_off for t in complete])
    gains = held_out(values) - np.array(now.by_cut_off)
    best = max(complete, key=lambda t: (t.value, t is now))
    dates = len(gains)
    if dates < 2:
        return Choice(now, best, math.nan, math.nan)
    error = float(gains.std(ddof=1)) / math.sqrt(dates)
    gain = float(gains.mean())
    return Choice(now, best, gain, gain - float(student.ppf(LEVEL, dates - 1)) * error)


def held_out(values: np.ndarray) -> np.ndarray:
    """Return for each cut-off the value of the trial that is best on the others (trials x cut-offs).

    Trials that were pruned are not in it: those were chosen with all dates in sight, which flatters a little.

    >>> held_out(np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])).tolist()
    [0.0, 0.0, 0.0]
    """
    others = values.sum(axis=1, keepdims=True) - values
    found: np.ndarray = values[others.argmax(axis=0), np.arange(values.shape[1])]
    return found
