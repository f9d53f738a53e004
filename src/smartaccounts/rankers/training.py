"""Which rows a model learns from, and how its probabilities are learned from rows that it did not see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import murmurhash3_32

from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats, Note
from smartaccounts.rankers.calibration import (
    DRIFT_SHORT,
    Calibrator,
    customer_numbers,
    drift,
    fit_calibrator,
    season_came,
    short_share,
    tail,
)

MIN_POSITIVES = 10
"""Fewer key accounts among the training rows teach nothing."""

MIN_POSITIVES_CALIBRATION = 20
CUSTOMER_FOLDS = 3

Mask = NDArray[np.bool_]
Learn = Callable[[Mask, Mask], Floats]
"""Given the rows to learn from and the rows held back (masks over all rows): the raw scores of those held back."""


def calibrated_on_held(
    rows: Panel, learn: Learn, *, season: bool = True, source: NDArray[np.int16] | None = None
) -> tuple[Calibrator, tuple[Note, ...]]:
    """Return the calibrator of a learner's raw scores and how it was made.

    On eligible rows only: out of time where a second horizon fits into the training dates, else cross-fitted over
    customers. HistoryError where a part of the rows has only key accounts or none. With `season` off, probabilities do
    not follow last year's season.

    source: 0 for own rows, other numbers for borrowed ones. Own rows calibrate; where they have too few key accounts,
    and the borrowed ones have enough, those do, and as the level of another supplier is no better known than one half
    year tells of another, ranges are wide.
    """
    told = rows.snapshot.columns("market", "customer_id", "eligible", "history_days")
    eligible = told["eligible"].to_numpy(dtype=bool)
    y = rows.outcome["target"].to_numpy()
    source = np.zeros(len(y), dtype=np.int16) if source is None else source
    few = int(y[eligible & (source == 0)].sum())
    lent = few < MIN_POSITIVES_CALIBRATION <= y[eligible & (source > 0)].sum()
    whose = (source > 0) == lent
    parts, how = later(rows), "calibrated_later"
    if parts is None or y[parts[0][1] & eligible & whose].sum() < MIN_POSITIVES_CALIBRATION:
        parts, how = customer_folds(rows), "calibrated_crossed"
    own_drift = drift(told[whose], horizon_days=rows.snapshot.target.horizon_days)
    held = [hold & eligible & whose for _, hold in parts]
    numbers = customer_numbers(told).astype(np.int32)
    del told  # texts of all rows
    scores = np.concatenate([learn(seen, hold) for (seen, _), hold in zip(parts, held, strict=True)])
    grown, seasons, customers = (
        np.concatenate([values[hold] for hold in held]) for values in (y, _seasons(rows, source), numbers)
    )
    check_both_kinds(grown, np.ones(len(grown), dtype=bool))
    notes = [Note(how, {"rows": len(grown), "grown": int(grown.sum())})]
    if lent:
        notes.append(Note("calibrated_borrowed", {"grown": few, "needed": MIN_POSITIVES_CALIBRATION}))
    calibrating = rows.rows(pd.Series(whose))
    steep = tail(calibrating) if season else 0.0
    level = DRIFT_SHORT if lent else own_drift
    return fit_calibrator(scores, grown, seasons, tail=steep, drift=level, customers=customers), tuple(notes)


def _seasons(rows: Panel, source: NDArray[np.int16]) -> Floats:
    """Return `season_came` of each source by itself."""
    out = np.zeros(len(source))
    for one in np.unique(source):
        out[source == one] = season_came(rows.rows(pd.Series(source == one)))
    return out


def training_rows(panel: Panel) -> Panel:
    """Return the rows below K in the last horizon and alive in 365 days, with a target; eligible or not."""
    return panel.rows(panel.outcome["target"].notna() & below_key(panel.snapshot))


def below_key(seen: Snapshot) -> pd.Series:
    """Say which rows were below K in the last horizon and alive in 365 days."""
    told = seen.columns("spend_h", "key_spend", "spend_365d")
    return (told["spend_h"] < told["key_spend"]) & (told["spend_365d"] > 0)


def short_history(rows: Panel) -> tuple[Note, ...]:
    """Say where returning accounts could not be told from growing ones in training."""
    if not len(rows.outcome):
        return ()
    short = short_share(rows.snapshot.columns("history_days"), horizon_days=rows.snapshot.target.horizon_days)
    return (Note("short_history", {"share": short}),) if short > 0.5 else ()


def check_positives(rows: Panel) -> None:
    """HistoryError where there is nothing to learn from, with what to change."""
    frame = rows.snapshot.columns("as_of")
    positives = int(rows.outcome["target"].sum())
    if positives < MIN_POSITIVES:
        dates = frame["as_of"].nunique()
        raise HistoryError(
            f"Expected at least {MIN_POSITIVES} customers that grew into key accounts, got {positives} "
            f"in {len(frame):,} training rows of {dates} as_of dates.",
            hint="Use a longer history, a lower target.key_quantile, or target.sustained_months: 1.",
        )


def check_both_kinds(y: Floats | Mask, used: Mask) -> None:
    """HistoryError where a part of the rows, learned from or calibrated on, has only key accounts or none.

    The rows of one customer stay together: a few customers may hold all that is to be learned.
    """
    positives, rows = int(y[used].sum()), int(used.sum())
    if not 0 < positives < rows:
        raise HistoryError(
            f"Expected key accounts and others in every part of the training rows, got {positives} key accounts "
            f"in a part of {rows:,} rows.",
            hint="Use a longer history, a lower target.key_quantile, or target.sustained_months: 1.",
        )


Parts = Sequence[tuple[Mask, Mask]]


def later(rows: Panel, *, positives: int = MIN_POSITIVES) -> Parts | None:
    """Split by time: hold the dates of the last horizon, learn from those whose outcome was over before them.

    None where fewer dates are left to learn from than are held, or fewer key accounts than `positives`: such a model
    says little of the one on all dates.
    """
    as_of = rows.snapshot.column("as_of")
    horizon = timedelta(days=rows.snapshot.target.horizon_days)
    held = as_of > as_of.max() - horizon
    learn = as_of + horizon <= as_of[held].min()
    found = rows.outcome["target"][learn].sum()
    if as_of[learn].nunique() < as_of[held].nunique() or found < positives:
        return None
    return [(learn.to_numpy(), held.to_numpy())]


def customer_folds(rows: Panel) -> Parts:
    """Split by customer: all rows of a customer are held together."""
    frame = rows.snapshot.columns("market", "customer_id")
    number = customer_numbers(frame)
    once = frame.iloc[np.unique(number, return_index=True)[1]]
    names = once["market"] + "\x1f" + once["customer_id"]
    fold = np.array([murmurhash3_32(name, positive=True) % CUSTOMER_FOLDS for name in names])[number]
    return [(fold != f, fold == f) for f in range(CUSTOMER_FOLDS)]
