"""Rows binned once: models are digit by digit those of a data set of their own, whatever was asked before."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from tests.unit.rankers.synthetic import firsts, panel_of, snapshot_of

from smartaccounts.config import Model
from smartaccounts.rankers.binned import Binned, weighted
from smartaccounts.rankers.design import Design
from smartaccounts.rankers.growth import Growth

ROWS = 1500
RARE = (0.01, 0.03, 0.1)
"""How often three of the columns are not 0: the first is left out from 16 rows per leaf on, the second from 46 on."""


@pytest.fixture(scope="module")
def made() -> Design:
    rng = np.random.default_rng(0)
    rare = np.column_stack([np.arange(ROWS) < share * ROWS for share in RARE])
    matrix = np.column_stack([rng.normal(size=(ROWS, 3)), rng.permuted(rare, axis=0)]).astype(np.float32)
    return Design(matrix, tuple("abcdef"), (True,) + (False,) * 5)


@pytest.fixture(scope="module")
def y(made: Design) -> np.ndarray:
    return (made.matrix[:, 0] + made.matrix[:, 4] + np.random.default_rng(1).normal(size=ROWS) > 1).astype(float)


def parameters(least: int, **more: Any) -> dict[str, Any]:
    return {
        "objective": "binary", "min_data_in_leaf": least, "feature_fraction": 0.6, "max_bin": 63, "num_leaves": 5,
        "seed": least, "deterministic": True, "force_col_wise": True, "num_threads": 1, "verbosity": -1,
    } | more  # fmt: skip


def grown(data: lgb.Dataset, said: dict[str, Any]) -> str:
    return str(lgb.train(said, data, 8).model_to_string())


@pytest.mark.parametrize("asked", [(5, 30, 10, 60, 40, 20, 100), (100, 60, 10, 5, 14, 16, 15), (30, 30)])
def test_models_are_those_of_a_data_set_of_their_own(made: Design, y: np.ndarray, asked: tuple[int, ...]) -> None:
    binned, rows = Binned(), np.arange(0, ROWS, 2)
    for least in asked:
        said = parameters(least, extra_trees=least % 3 == 0)
        for weight in (np.ones(len(rows)), np.linspace(0.1, 2, len(rows)), np.ones(len(rows))):
            got = grown(weighted(binned.of(made, rows, y[rows], said), weight), said)
            own = lgb.Dataset(made.matrix[rows], y[rows], weight=weight, feature_name=list(made.names), params=said)
            assert got == grown(own, said)


def test_what_lies_between_two_alike_is_not_binned_again(made: Design, y: np.ndarray) -> None:
    binned, rows = Binned(), np.arange(ROWS)
    low = binned.of(made, rows, y, parameters(5))
    high = binned.of(made, rows, y, parameters(14))
    assert high is low
    assert binned.of(made, rows, y, parameters(10)) is low
    beyond = binned.of(made, rows, y, parameters(30))
    assert beyond is not low
    assert binned.of(made, rows, y, parameters(30)) is beyond


def test_other_rows_outcomes_columns_and_bins_are_another_data_set(made: Design, y: np.ndarray) -> None:
    binned, rows, said = Binned(), np.arange(ROWS), parameters(5)
    other = Design(made.matrix[:, :5], made.names[:5], made.rises[:5])
    found = [
        binned.of(made, rows, y, said),
        binned.of(made, rows[:-1], y[:-1], said),
        binned.of(made, rows, 1 - y, said),
        binned.of(other, rows, y, said),
        binned.of(made, rows, y, said | {"max_bin": 15}),
    ]
    assert len({id(data) for data in found}) == 5


@pytest.mark.slow
@pytest.mark.parametrize("cap", [60_000, 700])
def test_what_a_trial_left_changes_no_digit_of_the_next(cap: int) -> None:
    panel, levels = panel_of(snapshot_of(100, firsts(4))), (0.7,)
    present = Model(rounds=5, bags=2, leaves=4, min_rows_per_leaf=10, key_levels=levels, rows_per_bag=cap)
    changes = [{}, {"min_rows_per_leaf": 40}, {"weight_not_eligible": 0.5}, {"min_rows_per_leaf": 20, "rounds": 7}, {}]
    frame = panel.snapshot.frame
    panel = type(panel)(
        type(panel.snapshot)(frame.assign(eligible=np.arange(len(frame)) % 3 > 0), panel.snapshot.target, ()),
        panel.outcome,
    )
    shared = Binned()
    for change in changes:
        recipe = Growth(present.model_copy(update=change))
        assert recipe.order(panel, shared) == recipe.order(panel, Binned())


def test_bins_of_other_rows_are_taken_as_they_are(made: Design, y: np.ndarray) -> None:
    binned, even, odd, said = Binned(), np.arange(0, ROWS, 2), np.arange(1, ROWS, 2), parameters(5)
    first = binned.of(made, even, y[even], said)
    like = binned.of(made, odd, y[odd], said, first)
    own = lgb.Dataset(made.matrix[odd], y[odd], reference=first, feature_name=list(made.names), params=said)
    assert grown(like, said) == grown(own, said) != grown(binned.of(made, odd, y[odd], said), said)

    strict = binned.of(made, even, y[even], parameters(100))
    again = binned.of(made, odd, y[odd], parameters(100), strict)
    assert binned.of(made, odd, y[odd], said, strict) is again
    assert grown(again, parameters(100)) != grown(again, said)  # neither is refused
