"""Trees as bits say what LightGBM says, to the last bit."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from smartaccounts.rankers.trees import FEW, Trees, rounded_down, splits

ROWS = FEW + 300
SETTINGS: dict[str, Any] = {"verbosity": -1, "num_threads": 1, "seed": 3, "min_data_in_leaf": 5}


def _matrix(seed: int) -> NDArray[np.float32]:
    """Numbers of all sizes, repeated ones, and NaN in the odd columns alone."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(ROWS, 8)) * 10.0 ** rng.integers(-30, 30, size=8)
    matrix[:, 4:] = np.round(rng.normal(size=(ROWS, 4)), 1)
    matrix[:, 1::2][rng.random((ROWS, 4)) < 0.3] = np.nan
    return matrix.astype(np.float32)


def _trained(matrix: NDArray[np.float32], rounds: int = 30, **more: Any) -> Trees:
    signal = np.nan_to_num(np.sign(matrix[:, :4]) + matrix[:, 4:], nan=0.7).sum(axis=1)
    y = (signal + np.random.default_rng(1).normal(size=len(matrix)) > 0).astype(float)
    settings = {"objective": "binary", **SETTINGS, **more}
    return Trees(lgb.train(settings, lgb.Dataset(matrix, y), rounds).model_to_string())


@pytest.mark.parametrize(
    "more",
    [
        {"num_leaves": 2},
        {"num_leaves": 10, "extra_trees": True, "bagging_freq": 1, "bagging_fraction": 0.5},
        {"num_leaves": 64, "monotone_constraints": [1, -1, 0, 0, 1, 0, 0, 0]},
        {"num_leaves": 10, "use_missing": False},
        {"num_leaves": 31, "objective": "regression"},
        {"num_leaves": 31, "objective": "cross_entropy"},
    ],
    ids=str,
)
def test_it_is_what_lightgbm_says(more: dict[str, Any]) -> None:
    trees = _trained(_matrix(0), **more)
    assert splits(trees.booster) is not None
    other = _matrix(1)
    other[::7, ::2] = np.nan  # unknown where it never was in training
    other[:4] = [[np.inf], [-np.inf], [0.0], [-0.0]]
    for asked in (_matrix(0), other, np.asfortranarray(other), other[: FEW - 1]):
        np.testing.assert_array_equal(trees.raw(asked), trees.booster.predict(asked, raw_score=True, num_threads=1))


def test_values_at_a_threshold_go_where_lightgbm_sends_them() -> None:
    matrix = _matrix(0)
    trees = _trained(matrix)
    found = splits(trees.booster)
    assert found is not None
    at = np.repeat(np.nan_to_num(matrix), 3, axis=0)[: 3 * len(found.threshold)]
    for i, (column, limit) in enumerate(zip(found.column, found.threshold, strict=True)):
        at[3 * i : 3 * i + 3, column] = np.nextafter(limit, np.float32([-np.inf, limit, np.inf]))
    asked = np.concatenate([at, matrix])
    np.testing.assert_array_equal(trees.raw(asked), trees.booster.predict(asked, raw_score=True, num_threads=1))


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = _matrix(0)
    trees = _trained(matrix)
    alone = trees.raw(matrix)
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", "3")
    np.testing.assert_array_equal(trees.raw(matrix), alone)


def test_trees_that_never_split_add_a_number() -> None:
    matrix = _matrix(0)
    trees = _trained(matrix, min_data_in_leaf=ROWS)
    assert splits(trees.booster) is not None
    assert (trees.raw(matrix) == trees.booster.predict(matrix[:1], raw_score=True)).all()


@pytest.mark.parametrize("more", [{"num_leaves": 90}, {"categorical_feature": [6]}], ids=str)
def test_other_trees_are_left_to_lightgbm(more: dict[str, Any]) -> None:
    matrix = np.abs(_matrix(0))
    matrix[:, 6] = np.arange(ROWS) % 11
    y = ((matrix[:, 6] % 3 == 0) ^ (matrix[:, 4] > 0.5) ^ (matrix[:, 5] > 1)).astype(float)
    kinds = more.get("categorical_feature", "auto")
    y[::9] = 1 - y[::9]
    settings = {"objective": "binary", **SETTINGS, "num_leaves": more.get("num_leaves", 31)}
    trees = Trees(lgb.train(settings, lgb.Dataset(matrix, y, categorical_feature=kinds), 5).model_to_string())
    assert splits(trees.booster) is None
    np.testing.assert_array_equal(trees.raw(matrix), trees.booster.predict(matrix, raw_score=True))


@pytest.mark.parametrize(
    "more",
    [{"zero_as_missing": True}, {"linear_tree": True}, {"objective": "multiclass", "num_class": 3}],
    ids=str,
)
def test_trees_of_another_kind_are_left_to_lightgbm(more: dict[str, Any]) -> None:
    matrix = np.nan_to_num(_matrix(0)[:, 4:])
    y = np.random.default_rng(1).integers(0, 2, ROWS).astype(float)
    settings = {"objective": "binary", **SETTINGS, **more}
    trees = Trees(lgb.train(settings, lgb.Dataset(matrix, y, params=more), 5).model_to_string())
    assert splits(trees.booster) is None
    np.testing.assert_array_equal(trees.raw(matrix), trees.booster.predict(matrix, raw_score=True))


def test_numbers_finer_than_single_are_left_to_lightgbm() -> None:
    trees = _trained(_matrix(0))
    found = splits(trees.booster)
    assert found is not None
    fine = _matrix(1).astype(np.float64)
    fine[:, found.column[0]] = np.nextafter(float(found.threshold[0]), np.inf)
    np.testing.assert_array_equal(trees.raw(fine), trees.booster.predict(fine, raw_score=True))


def test_a_threshold_is_never_rounded_up() -> None:
    given = np.array([0.1, -0.1, 1 / 3, 1e300, -1e300, 1e-45, 1e-46, -1e-46, 0.5, 16777217.0])
    down = rounded_down(given)
    assert (down.astype(float) <= given).all()
    assert (np.nextafter(down[:3], np.float32(np.inf)).astype(float) > given[:3]).all()
    assert down[8:].tolist() == [0.5, 16777216.0]
