"""Other levels of K: more examples of a rise, and nothing of them at K itself."""

from __future__ import annotations

import weakref

import numpy as np
import pandas as pd
from tests.unit.rankers.synthetic import firsts, panel_of, snapshot_of

from smartaccounts.config import Model
from smartaccounts.panel import Panel
from smartaccounts.rankers.design import Design, design, designed
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.levels import Lesson, Shown, lesson
from smartaccounts.rankers.training import training_rows

LEVELS = (0.4, 1.4)


def everything(made: Lesson) -> Shown:
    return made.shown(np.arange(len(made.y)))


def own(made: Lesson) -> np.ndarray:
    return everything(made).rows(np.arange(made.ends[1])).matrix


def rows() -> Panel:
    return training_rows(panel_of(snapshot_of(120, firsts(3))))


def test_the_first_rows_are_the_panel_at_k_and_the_others_know_which_row_they_are() -> None:
    panel = rows()
    made = lesson(panel, LEVELS)
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
    made = lesson(panel, (1.4,))
    higher = frame.assign(key_spend=frame["key_spend"] * 1.4, small_spend=frame["small_spend"] * 1.4)
    at = np.arange(len(frame), len(made.y))
    np.testing.assert_array_equal(everything(made).rows(at).matrix, design(higher).matrix)
    reached = (panel.outcome["spend_ahead"] >= 140) & (panel.outcome["months_ahead"] >= 2)
    np.testing.assert_array_equal(made.y[len(frame) :], reached.astype(float))


def test_whoever_reaches_a_level_reaches_the_lower_ones() -> None:
    panel = rows()
    made = lesson(panel, LEVELS)
    size = len(own(made))
    below = (made.of[size:].size - size, size)
    low, high = np.split(made.y[size:], [below[0]])
    assert (low >= made.y[made.of[size : size + below[0]]]).all()
    assert (high <= made.y[:size]).all()


def test_without_levels_the_panel_alone_teaches() -> None:
    panel = rows()
    made = lesson(panel, ())
    assert len(made.y) == len(own(made)) == len(panel.outcome)
    np.testing.assert_array_equal(everything(made).rows(np.arange(len(made.y))).matrix, own(made))


def test_rows_that_are_held_back_are_held_back_at_every_level() -> None:
    """A held customer's outcomes at another level must not teach: changing them changes no probability's raw score."""
    panel = panel_of(snapshot_of(300, firsts(4)), share=0.3)
    model = Model(rounds=20, bags=2, min_rows_per_leaf=5, key_levels=(0.7, 1.4))
    rows = training_rows(panel)
    held = (rows.snapshot.frame["customer_id"] < "c0100").to_numpy()
    scores = [
        Growth(model)._learn(
            lesson(p, model.key_levels), p, ~held, bags=2, weight=np.ones(len(held)),
        ).raw(design(p.snapshot.frame).matrix)
        for p in (rows, _without_outcome(rows, held))
    ]  # fmt: skip
    np.testing.assert_array_equal(*scores)


def _without_outcome(rows: Panel, held: np.ndarray) -> Panel:
    return Panel(rows.snapshot, rows.outcome.mask(pd.Series(held), other=0.0))


def test_only_rows_that_are_shown_have_a_design() -> None:
    panel, asked = rows(), []

    def look(level: float, at: np.ndarray) -> Design:
        asked.append((level, at.tolist()))
        return designed(panel.snapshot.some(at), level)

    taught = lesson(panel, (1.4,), look)
    first, size = taught.ends[1], len(taught.y)
    at = np.array([2, 5, first + 1, size - 1])
    made = taught.shown(at)
    assert sorted(asked) == [(1.0, [2, 5]), (1.4, taught.of[at[2:]].tolist())]
    np.testing.assert_array_equal(made.rows(at[1:3]).matrix, everything(taught).rows(at[1:3]).matrix)


def test_one_design_is_in_memory_at_a_time() -> None:
    panel, made, alive = rows(), [], []

    def look(level: float, at: np.ndarray) -> Design:
        alive.append(sum(ref() is not None for ref in made))
        found = designed(panel.snapshot.some(at), level)
        made.append(weakref.ref(found))
        return found

    shown = everything(lesson(panel, LEVELS, look))
    assert alive == [0, 0, 0]
    assert not any(ref() for ref in made)
    np.testing.assert_array_equal(shown.design.matrix, everything(lesson(panel, LEVELS)).design.matrix)


def test_a_column_that_is_unknown_of_all_that_are_shown_is_left_out() -> None:
    panel = rows()
    frame = panel.snapshot.frame
    only = np.where(np.arange(len(frame)) == 7, frame["orders_365d"], np.nan)
    taught = lesson(Panel(panel.snapshot.of_table(frame.assign(orders_365d=only)), panel.outcome), ())
    assert "orders_365d" in taught.shown(np.array([6, 7])).names
    assert "orders_365d" not in taught.shown(np.array([6, 8])).names
