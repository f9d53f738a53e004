"""Curves: what they add up to, where they bend, and what stands for an unknown value."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from smartaccounts.rankers.curves import CORE, Curve, Curves, fit_curves

NAMES = ("spend_30d", "other", "recency_days", "small_to_key")
SPEND = Curve("spend_30d", knots=(0.0, 1.0, 3.0), values=(-1.0, 0.0, 1.0), unknown=0.25, mean=-0.5)
RECENCY = Curve("recency_days", knots=(0.0, 1.0), values=(0.0, -1.0), unknown=0.0, mean=-0.2)
TWO = Curves(0.5, (SPEND, RECENCY))
NAN = float("nan")


def _learned(rows: int = 800) -> tuple[Curves, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    matrix = rng.gamma(1.0, 1.0, (rows, len(NAMES))).astype(np.float32)
    matrix[rng.random(rows) < 0.3, 0] = NAN
    y = (np.nan_to_num(matrix[:, 0], nan=3.0) + rng.normal(size=rows) > 2).astype(float)
    return fit_curves(matrix, NAMES, y, np.ones(rows)), matrix, y


@pytest.mark.parametrize(
    ("value", "part"), [(-9, -1), (0, -1), (0.5, -0.5), (1, 0), (2, 0.5), (3, 1), (99, 1), (NAN, 0.25)]
)
def test_a_curve_is_straight_between_its_knots_and_flat_beyond(value: float, part: float) -> None:
    assert SPEND.at(np.array([value])).tolist() == [part]


def test_the_raw_score_is_the_intercept_and_the_curves() -> None:
    matrix = np.array([[0.0, 7.0, 0.0, 7.0], [NAN, 7.0, np.e - 1, 7.0]], dtype=np.float32)
    assert TWO.raw(matrix, NAMES) == pytest.approx([0.5 - 1 + 0, 0.5 + 0.25 - 1])


def test_contributions_tell_a_row_from_the_usual_one_and_add_up() -> None:
    matrix = np.array([[0.0, 7.0, 0.0, 7.0], [2.0, 7.0, 0.5, 7.0]], dtype=np.float32)
    made = TWO.contributions(matrix, NAMES)
    assert made.names == ("spend_30d", "recency_days")
    assert made.base == pytest.approx(0.5 - 0.5 - 0.2)
    assert made.values[0] == pytest.approx([-0.5, 0.2])
    assert made.base + made.values.sum(axis=1) == pytest.approx(TWO.raw(matrix, NAMES))


def test_contributions_are_nought_on_average_over_what_was_learned_from() -> None:
    curves, matrix, _ = _learned()
    assert curves.contributions(matrix, NAMES).values.mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_only_columns_of_the_core_get_a_curve() -> None:
    curves, _, _ = _learned()
    assert [c.column for c in curves.curves] == [c for c in CORE if c in NAMES]


def test_it_learns_what_is_there() -> None:
    curves, matrix, y = _learned()
    raw = curves.raw(matrix, NAMES)
    assert raw[y == 1].mean() > raw[y == 0].mean() + 1
    spend = next(c for c in curves.curves if c.column == "spend_30d")
    assert spend.values[-1] > spend.values[0]
    assert spend.unknown > spend.values[0]  # rows without a value were made to grow


@pytest.mark.parametrize("column", [[5.0] * 100, [NAN] * 100, [NAN] * 99 + [5.0], [0.0] * 95 + [1.0] * 5])
def test_a_column_without_spread_gets_a_curve_all_the_same(column: list[float]) -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([column, rng.random(100), rng.random(100), rng.random(100)]).astype(np.float32)
    curves = fit_curves(matrix, NAMES, (rng.random(100) < 0.5).astype(float), np.ones(100))
    knots = np.array(curves.curves[0].knots)
    assert len(knots) >= 2
    assert (np.diff(knots) > 0).all()
    assert np.isfinite(curves.raw(matrix, NAMES)).all()


def test_a_weight_counts_as_so_many_rows() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((300, len(NAMES))).astype(np.float32)
    y = (rng.random(300) < 0.3).astype(float)
    weight = np.where(y == 1, 3.0, 1.0)
    times = np.repeat(np.arange(300), weight.astype(int))
    knots_of = matrix[times]  # quantiles are of rows: give both the same
    weighted = fit_curves(knots_of, NAMES, y[times], np.ones(len(times)))
    raw = weighted.raw(matrix, NAMES)
    light = fit_curves(matrix, NAMES, y, np.ones(300)).raw(matrix, NAMES)
    heavy = fit_curves(matrix, NAMES, y, weight).raw(matrix, NAMES)
    assert abs(heavy - raw).max() < 0.3
    assert heavy.mean() - light.mean() == pytest.approx(np.log(3), abs=0.15)


def test_the_number_of_cores_changes_no_bit() -> None:
    made = []
    for cores in (1, 2):
        with threadpool_limits(cores):
            made.append(_learned(20_000)[0])
    assert made[0] == made[1]
