"""No date may learn from what was not over: folds, training dates, finished horizons."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartaccounts.errors import HistoryError
from smartaccounts.target import complete
from smartaccounts.timeline import Fold, day_number, folds, training_dates

days = st.dates(date(2000, 1, 1), date(2030, 12, 31))
horizons = st.integers(7, 1095)


@given(as_of=days, first=days, horizon=horizons, most=st.one_of(st.none(), st.integers(1, 60)))
def test_training_dates_end_by_as_of_and_have_a_horizon_behind_them(
    as_of: date, first: date, horizon: int, most: int | None
) -> None:
    dates = training_dates(as_of, first_day=first, horizon_days=horizon, most=most)
    whole = training_dates(as_of, first_day=first, horizon_days=horizon)
    assert all(d + timedelta(days=horizon) <= as_of for d in dates)
    assert all(d - timedelta(days=horizon) >= first for d in dates)
    assert all(d.day == 1 for d in dates)
    assert list(dates) == sorted(set(dates))
    assert dates == (whole if most is None else whole[-most:])
    # none that fits is left out: the first of the month after the last one, and before the first one, does not fit
    if whole:
        after = (whole[-1] + timedelta(days=32)).replace(day=1)
        before = (whole[0] - timedelta(days=1)).replace(day=1)
        assert after + timedelta(days=horizon) > as_of
        assert before - timedelta(days=horizon) < first


@given(tests=st.lists(days, min_size=1, max_size=6), first=days, horizon=horizons)
def test_folds_never_overlap(tests: list[date], first: date, horizon: int) -> None:
    if min(tests) < first + timedelta(days=horizon):
        with pytest.raises(HistoryError, match=f"at least {horizon} days of history"):
            folds(tests, first_day=first, horizon_days=horizon)
        return
    made = folds(tests, first_day=first, horizon_days=horizon)
    assert [f.test for f in made] == sorted(set(tests))
    for fold in made:
        assert all(d + timedelta(days=horizon) <= fold.test for d in fold.train)
        assert fold.train == training_dates(fold.test, first_day=first, horizon_days=horizon)


@given(test=days, horizon=horizons, late=st.integers(1, 400))
def test_a_fold_refuses_a_training_date_that_reaches_past_the_test(test: date, horizon: int, late: int) -> None:
    edge = test - timedelta(days=horizon)
    assert Fold((edge,), test, horizon).train == (edge,)
    with pytest.raises(ValueError, match=str(edge + timedelta(days=late))):
        Fold((edge, edge + timedelta(days=late)), test, horizon)


@given(as_ofs=st.lists(days, max_size=6), horizon=horizons, end=days, known=st.one_of(st.none(), days))
def test_a_horizon_is_over_by_what_is_known_or_else_by_the_last_line(
    as_ofs: list[date], horizon: int, end: date, known: date | None
) -> None:
    over = complete(as_ofs, horizon_days=horizon, known_before=known, last_day=day_number(end))
    last_days = {d: d + timedelta(days=horizon - 1) for d in as_ofs}
    expected = [d for d in as_ofs if (last_days[d] <= end if known is None else last_days[d] < known)]
    assert over == expected
