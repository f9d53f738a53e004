"""Two trainings compared from what they left, without their data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from matplotlib.text import Text
from tests.unit.evaluation.walked import Walked, backtest_of, walked

from smartaccounts.config import Target
from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.comparison import MOST, Dots, comparison_figure
from smartaccounts.evaluation.draws import (
    NO_CHAMPION_DATE,
    NO_DATE,
    NO_SHARED_DATE,
    NOBODY,
    NOT_PAIRED,
    OTHER_TARGET,
    Draws,
    against,
    as_text,
    draws_file,
    draws_of,
    from_text,
)
from smartaccounts.evaluation.intervals import Interval

JAN, FEB, MAR = (date(2020, m, 1) for m in (1, 2, 3))
GOOD, BAD = "abcdefghijkl", "lkjihgfedcba"


def folds(*days: date, grown: str = "acd", order: str = GOOD) -> list[Walked]:
    return [walked(d, {"growth": order, "past_h": BAD}, grown) for d in days]


def drawn(tested: Sequence[Walked], ranker: str = "growth", *, seed: int = 0) -> Draws:
    return draws_of(backtest_of(tested, draws=50, seed=seed), ranker, order_lines="12-ab")


def test_read_again_they_are_the_same() -> None:
    made = drawn([*folds(JAN), *folds(FEB, grown="")])
    read = from_text(as_text(made))
    np.testing.assert_array_equal(read.values, made.values)
    assert np.isnan(read.values[1]).all()
    assert (read.dates, read.target, read.judged) == (made.dates, dict(made.target), made.judged)
    assert (read.seed, read.level, read.order_lines, read.ranker) == (0, 0.9, "12-ab", "growth")
    assert [p.reason for p in read.points] == ["", "no customer became a key account"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dates": [{}]}', "null"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expected the draws|Expecting value"):
        from_text(text)


def test_no_customer_is_in_the_file() -> None:
    named = walked(JAN, {"growth": "äöü"}, "ä")
    text = as_text(drawn([named]))
    assert not any(letter in text or repr(letter.encode("unicode_escape"))[2:-1] in text for letter in "äöü")


def test_the_same_customers_and_outcomes_are_compared_draw_by_draw() -> None:
    both = backtest_of(folds(JAN, FEB), draws=50)
    alone = backtest_of(folds(JAN, FEB, order=BAD), draws=50)  # another training: its growth ranks as past_h did
    found = against(draws_of(both, "growth", order_lines="1"), draws_of(alone, "growth", order_lines="2"))
    assert both.measured is not None
    assert found.comparison == both.measured.compare("growth", "past_h", BAR)
    assert (found.paired, found.reason, found.dates) == (True, "", ("2020-01-01", "2020-02-01"))


def test_equals_differ_by_nothing_and_share_the_wins() -> None:
    found = against(drawn(folds(JAN)), drawn(folds(JAN))).comparison
    assert found is not None
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert found.better_share == 0.5


@pytest.mark.parametrize(
    "champion",
    [
        drawn(folds(FEB, MAR)),  # other dates
        drawn([*folds(JAN, grown="acd"), *folds(FEB)], seed=1),  # other draws
        drawn([*folds(JAN, grown="ab"), *folds(FEB)]),  # other outcomes
    ],
)
def test_where_dates_or_data_differ_the_shared_dates_are_compared_unpaired(champion: Draws) -> None:
    own = drawn(folds(JAN, FEB))
    found = against(own, champion)
    assert (found.paired, found.reason) == (False, NOT_PAIRED)
    assert found.dates == tuple(d for d in own.dates if d in champion.dates)
    assert found.comparison is not None
    shared = np.mean([p.value for d, p in zip(own.dates, own.points, strict=True) if d in found.dates])
    others = np.mean([p.value for d, p in zip(champion.dates, champion.points, strict=True) if d in found.dates])
    assert found.comparison.difference.value == pytest.approx(shared - others)


def test_unpaired_draws_of_the_same_ranker_are_wider_than_paired_ones() -> None:
    own, other = drawn(folds(JAN, FEB)), drawn(folds(JAN, FEB, MAR))
    found = against(own, other).comparison
    assert found is not None
    assert found.difference.value == 0
    assert found.difference.low < 0 < found.difference.high


def test_what_cannot_be_compared_says_why() -> None:
    own, none = drawn(folds(JAN)), drawn(folds(JAN), "not there")
    assert against(none, own).reason == NO_DATE
    assert against(own, none).reason == NO_CHAMPION_DATE
    assert against(own, drawn(folds(FEB))).reason == NO_SHARED_DATE
    other = replace(own, target=Target(horizon_days=91).model_dump())
    assert against(own, other).reason == OTHER_TARGET
    empty = drawn([*folds(JAN, grown=""), *folds(FEB)])
    found = against(empty, drawn([*folds(JAN, grown=""), *folds(MAR)]))
    assert (found.comparison, found.reason) == (None, NOBODY)


def test_a_training_without_a_backtest_leaves_no_file_and_one_that_was_not_judged_an_empty_one() -> None:
    assert draws_file(None, "growth", order_lines="1") == {}
    unknown: Backtest = backtest_of([walked(JAN, {"growth": "ab"}, "", known=False)])
    (text,) = draws_file(unknown, "growth", order_lines="1").values()
    assert from_text(text).dates == ()


# the figure


def dots(number: int, *, champion: int) -> list[Dots]:
    mean, difference = Interval(0.2, 0.1, 0.3), Interval(0.01, -0.01, 0.02)
    return [
        Dots(f"{i}", mean, None if i == champion else difference, champion=i == champion, paired=i != 0)
        for i in range(number)
    ]


def texts(trainings: list[Dots]) -> set[str]:
    return {t.get_text() for t in comparison_figure(trainings, subtitle="shop").findobj(Text)}


@pytest.mark.slow
def test_the_figure_marks_the_champion_and_what_is_not_paired() -> None:
    assert {"2  champion", "0", "1", "hollow: not paired", "shop"} <= texts(dots(3, champion=2))


def test_many_trainings_leave_room_for_the_first_and_the_champion() -> None:
    said = texts(dots(MOST + 5, champion=MOST + 3))
    assert f"{MOST - 1}" in said
    assert f"{MOST + 3}  champion" in said
    assert f"{MOST}" not in said


def test_a_figure_of_the_champion_alone_says_that_there_is_nothing_to_compare() -> None:
    assert "Nothing to compare." in texts([Dots("1", Interval(0.2, math.nan, math.nan), None, champion=True)])
    assert "Nothing to compare." in texts([Dots("1", None, None)])
