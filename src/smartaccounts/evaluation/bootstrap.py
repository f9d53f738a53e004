"""Measures by name over several as_of dates, with bootstrap intervals.

One draw of customers holds for all as_of dates and all rankers: a customer that is drawn twice weighs 2 at every date.
So the dates of one customer stay together (they overlap), and two rankers are compared on the same customers. A list
is sorted once; every draw is then a matter of cumulative sums of weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smartaccounts.evaluation import metrics
from smartaccounts.evaluation.metrics import Depth, Floats, Ints, Measured, Name, parse_name

Counts = NDArray[np.int32]

NO_PROBABILITY = "the ranker has no probability"
NO_KNOWN_RATE = "no base rate was known before"
NO_OUTCOME_SPEND = "the spend of the horizon was not given"
LEFT_OUT = "the ranker has no rows at this date"
BLOCK_CELLS = 6_000_000  # customers x draws that are held at once (24 MB)


@dataclass(frozen=True, eq=False)
class Scored:
    """One ranker's scores at one as_of date and what came of them, one row per eligible customer.

    Rows are ordered by market and customer_id (equal scores keep that order). customers: whole numbers, one per
    (market, customer_id), the same at every date, no doubles. y: 0 or 1. score: finite, higher is better. probability:
    0 to 1, None where the ranker has none. outcome_spend: spend in the horizon, in one unit for all markets (over K
    where currencies differ). known_base_rate: the base rate that was known at as_of, for `skill`. ValueError where
    that is not so.
    """

    customers: Ints
    y: Ints
    score: Floats
    probability: Floats | None = None
    outcome_spend: Floats | None = None
    known_base_rate: float | None = None

    def __post_init__(self) -> None:
        """Check lengths, values and that no customer is there twice."""
        rows = len(self.customers)
        for name in ("y", "score", "probability", "outcome_spend"):
            column = getattr(self, name)
            if column is not None and np.shape(column) != (rows,):
                raise ValueError(f"Expected {rows} rows as in customers, got shape {np.shape(column)} in {name}.")
        if len(np.unique(self.customers)) != rows:
            raise ValueError("Expected every customer once, got doubles in customers.")
        metrics.checked_labels(self.y)
        metrics.checked_finite(self.score, "score")
        if self.probability is not None:
            metrics.checked_probabilities(self.probability)
        if self.outcome_spend is not None:
            metrics.checked_finite(self.outcome_spend, "outcome_spend")


@dataclass(frozen=True)
class Interval:
    """The point estimate and the ends of its percentile interval; nan with a reason where there is none.

    Doubled rows flatter average precision and roughen ece: their intervals lie high. Decide by differences and ratios.
    """

    value: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """A against B: A - B, A / B, and the share of draws in which A is better (equal draws count half)."""

    difference: Interval
    ratio: Interval
    better_share: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """Measures of rankers at every date: of the data themselves and of every draw.

    points[ranker, measure]: one Measured per date. draws[ranker, measure]: array (dates, draws), nan where a draw left
    no key account. seed: what the draws were drawn with.
    """

    level: float
    points: Mapping[tuple[str, str], tuple[Measured, ...]]
    draws: Mapping[tuple[str, str], Floats]
    seed: int = 0

    def by_date(self, ranker: str, name: str) -> tuple[Interval, ...]:
        """Return the interval of a measure at each date."""
        points, draws = self.points[ranker, name], self.draws[ranker, name]
        return tuple(_interval(p.value, d, self.level, p.reason) for p, d in zip(points, draws, strict=True))

    def mean(self, ranker: str, name: str) -> Interval:
        """Return the interval of the mean over the dates that have a value; the reason counts the others."""
        points = self.points[ranker, name]
        values = np.array([p.value for p in points])
        reasons = sorted({p.reason for p in points if math.isnan(p.value)})
        left = int(np.isnan(values).sum())
        reason = f"{left} of {len(points)} dates left out: {'; '.join(reasons)}" if left else ""
        return _interval(float(_mean(values)), _mean(self.draws[ranker, name]), self.level, reason)

    def compare(self, a: str, b: str, name: str) -> Comparison:
        """Compare two rankers by the mean of a measure over the dates at which both have a value, draw by draw.

        Better is higher, but for ece (lower) and expected_over_observed (nearer to 1).
        """
        points = np.array([[p.value for p in self.points[r, name]] for r in (a, b)])
        lost = np.isnan(points).any(axis=0)
        reason = f"{lost.sum()} of {len(lost)} dates left out: not both have a value" if lost.any() else ""
        draws = np.array([self.draws[r, name] for r in (a, b)])
        draws[:, np.isnan(draws).any(axis=0) | lost[:, None]] = math.nan
        point_a, point_b = (float(_mean(p[~lost])) for p in points)
        drawn_a, drawn_b = (_mean(d) for d in draws)
        good = _goodness(name, drawn_a) - _goodness(name, drawn_b)
        good = good[~np.isnan(good)]
        return Comparison(
            _interval(point_a - point_b, drawn_a - drawn_b, self.level, reason),
            _interval(float(_ratio(point_a, point_b)), _ratio(drawn_a, drawn_b), self.level, reason),
            float(((good > 0) + 0.5 * (good == 0)).mean()) if len(good) else math.nan,
        )


def interval(dates: Sequence[Scored], name: str, *, draws: int = 300, level: float = 0.9, seed: int = 0) -> Interval:
    """Return the interval of the mean of one measure of one ranker over as_of dates."""
    return resample({"": dates}, [name], draws=draws, level=level, seed=seed).mean("", name)


def compare(
    a: Sequence[Scored], b: Sequence[Scored], name: str, *, draws: int = 300, level: float = 0.9, seed: int = 0
) -> Comparison:
    """Compare ranker A with ranker B by the mean of one measure over as_of dates, under the same draws."""
    return resample({"a": a, "b": b}, [name], draws=draws, level=level, seed=seed).compare("a", "b", name)


def resample(
    rankers: Mapping[str, Sequence[Scored | None]],
    names: Sequence[str],
    *,
    draws: int = 300,
    level: float = 0.9,
    seed: int = 0,
) -> Resampled:
    """Measure every ranker at every date, and again in every draw of customers.

    All rankers have the same dates in the same order; None stands for a date at which a ranker has no rows. At one date
    all rankers have the same customers with the same y (in any order of rows). ValueError otherwise. As many customers
    are drawn, with replacement, as there are over all dates; the same seed and customers give the same draws.
    """
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"Expected a level in (0, 1) and at least one draw, got {level} and {draws}.")
    pool = _pool(rankers)
    asked = {name: parse_name(name) for name in names}
    lists = {
        (ranker, i): _sorted(scored, np.searchsorted(pool, scored.customers))
        for ranker, dates in rankers.items()
        for i, scored in enumerate(dates)
        if scored is not None and len(scored.customers)
    }
    values = {(r, n): np.full((len(dates), draws), math.nan) for r, dates in rankers.items() for n in asked}
    done = 0
    for weights in _draws(len(pool), draws, seed):
        block = slice(done, done + weights.shape[1])
        for (ranker, i), ranked in lists.items():
            for name, drawn in _measures(ranked, weights, asked):
                values[ranker, name][i, block] = drawn
        done = block.stop
    points = {
        (r, n): tuple(Measured(math.nan, LEFT_OUT) if s is None else measure(s, n) for s in dates)
        for r, dates in rankers.items()
        for n in asked
    }
    return Resampled(level, points, values, seed)


def measure(scored: Scored, name: str, *, weight: ArrayLike | None = None) -> Measured:
    """Return the measure called `name` (see `parse_name`) of one list; nan with a reason where a column is missing.

    key_spend_captured is the share of the horizon's spend of those who became key accounts.
    """
    asked = parse_name(name)
    if reason := _missing(scored, asked.kind):
        return Measured(math.nan, reason)
    return _MEASURES[asked.kind](scored, asked.depth or 1, weight)


_MEASURES: Mapping[str, Callable[[Scored, Depth, ArrayLike | None], Measured]] = {
    "average_precision": lambda s, _, w: metrics.average_precision(s.y, s.score, weight=w),
    "auc": lambda s, _, w: metrics.auc(s.y, s.score, weight=w),
    "base_rate": lambda s, _, w: metrics.base_rate(s.y, weight=w),
    "precision": lambda s, depth, w: metrics.precision_at(s.y, s.score, depth, weight=w),
    "lift": lambda s, depth, w: metrics.lift_at(s.y, s.score, depth, weight=w),
    "found": lambda s, depth, w: metrics.found_at(s.y, s.score, depth, weight=w),
    "spend_captured": lambda s, depth, w: metrics.spend_captured_at(_spend(s), s.score, depth, weight=w),
    "key_spend_captured": lambda s, depth, w: metrics.spend_captured_at(_spend(s) * s.y, s.score, depth, weight=w),
    "ece": lambda s, _, w: metrics.expected_calibration_error(s.y, np.asarray(s.probability), weight=w),
    "expected_over_observed": lambda s, _, w: metrics.expected_over_observed(s.y, np.asarray(s.probability), weight=w),
    "skill": lambda s, _, w: metrics.skill(s.y, np.asarray(s.probability), s.known_base_rate or 0.0, weight=w),
}


def _missing(scored: Scored, kind: str) -> str:
    if scored.probability is None and kind in ("ece", "expected_over_observed", "skill"):
        return NO_PROBABILITY
    if kind == "skill" and scored.known_base_rate is None:
        return NO_KNOWN_RATE
    return NO_OUTCOME_SPEND if kind.endswith("spend_captured") and scored.outcome_spend is None else ""


def _spend(scored: Scored) -> Floats:
    return np.asarray(np.maximum(np.asarray(scored.outcome_spend), 0.0), dtype=float)


@dataclass(frozen=True, eq=False)
class _Sorted:
    """A list from the top, and between which rows the ties that hold its key accounts begin and end."""

    scored: Scored
    codes: NDArray[np.int32]  # the place of every row's customer in the weights, in the order of `scored`
    order: NDArray[np.int32]  # the rows of `scored` from the top; what follows counts in this order
    positives: Ints
    tie_starts: Ints  # per positive row: where its group of equal scores starts and ends
    tie_ends: Ints


def _sorted(scored: Scored, codes: Ints) -> _Sorted:
    order = np.argsort(-np.asarray(scored.score, dtype=float), kind="stable")
    score, positives = scored.score[order], np.flatnonzero(scored.y[order])
    starts = np.flatnonzero(np.concatenate([[True], score[1:] != score[:-1]]))
    ends = np.append(starts[1:], len(order))
    group = np.searchsorted(starts, positives, side="right") - 1
    return _Sorted(scored, codes.astype(np.int32), order.astype(np.int32), positives, starts[group], ends[group])


def _measures(ranked: _Sorted, drawn: Counts, asked: Mapping[str, Name]) -> Iterator[tuple[str, Floats]]:
    """Yield every measure asked for that the list has columns for, one value per draw; `drawn`: (customers, draws)."""
    weights = drawn.take(ranked.codes[ranked.order], axis=0)  # several times as fast as by brackets
    kinds = {name.kind for name in asked.values()}
    total, positive = weights.sum(axis=0), weights[ranked.positives].sum(axis=0)
    whole: dict[str, Floats] = {"base_rate": _ratio(positive, total)}
    if kinds & {"average_precision", "auc"}:
        whole["average_precision"], whole["auc"] = _ranking(ranked, weights)
    if "ece" in kinds and not _missing(ranked.scored, "ece"):
        whole["ece"] = _calibration_error(ranked, drawn)
    for text, name in asked.items():
        if _missing(ranked.scored, name.kind):
            continue
        if name.depth is not None:
            yield text, _at(ranked, weights, name, total=total, positive=positive)
        elif name.kind in ("expected_over_observed", "skill"):
            yield text, np.where(positive > 0, _additive(ranked, weights, name.kind), math.nan)
        else:
            yield text, whole[name.kind]


def _ranking(ranked: _Sorted, weights: Counts) -> tuple[Floats, Floats]:
    """Return average precision and AUC per draw, ties grouped as scikit-learn groups them.

    Both are sums over key accounts of what stands above them, so weights are added up only between their ties.
    """
    rows, of_positives = len(weights), weights[ranked.positives]
    cuts = np.unique(np.concatenate([[0], ranked.tie_starts, ranked.tie_ends, [rows]]))
    above = _running(np.add.reduceat(weights, cuts[:-1], axis=0))
    before, upto = (above[np.searchsorted(cuts, at)] for at in (ranked.tie_starts, ranked.tie_ends))
    found = _running(of_positives)
    found_before, found_upto = (
        found[np.searchsorted(ranked.positives, at)] for at in (ranked.tie_starts, ranked.tie_ends)
    )
    positive, negative = found[-1], above[-1] - found[-1]
    precision = np.divide(found_upto, upto, out=np.zeros(upto.shape), where=upto > 0)
    others_above = (before - found_before + upto - found_upto) / 2  # those in the tie count half
    misplaced = _ratio((of_positives * others_above).sum(axis=0), positive * negative.astype(float))
    return _ratio((of_positives * precision).sum(axis=0), positive), 1 - misplaced


def _at(ranked: _Sorted, weights: Counts, name: Name, *, total: Ints, positive: Ints) -> Floats:
    """Return a measure of the first rows per draw; a row that was drawn several times may be cut in the middle."""
    depths = np.array([min(metrics.rows_in(name.depth or 1, int(t)), t) for t in total])
    values = ranked.scored.y[ranked.order].astype(float)
    if name.kind.endswith("spend_captured"):
        values = _spend(ranked.scored)[ranked.order] * (values if name.kind == "key_spend_captured" else 1.0)
        return _ratio(_held(values, weights, depths), _weighted(values, weights))
    if name.kind == "found":
        return _ratio(_held(values, weights, depths), positive)
    precision = _ratio(_held(values, weights, depths), depths)
    return precision if name.kind == "precision" else _ratio(precision, _ratio(positive, total))


def _held(values: Floats, weights: Counts, depths: Ints) -> Floats:
    """Return the sum of `values` over the first `depths` drawn rows."""
    rows = min(len(weights), int(1.25 * depths.max()) + 50)  # drawn rows thin out or crowd: mostly that many will do
    while rows < len(weights) and (weights[:rows].sum(axis=0) < depths).any():
        rows = min(len(weights), 2 * rows)
    upto = weights[:rows].cumsum(axis=0)
    taken = np.clip(depths - upto + weights[:rows], 0, weights[:rows])
    return _weighted(values[:rows], taken)


def _additive(ranked: _Sorted, weights: Counts, kind: str) -> Floats:
    y, chances = ranked.scored.y[ranked.order], np.asarray(ranked.scored.probability)[ranked.order]
    if kind == "expected_over_observed":
        return _ratio(_weighted(chances, weights), _weighted(y, weights))
    plain = metrics.log_losses(y, np.full(len(y), ranked.scored.known_base_rate or 0.0))
    return _ratio(_weighted(plain - metrics.log_losses(y, chances), weights), _weighted(plain, weights))


def _calibration_error(ranked: _Sorted, drawn: Counts, bins: int = 10) -> Floats:
    """Return the expected calibration error per draw: the bins of equal count cut the running sum of y - p."""
    chances = np.asarray(ranked.scored.probability)
    order = np.argsort(chances, kind="stable")
    gap = (ranked.scored.y - chances)[order]
    errors = np.empty(drawn.shape[1])
    for j, weights in enumerate(np.ascontiguousarray(drawn.take(ranked.codes[order], axis=0).T)):
        upto = np.append(0, np.cumsum(weights))
        size, longer = divmod(int(upto[-1]), bins)  # as numpy.array_split: the first bins get the rows left over
        edges = size * np.arange(bins + 1) + np.minimum(np.arange(bins + 1), longer)
        sums = np.diff(np.interp(edges, upto, np.append(0.0, np.cumsum(weights * gap))))
        errors[j] = np.abs(sums).sum() / upto[-1] if upto[-1] else math.nan
    return errors


def _pool(rankers: Mapping[str, Sequence[Scored | None]]) -> Ints:
    """Return all customers, ascending, after checking that rankers agree on dates, customers and outcomes."""
    if len({len(dates) for dates in rankers.values()}) != 1:
        raise ValueError(f"Expected rankers over the same dates, got { ({r: len(d) for r, d in rankers.items()}) }.")
    everybody = [np.empty(0, dtype=np.int64)]
    for i, at_date in enumerate(zip(*rankers.values(), strict=True)):
        first = None
        for ranker, scored in zip(rankers, at_date, strict=True):
            if scored is None:
                continue
            order = np.argsort(scored.customers)
            table = np.array([scored.customers[order], scored.y[order]])
            if first is not None and not np.array_equal(first, table):
                raise ValueError(
                    f"Expected the customers and outcomes of the others, got others in {ranker}, date {i}."
                )
            first = table
        everybody += [] if first is None else [first[0]]
    return np.unique(np.concatenate(everybody))


def _draws(customers: int, draws: int, seed: int) -> Iterator[Counts]:
    """Yield blocks (customers, draws of the block): how often each customer was drawn."""
    random = np.random.default_rng(seed)
    size = max(1, BLOCK_CELLS // max(customers, 1))
    for start in range(0, draws if customers else 0, size):
        block = np.empty((min(size, draws - start), customers), dtype=np.int32)
        for row in block:
            row[:] = np.bincount(random.integers(0, customers, customers), minlength=customers)
        yield np.ascontiguousarray(block.T)


def _running(values: NDArray[np.integer]) -> Ints:
    """Return running sums down the rows, with a row of zeros above."""
    return np.concatenate([np.zeros((1, values.shape[1]), dtype=np.int64), values.cumsum(axis=0, dtype=np.int64)])


def _weighted(values: NDArray[Any], weights: Counts) -> Floats:
    """Return sums of `values` per draw; not by `@`, whose rounding depends on the number of threads."""
    return np.asarray((values[:, None] * weights).sum(axis=0), dtype=float)


def _ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    """Divide; nan where it cannot be."""
    over, under = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    ratio: Floats = np.divide(over, under, out=np.full(np.broadcast(over, under).shape, math.nan), where=under != 0)
    return ratio


def _mean(values: Floats) -> Floats:
    """Return the mean over dates (rows) of what is not nan."""
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0))


def _interval(value: float, draws: Floats, level: float, reason: str) -> Interval:
    usable = draws[np.isfinite(draws)]
    if math.isnan(value) or not len(usable):
        return Interval(float(value), math.nan, math.nan, reason or "no draw has a value")
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    lost = f"{len(draws) - len(usable)} of {len(draws)} draws have no value" if len(usable) < len(draws) else ""
    return Interval(float(value), float(low), float(high), "; ".join(filter(None, [reason, lost])))


def _goodness(name: str, values: Floats) -> Floats:
    if name == "expected_over_observed":
        values = np.abs(np.log(np.maximum(values, 1e-12)))
    return np.negative(values) if name in ("ece", "expected_over_observed") else values
