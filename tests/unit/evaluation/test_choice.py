"""When the best trial is better by more than the noise."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from smartaccounts.evaluation.choice import choose, held_out
from smartaccounts.evaluation.search import Trial

MOMENT = datetime(2021, 1, 1, tzinfo=UTC)
PRESENT = {"leaves": 10, "l2": 20.0}


def trial(number: int, *by_cut_off: float, leaves: int = 10, state: str = "complete") -> Trial:
    return Trial(number, state, {"leaves": leaves, "l2": 20.0}, by_cut_off, MOMENT, MOMENT)


def test_a_gain_on_every_date_is_more_than_noise() -> None:
    made = choose([trial(0, 0.1, 0.2, 0.0, 0.1), trial(1, 0.3, 0.41, 0.2, 0.29, leaves=5)], PRESENT)
    assert made.best.number == 1
    assert made.changes == {"leaves": 5}
    assert made.gain == pytest.approx(0.2)
    assert 0.18 < made.low < 0.2
    assert made.better


def test_a_gain_on_one_date_alone_is_noise() -> None:
    made = choose([trial(0, 0.1, 0.2, 0.0, 0.1), trial(1, 0.1, 0.2, 0.0, 1.1, leaves=5)], PRESENT)
    assert made.best.number == 1  # the higher mean
    assert made.low <= 0
    assert not made.better


def test_the_best_of_many_lucky_trials_is_no_better() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        trials = [trial(i, *rng.normal(0, 0.2, 6), leaves=10 + i) for i in range(50)]
        found.append(choose(trials, PRESENT))
    assert all(c.best.value > c.present.value for c in found if c.best.number)  # each search has a winner
    assert np.mean([c.better for c in found]) < 0.1  # 95% confidence, however many trials


def test_pruned_and_failed_trials_are_not_chosen() -> None:
    others = [trial(1, 9.0, leaves=5, state="pruned"), trial(2, leaves=6, state="failed")]
    made = choose([trial(0, 0.1, 0.1), *others], PRESENT)
    assert made.best.number == made.present.number == 0
    assert made.changes == {}
    assert not made.better


def test_of_two_alike_the_present_settings_stay() -> None:
    made = choose([trial(0, 0.1, 0.1, leaves=5), trial(1, 0.1, 0.1)], PRESENT)
    assert (made.best.number, made.better) == (1, False)


def test_one_date_says_nothing_of_noise() -> None:
    made = choose([trial(0, 0.1), trial(1, 5.0, leaves=5)], PRESENT)
    assert math.isnan(made.gain)
    assert math.isnan(made.low)
    assert not made.better


def test_held_out_never_looks_at_the_date_it_is_measured_at() -> None:
    values = np.random.default_rng(1).normal(size=(7, 5))
    found = held_out(values)
    for c in range(5):
        others = np.delete(values, c, axis=1).mean(axis=1)
        assert found[c] == values[others.argmax(), c]
