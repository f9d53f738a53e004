"""Who is listed: as many as there are places, and nobody leaves for a hair's breadth."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smartaccounts.growth_list.hysteresis import listed_with_hysteresis, places

BEFORE = st.lists(st.booleans(), max_size=60).map(lambda b: np.array(b, dtype=bool))
CAPACITY = st.integers(1, 40)
SLACK = st.floats(0, 1)


@given(BEFORE, CAPACITY, SLACK)
def test_the_length_is_the_capacity_and_again_is_the_same(before: np.ndarray, capacity: int, slack: float) -> None:
    listed = listed_with_hysteresis(before, capacity, slack)
    assert listed.sum() == min(capacity, len(before))
    assert (listed_with_hysteresis(listed, capacity, slack) == listed).all()


@given(BEFORE, CAPACITY, SLACK)
def test_only_who_was_listed_is_listed_before_a_better_one(before: np.ndarray, capacity: int, slack: float) -> None:
    listed = listed_with_hysteresis(before, capacity, slack)
    inner, outer = int(capacity / (1 + slack)), capacity * (1 + slack) + 1e-6
    assert listed[:inner].all()
    for i in np.flatnonzero(listed):
        better_left_out = np.flatnonzero(~listed[:i])
        if len(better_left_out):
            assert before[i]
            assert i + 1 <= outer
            assert not before[better_left_out].any()
    assert not listed[int(outer) :].any()


@given(BEFORE, CAPACITY)
def test_without_slack_or_without_a_list_before_it_is_the_first(before: np.ndarray, capacity: int) -> None:
    first = np.arange(len(before)) < capacity
    assert (listed_with_hysteresis(before, capacity, 0) == first).all()
    assert (listed_with_hysteresis(np.zeros_like(before), capacity, 0.5) == first).all()


def test_by_example() -> None:
    before = np.zeros(30, dtype=bool)
    before[[0, 10, 11, 12]] = True  # places 1, 11, 12 and 13; the outer zone ends with 12
    listed = listed_with_hysteresis(before, 10, 0.2)
    assert (np.flatnonzero(listed) + 1).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 11, 12]
    placed = places(before, capacity=10, slack=0.2)
    assert (placed.order[:13] + 1).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 9, 10, 13]
    assert placed.listed.tolist() == [True] * 10 + [False] * 20
    assert np.flatnonzero(placed.held).tolist() == [8, 9]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=40), st.integers(1, 10), SLACK)
def test_groups_keep_their_places_between_them(rows: list[tuple[bool, str]], capacity: int, slack: float) -> None:
    before = np.array([b for b, _ in rows], dtype=bool)
    groups = np.array([g for _, g in rows], dtype=object)
    placed = places(before, capacity=capacity, slack=slack, groups=groups)
    assert sorted(placed.order) == list(range(len(rows)))
    assert (groups[placed.order] == groups).all()
    for group in set(groups):
        inside = groups == group
        alone = places(before[inside], capacity=capacity, slack=slack)
        assert (placed.listed[inside] == alone.listed).all()
        assert (placed.held[inside] == alone.held).all()
        assert (placed.order[inside] == np.flatnonzero(inside)[alone.order]).all()
        assert alone.listed.tolist() == [True] * alone.listed.sum() + [False] * (~alone.listed).sum()
        assert not (alone.held & ~alone.listed).any()
