"""How good one ranked list was: measures of one as_of date, as pure functions of arrays.

Every function takes the rows of ONE as_of date. Rows come ordered by market and customer_id: equal scores keep that
order wherever a list is cut (`*_at`); average precision and AUC treat equal scores alike, as scikit-learn does. A
`weight` is a whole number per row: the row counts as that many rows, one behind the other. What cannot be computed is
nan with a reason, never an exception and never a silent 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Depth = int | float
"""How far down the list: an int is a number of rows, a float in (0, 1] a share of the rows."""

NO_ROWS = "no customers"
NO_POSITIVE = "no customer became a key account"
NO_NEGATIVE = "every customer became a key account"
NO_SPEND = "no spend in the horizon"
EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken."""
PLAIN_NAMES = ("average_precision", "auc", "base_rate", "ece", "expected_over_observed", "skill")
AT_NAMES = ("precision", "lift", "found", "spend_captured", "key_spend_captured")


@dataclass(frozen=True)
class Measured:
    """A measure of one list; `reason` says why the value is nan, or what is to be known about it ('' otherwise)."""

    value: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Curve:
    """`value` at each `share` of the list from the top (both 1-D, shares ascending from 0 to 1)."""

    share: Floats
    value: Floats
    reason: str = ""


@dataclass(frozen=True)
class Name:
    """A measure by name: its kind and, for the `_at_` ones, how far down the list."""

    kind: str
    depth: Depth | None = None


