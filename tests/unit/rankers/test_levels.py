"""Other levels of K: more examples of a rise, and nothing of them at K itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tests.unit.rankers.synthetic import firsts, panel_of, snapshot_of

from smartaccounts.config import Model
from smartaccounts.panel import Panel
from smartaccounts.rankers.design import design
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.levels import Lesson, designs, lesson
from smartaccounts.rankers.training import training_rows

LEVELS = (0.4, 1.4)


def own(made: Lesson) -> np.ndarray:
    return made.own(np.ones(len(made.designs[0].matrix), dtype=bool))


def rows() -> Panel:
    return training_rows(panel_of(snapshot_of(120, firsts(3))))


def test_the_first_rows_are_the_panel_at_k_and_the_others_know_which_row_they_are() -> None:
    panel = rows()
    made = lesson(designs(panel.snapshot.frame, LEVELS), panel, LEVELS)
    np.testing.assert_array_equal(own(made), design(panel.snapshot.frame).matrix)
    np.testing.assert_array_equal(made.y[: len(own(made))], panel.outcome["target"])
    np.testing.assert_array_equal(made.of[: len(own(made))], np.arange(len(own(made))))
    spent = panel.snapshot.frame["spend_h"].to_numpy()
    others = made.of[len(own(made)) :]
    assert len(others) == (spent < 40).sum() + len(spent)  # below 0.4 K some, below 1.4 K everybody
    assert (spent[others[: (spent < 40).sum()]] < 40).all()


def test_a_row_at_another_level_is_that_row_with_another_k() -> None:
    panel = rows()
    frame = panel.snapshot.frame
    made = lesson(designs(frame, (1.4,)), panel, (1.4,))
    higher = frame.assign(key_spend=frame["key_spend"] * 1.4, small_spend=frame["small_spend"] * 1.4)
    at = np.arange(len(frame), len(made.y))
    np.testing.assert_array_equal(made.rows(at).matrix, design(higher).matrix)
    reached = (panel.outcome["spend_ahead"] >= 140) & (panel.outcome["months_ahead"] >= 2)
    np.testing.assert_array_equal(made.y[len(frame) :], reached.astype(float))


def test_whoever_reaches_a_level_reaches_the_lower_ones() -> None:
    panel = rows()
    made = lesson(designs(panel.snapshot.frame, LEVELS), panel, LEVELS)
    size = len(own(made))
    below = (made.of[size:].size - size, size)
    low, high = np.split(made.y[size:], [below[0]])
    assert (low >= made.y[made.of[size : size + below[0]]]).all()
    assert (high <= made.y[:size]).all()


def test_without_levels_the_panel_alone_teaches() -> None:
    panel = rows()
    made = lesson(designs(panel.snapshot.frame, ()), panel, ())
    assert len(made.y) == len(own(made)) == len(panel.outcome)
    np.testing.assert_array_equal(made.rows(np.arange(len(made.y))).matrix, own(made))


def test_rows_that_are_held_back_are_held_back_at_every_level() -> None:
    """A held customer's outcomes at another level must not teach: changing them changes no probability's raw score."""
    panel = panel_of(snapshot_of(300, firsts(4)), share=0.3)
    model = Model(rounds=20, bags=2, min_rows_per_leaf=5, key_levels=(0.7, 1.4))
    rows = training_rows(panel)
    held = (rows.snapshot.frame["customer_id"] < "c0100").to_numpy()
    scores = [
        Growth(model)._learn(
            lesson(designs(p.snapshot.frame, model.key_levels), p, model.key_levels),
            p, ~held, bags=2, weight=np.ones(len(held)),
        ).raw(design(p.snapshot.frame).matrix)
        for p in (rows, _without_outcome(rows, held))
    ]  # fmt: skip
    np.testing.assert_array_equal(*scores)


def _without_outcome(rows: Panel, held: np.ndarray) -> Panel:
    return Panel(rows.snapshot, rows.outcome.mask(pd.Series(held), other=0.0))
