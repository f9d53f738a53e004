"""Dates: day numbers, months, training dates and folds by example (tests/property has the rules)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from smartaccounts.errors import HistoryError, PipelineError
from smartaccounts.timeline import (
    Fold,
    day_number,
    firsts_of_months,
    folds,
    from_day_number,
    judged_dates,
    parse_as_of,
    training_dates,
)


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2020, 2, 29)])
def test_day_numbers_go_both_ways(day: date) -> None:
    assert from_day_number(day_number(day)) == day


def test_day_numbers_of_known_days() -> None:
    assert [day_number(d) for d in (date(1969, 12, 31), date(1970, 1, 1), date(2000, 3, 1))] == [-1, 0, 11017]


def test_an_as_of_is_an_iso_date() -> None:
    assert parse_as_of("2020-02-29") == date(2020, 2, 29)


@pytest.mark.parametrize(
    "text", ["2021-02-29", "01.06.2020", "today", "", "2020-6-1", "20200601", "2020-W23-1", "9999-12-31", "0001-01-01"]
)
def test_another_text_is_no_as_of(text: str) -> None:
    with pytest.raises(PipelineError, match=r"Expected an as_of date as YYYY-MM-DD, got .* in --as-of"):
        parse_as_of(text)


def test_firsts_of_months_include_both_ends() -> None:
    assert firsts_of_months(date(2020, 1, 1), date(2020, 3, 1)) == [date(2020, m, 1) for m in (1, 2, 3)]
    assert firsts_of_months(date(2020, 1, 2), date(2020, 2, 29)) == [date(2020, 2, 1)]
    assert firsts_of_months(date(2020, 3, 2), date(2020, 3, 1)) == []


def test_training_dates_leave_a_horizon_on_both_sides() -> None:
    dates = training_dates(date(2021, 1, 1), first_day=date(2019, 12, 1), horizon_days=182)
    # 2019-12-01 + 182 = 2020-05-31; 2021-01-01 - 182 = 2020-07-03
    assert dates == (date(2020, 6, 1), date(2020, 7, 1))
    assert training_dates(date(2021, 1, 1), first_day=date(2019, 12, 1), horizon_days=182, most=1) == dates[1:]


def test_a_horizon_may_end_on_as_of_itself() -> None:
    dates = training_dates(date(2020, 3, 31), first_day=date(2020, 1, 1), horizon_days=30)
    assert dates == (date(2020, 2, 1), date(2020, 3, 1))


def test_a_fold_without_a_training_date_is_empty_not_an_error() -> None:
    (fold,) = folds([date(2020, 7, 1)], first_day=date(2020, 1, 1), horizon_days=182)
    assert fold == Fold((), date(2020, 7, 1), 182)


def test_folds_are_sorted_and_without_doubles() -> None:
    tests = [date(2021, 1, 1), date(2020, 7, 1), date(2021, 1, 1)]
    assert [f.test for f in folds(tests, first_day=date(2019, 1, 1), horizon_days=182)] == sorted(set(tests))


def test_too_little_history_says_what_is_possible() -> None:
    with pytest.raises(HistoryError) as raised:
        folds([date(2020, 6, 30)], first_day=date(2020, 1, 1), horizon_days=182)
    assert "at least 182 days of history, got 2020-06-30" in raised.value.message
    assert raised.value.hint == "The first possible as_of is 2020-07-01."


# on which past dates rankers are judged


def test_rankers_are_judged_on_the_last_firsts_of_quarters_whose_horizon_is_over() -> None:
    found = judged_dates(date(2023, 2, 15), first_known=lambda _: date(2018, 1, 1), horizon_days=182, most=6)
    assert found == tuple(date(y, m, 1) for y, m in ((2021, 4), (2021, 7), (2021, 10), (2022, 1), (2022, 4), (2022, 7)))


def test_trainings_of_different_days_share_their_judged_dates() -> None:
    early, late = (
        judged_dates(day, first_known=lambda _: date(2018, 1, 1), horizon_days=182, most=6)
        for day in (date(2023, 1, 10), date(2023, 2, 20))
    )
    assert early == late


def test_while_few_quarters_fit_every_month_is_judged() -> None:
    found = judged_dates(date(2019, 9, 1), first_known=lambda _: date(2018, 1, 1), horizon_days=182, most=6)
    assert found == (date(2019, 2, 1), date(2019, 3, 1))  # the first training date is 1 August 2018, over on 30 January


def test_a_date_whose_past_became_known_later_is_not_judged() -> None:
    def first_known(at: date) -> date:  # until June 2022 nothing but the last months was known
        return date(2018, 1, 1) if at >= date(2022, 6, 1) else date(2022, 1, 1)

    found = judged_dates(date(2023, 2, 15), first_known=first_known, horizon_days=182, most=6)
    assert found == (date(2022, 6, 1), date(2022, 7, 1), date(2022, 8, 1))
    lent = judged_dates(date(2023, 2, 15), first_known=first_known, horizon_days=182, most=6, borrows=lambda _: True)
    assert lent == found


def test_dates_that_chose_the_settings_do_not_judge_them() -> None:
    chosen_before = date(2022, 6, 1)
    found = judged_dates(
        date(2023, 2, 1), first_known=lambda _: date(2018, 1, 1), horizon_days=182, most=6, after=chosen_before
    )
    assert found
    assert all(d + timedelta(days=182) > chosen_before for d in found)
