"""Measures by name over several as_of dates, with bootstrap intervals.

One draw of customers holds for all as_of dates and all rankers: a customer that is drawn twice weighs 2 at every date.
So the dates of one customer stay together (they overlap), and two rankers are compared on the same customers. A list
is sorted once; every draw is then a matter of cumulative sums of weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartaccounts.evaluation import metrics
from smartaccounts.evaluation.intervals import Comparison, Interval, Resampled, ratio
from smartaccounts.evaluation.metrics import Floats, Ints, Measured, Name, parse_name
from smartaccounts.evaluation.scored import Scored, measure, missing, spend

Counts = NDArray[np.int32]

LEFT_OUT = "the ranker has no rows at this date"
BLOCK_CELLS = 6_000_000  # customers x draws that are held at once (24 MB)


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
    whole: dict[str, Floats] = {"base_rate": ratio(positive, total)}
    if kinds & {"average_precision", "auc"}:
        whole["average_precision"], whole["auc"] = _ranking(ranked, weights)
    if "ece" in kinds and not missing(ranked.scored, "ece"):
        whole["ece"] = _calibration_error(ranked, drawn)
    for text, name in asked.items():
        if missing(ranked.scored, name.kind):
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
    misplaced = ratio((of_positives * others_above).sum(axis=0), positive * negative.astype(float))
    return ratio((of_positives * precision).sum(axis=0), positive), 1 - misplaced


def _at(ranked: _Sorted, weights: Counts, name: Name, *, total: Ints, positive: Ints) -> Floats:
    """Return a measure of the first rows per draw; a row that was drawn several times may be cut in the middle."""
    depths = np.array([min(metrics.rows_in(name.depth or 1, int(t)), t) for t in total])
    values = ranked.scored.y[ranked.order].astype(float)
    if name.kind.endswith("spend_captured"):
        values = spend(ranked.scored)[ranked.order] * (values if name.kind == "key_spend_captured" else 1.0)
        return ratio(_held(values, weights, depths), _weighted(values, weights))
    if name.kind == "found":
        return ratio(_held(values, weights, depths), positive)
    precision = ratio(_held(values, weights, depths), depths)
    return precision if name.kind == "precision" else ratio(precision, ratio(positive, total))


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
        return ratio(_weighted(chances, weights), _weighted(y, weights))
    plain = metrics.log_losses(y, np.full(len(y), ranked.scored.known_base_rate or 0.0))
    return ratio(_weighted(plain - metrics.log_losses(y, chances), weights), _weighted(plain, weights))


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