@dataclass(frozen=True)
class Bin:
    """Rows of near probabilities: mean probability, observed rate with its Wilson interval, rows and key accounts."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: int
    positives: int


def base_rate(y: ArrayLike, *, weight: ArrayLike | None = None) -> Measured:
    """Return the share of rows that became key accounts."""
    labels = checked_labels(y)
    counts = _weights(weight, len(labels))
    total = int(counts.sum())
    return Measured(float(labels @ counts / total)) if total else Measured(math.nan, NO_ROWS)


def average_precision(y: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> Measured:
    """Return the average precision: the mean precision at which each key account is found (scikit-learn's formula)."""
    labels, scores = checked_labels(y), checked_finite(score, "score")
    counts = _weights(weight, len(labels))
    if reason := _lacking(labels, counts):
        return Measured(math.nan, reason)
    return Measured(float(average_precision_score(labels, scores, sample_weight=counts)))


def auc(y: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> Measured:
    """Return the area under the ROC curve: how often a key account stands above another customer, ties half."""
    labels, scores = checked_labels(y), checked_finite(score, "score")
    counts = _weights(weight, len(labels))
    if reason := _lacking(labels, counts) or _lacking(1 - labels, counts, reason=NO_NEGATIVE):
        return Measured(math.nan, reason)
    return Measured(float(roc_auc_score(labels, scores, sample_weight=counts)))


def precision_at(y: ArrayLike, score: ArrayLike, depth: Depth, *, weight: ArrayLike | None = None) -> Measured:
    """Return the share of key accounts among the first rows of the list; 0 where there are none.

    A list that is shorter than `depth` counts whole, and the reason says so; so in all `*_at` measures.
    """
    labels = checked_labels(y)
    taken, note = _top(score, depth, _weights(weight, len(labels)))
    return Measured(float(labels[taken].mean()), note) if len(taken) else Measured(math.nan, NO_ROWS)


def lift_at(y: ArrayLike, score: ArrayLike, depth: Depth, *, weight: ArrayLike | None = None) -> Measured:
    """Return precision over base rate: how many times better than working the list in random order."""
    labels = checked_labels(y)
    if reason := _lacking(labels, _weights(weight, len(labels))):
        return Measured(math.nan, reason)
    precision = precision_at(labels, score, depth, weight=weight)
    return Measured(precision.value / base_rate(labels, weight=weight).value, precision.reason)


def found_at(y: ArrayLike, score: ArrayLike, depth: Depth, *, weight: ArrayLike | None = None) -> Measured:
    """Return the share of all key accounts that stand in the first rows of the list (the gain)."""
    return _held(checked_labels(y).astype(float), score, depth, weight, nothing=NO_POSITIVE)


def spend_captured_at(
    outcome_spend: ArrayLike, score: ArrayLike, depth: Depth, *, weight: ArrayLike | None = None
) -> Measured:
    """Return the share of all spend in the horizon that the first rows of the list hold.

    Net returns count as 0, so that the share stays in [0, 1]. For the share of the spend of key accounts alone, hand
    in `outcome_spend * y`.
    """
    spend = np.maximum(checked_finite(outcome_spend, "outcome_spend"), 0.0)
    return _held(spend, score, depth, weight, nothing=NO_SPEND)


def gain_curve(y: ArrayLike, score: ArrayLike, shares: ArrayLike, *, weight: ArrayLike | None = None) -> Curve:
    """Return the share of all key accounts found in the top x of the list, at each of `shares`.

    Between two rows the curve is a straight line, so that dates of different length can be averaged.
    """
    labels, at = checked_labels(y), np.asarray(shares, dtype=float)
    counts = _weights(weight, len(labels))
    if reason := _lacking(labels, counts):
        return Curve(at, np.full(len(at), math.nan), reason)
    taken, _ = _top(score, 1.0, counts)
    found = np.concatenate([[0], np.cumsum(labels[taken])])
    return Curve(at, np.interp(at * len(taken), np.arange(len(found)), found / found[-1]))


def lift_curve(y: ArrayLike, score: ArrayLike, shares: ArrayLike, *, weight: ArrayLike | None = None) -> Curve:
    """Return gain over share, the lift of the top x of the list, at each of `shares`; nan at share 0."""
    gain = gain_curve(y, score, shares, weight=weight)
    lift = np.divide(gain.value, gain.share, out=np.full(len(gain.share), math.nan), where=gain.share > 0)
    return Curve(gain.share, lift, gain.reason)


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Return the mean of curves over the same shares; curves that are nan throughout are left out and counted."""
    if not curves:
        raise ValueError("Expected at least one curve, got none.")
    if any(not np.array_equal(c.share, curves[0].share) for c in curves):
        raise ValueError("Expected curves over the same shares, got different ones.")
    usable = [c.value for c in curves if not np.isnan(c.value).all()]
    if not usable:
        return curves[0]
    left = len(curves) - len(usable)
    return Curve(curves[0].share, np.mean(usable, axis=0), f"{left} of {len(curves)} dates left out" if left else "")


def expected_calibration_error(
    y: ArrayLike, probability: ArrayLike, *, bins: int = 10, weight: ArrayLike | None = None
) -> Measured:
    """Return the mean distance of probability and observed rate over bins of equal count (Naeini et al. 2015)."""
    labels, chances = checked_labels(y), checked_probabilities(probability)
    parts = _equal_count(chances, bins, _weights(weight, len(labels)))
    rows = sum(map(len, parts))
    if not rows:
        return Measured(math.nan, NO_ROWS)
    return Measured(float(sum(len(p) * abs(labels[p].mean() - chances[p].mean()) for p in parts) / rows))


def expected_over_observed(y: ArrayLike, probability: ArrayLike, *, weight: ArrayLike | None = None) -> Measured:
    """Return the sum of probabilities over the number of key accounts: 1 is right, 2 promises twice too much."""
    labels, chances = checked_labels(y), checked_probabilities(probability)
    counts = _weights(weight, len(labels))
    if reason := _lacking(labels, counts):
        return Measured(math.nan, reason)
    return Measured(float((chances * counts).sum() / (labels @ counts)))


def skill(y: ArrayLike, probability: ArrayLike, known_base_rate: float, *, weight: ArrayLike | None = None) -> Measured:
    """Return 1 - log loss / log loss of giving everybody `known_base_rate`, one known before the outcome.

    0 is no better than the base rate, 1 is perfect, below 0 is worse. Nan where nobody became a key account.
    """
    labels, chances = checked_labels(y), checked_probabilities(probability)
    counts = _weights(weight, len(labels))
    if reason := _lacking(labels, counts):
        return Measured(math.nan, reason)
    plain = (log_losses(labels, np.full(len(labels), float(known_base_rate))) * counts).sum()
    return Measured(float(1 - (log_losses(labels, chances) * counts).sum() / plain))


def log_losses(y: ArrayLike, probability: ArrayLike) -> Floats:
    """Return the log loss of every row, natural logarithm, probabilities clipped to [1e-6, 1 - 1e-6]."""
    chances = np.clip(np.asarray(probability, dtype=float), EDGE, 1 - EDGE)
    losses: Floats = -np.log(np.where(np.asarray(y) == 1, chances, 1 - chances))
    return losses


def reliability(y: ArrayLike, probability: ArrayLike, *, bins: int = 10, level: float = 0.9) -> tuple[Bin, ...]:
    """Return the bins of `expected_calibration_error`, lowest probabilities first; fewer rows than bins: fewer bins."""
    labels, chances = checked_labels(y), checked_probabilities(probability)
    table = []
    for part in _equal_count(chances, bins, _weights(None, len(labels))):
        positives = int(labels[part].sum())
        low, high = wilson(positives, len(part), level=level)
        table.append(Bin(float(chances[part].mean()), positives / len(part), low, high, len(part), positives))
    return tuple(table)


def wilson(positives: int, rows: int, *, level: float = 0.9) -> tuple[float, float]:
    """Return the score interval of a rate (Wilson 1927), which stays in [0, 1] and is no point at 0 of n.

    >>> [round(end, 3) for end in wilson(0, 10, level=0.95)]
    [0.0, 0.278]
    """
    if rows < 1 or not 0 <= positives <= rows:
        raise ValueError(f"Expected 0 <= positives <= rows and a row, got {positives} of {rows}.")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate, share = positives / rows, z * z / rows
    middle = (rate + share / 2) / (1 + share)
    half = z / (1 + share) * math.sqrt(rate * (1 - rate) / rows + share / rows / 4)
    return (max(0.0, middle - half) if positives else 0.0), (min(1.0, middle + half) if positives < rows else 1.0)


def rows_in(depth: Depth, rows: int) -> int:
    """Return how many rows `depth` means in a list of `rows`: rounded down, at least 1, perhaps more than there are.

    >>> rows_in(50, 1000), rows_in(0.02, 1000), rows_in(0.02, 10)
    (50, 20, 1)
    """
    if isinstance(depth, float):
        if not 0 < depth <= 1:
            raise ValueError(f"Expected a share in (0, 1] or a whole number of rows, got {depth} as depth.")
        return max(1, math.floor(depth * rows + 1e-9))  # 0.29 * 100 is 28.999999999999996
    if depth < 1:
        raise ValueError(f"Expected at least one row, got {depth} as depth.")
    return int(depth)


def parse_name(name: str) -> Name:
    """Read a name such as average_precision, precision_at_50 (rows) or lift_at_2pct (share); ValueError otherwise.

    >>> parse_name("lift_at_2pct")
    Name(kind='lift', depth=0.02)
    """
    if name in PLAIN_NAMES:
        return Name(name)
    match = re.fullmatch(rf"({'|'.join(AT_NAMES)})_at_(?:(\d+)|(\d+(?:\.\d+)?)pct)", name)
    if match is None:
        known = ", ".join([*PLAIN_NAMES, *(f"{a}_at_50" for a in AT_NAMES), "lift_at_2pct"])
        raise ValueError(f"Expected a measure such as {known}, got {name!r}.")
    depth: Depth = int(match[2]) if match[2] else float(match[3]) / 100
    rows_in(depth, 1)
    return Name(match[1], depth)


def _held(values: Floats, score: ArrayLike, depth: Depth, weight: ArrayLike | None, *, nothing: str) -> Measured:
    """Return the share of the sum of `values` (none negative) that stands in the first rows of the list."""
    counts = _weights(weight, len(values))
    total = float((values * counts).sum())  # not @: its rounding depends on the number of threads
    if total <= 0:
        return Measured(math.nan, nothing if counts.any() else NO_ROWS)
    taken, note = _top(score, depth, counts)
    return Measured(float(values[taken].sum()) / total, note)


def _top(score: ArrayLike, depth: Depth, counts: Ints) -> tuple[Ints, str]:
    """Return the rows (numbers, with repetitions) of the list down to `depth`, and a note where the list is shorter."""
    order = np.argsort(-checked_finite(score, "score"), kind="stable")
    order = np.repeat(order, counts[order])
    k = rows_in(depth, len(order))
    return order[:k], f"only {len(order)} rows, fewer than {k}" if k > len(order) else ""


def _equal_count(probability: Floats, bins: int, counts: Ints) -> list[Ints]:
    order = np.argsort(probability, kind="stable")
    return [part for part in np.array_split(np.repeat(order, counts[order]), bins) if len(part)]


def _lacking(labels: Ints, counts: Ints, *, reason: str = NO_POSITIVE) -> str:
    """Return why a measure that needs a positive row has no value, '' where it has one."""
    if not counts.any():
        return NO_ROWS
    return "" if labels @ counts > 0 else reason


def checked_labels(y: ArrayLike) -> Ints:
    """Return `y` as whole numbers; ValueError unless it is 1-D and holds nothing but 0 and 1."""
    given = np.asarray(y)
    if given.ndim != 1 or not np.isin(given, (0, 1)).all():
        raise ValueError("Expected one 0 or 1 per row, got something else in y.")
    return given.astype(np.int64)


def checked_finite(values: ArrayLike, name: str) -> Floats:
    """Return `values` as floats; ValueError, naming `name`, unless they are 1-D and finite."""
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise ValueError(f"Expected one finite number per row, got something else in {name}.")
    return given


def checked_probabilities(values: ArrayLike) -> Floats:
    """Return `values` as floats; ValueError unless they are 1-D and from 0 to 1."""
    given = checked_finite(values, "probability")
    if ((given < 0) | (given > 1)).any():
        raise ValueError(f"Expected 0 <= probability <= 1, got {given.min()} to {given.max()}.")
    return given


def _weights(weight: ArrayLike | None, rows: int) -> Ints:
    if weight is None:
        return np.ones(rows, dtype=np.int64)
    given = np.asarray(weight)
    whole = np.asarray(given, dtype=np.int64)
    if given.shape != (rows,) or (whole != given).any() or (whole < 0).any():
        raise ValueError(f"Expected {rows} whole numbers from 0 on, got something else in weight.")
    return whole
