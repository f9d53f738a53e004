"""What other pipelines lend: nothing that was not over and known by then, and which pipelines may not lend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.conftest import MakeLines

from smartaccounts.config import Pipeline, Target, pipeline_from
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.evaluation.lending import Lender, Lending, lenders
from smartaccounts.evaluation.served import past_dates
from smartaccounts.evaluation.walk import Walk
from smartaccounts.features.extra import Extra
from smartaccounts.orders.contract import OrderLines
from smartaccounts.panel import Loan
from smartaccounts.rankers.pool import pooled

HORIZON = 60
START, AT = date(2020, 1, 1), date(2020, 9, 15)
TARGET = Target(horizon_days=HORIZON, min_active=10, key_quantile=0.8, small_quantile=0.7)
PROVIDED = ["customer_id", "order_date", "amount"]
SPEC: dict[str, Any] = {
    "name": "shop",
    "source": {"path": "lines.csv"},
    "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
    "target": {"horizon_days": HORIZON, "min_active": 10},
}


def rows(*, start: date = START, until: date = date(2021, 3, 31)) -> list[dict[str, Any]]:
    """Twenty customers order every two weeks, by turns more and less."""
    return [
        {"customer_id": f"c{c:02d}", "day": day, "amount": 10.0 + 3 * c + (60 if (week // 13 + c) % 4 == 0 else 0)}
        for c in range(20)
        for week in range(c % 2, 65, 2)
        if (day := start + timedelta(days=7 * week)) < until
    ]


def lender(lines: OrderLines, *, name: str = "other", most: int = 48) -> Lender:
    return Lender(name, f"{name}.yaml", lines, TARGET, most)


def loan(lines: OrderLines, *, most: int = 48) -> Loan:
    (made,) = Lending([lender(lines, most=most)], [AT]).loans(AT)
    return made


def dates_of(made: Loan) -> list[date]:
    return [d.date() for d in made.panel.snapshot.frame["as_of"].unique()]


# the rule of dates


def test_what_is_lent_was_over_by_the_date_and_has_the_lenders_own_history_behind_it(order_lines: MakeLines) -> None:
    made = loan(order_lines(rows(), provided=PROVIDED))
    assert dates_of(made) == [date(2020, m, 1) for m in (3, 4, 5, 6, 7)]
    assert made.panel.outcome["target"].notna().all()
    assert made.panel.outcome["target"].sum() > 0
    assert (made.lender, made.file, made.before) == ("other", "other.yaml", AT)


def test_at_most_so_many_dates_are_lent_the_latest(order_lines: MakeLines) -> None:
    assert dates_of(loan(order_lines(rows(), provided=PROVIDED), most=2)) == [date(2020, 6, 1), date(2020, 7, 1)]


def test_the_lenders_own_target_says_who_grew(order_lines: MakeLines) -> None:
    frame = loan(order_lines(rows(), provided=PROVIDED)).panel.frame
    for _, at in frame[frame["active"]].groupby("as_of"):
        assert at["key_spend"].iloc[0] == pytest.approx(at["spend_h"].quantile(0.8))


@pytest.mark.parametrize("provided", [PROVIDED, [*PROVIDED, "known_date"]])
def test_lines_that_the_lender_gets_later_change_nothing(order_lines: MakeLines, provided: list[str]) -> None:
    whole = loan(order_lines(rows(), provided=provided)).panel.frame
    cut = loan(order_lines(rows(until=AT), provided=provided)).panel.frame
    pd.testing.assert_frame_equal(whole, cut)


def test_what_the_lender_came_to_know_later_is_not_lent(order_lines: MakeLines) -> None:
    late = [r | ({"known_day": AT} if r["day"] >= date(2020, 7, 1) else {}) for r in rows()]
    frame = loan(order_lines(late)).panel.frame
    spent = frame.groupby("as_of")["spend_ahead"].sum()
    assert spent[pd.Timestamp("2020-04-01")] > 0
    assert spent[pd.Timestamp("2020-07-01")] == 0


def test_a_lender_whose_past_lies_later_lends_nothing(order_lines: MakeLines) -> None:
    made = loan(order_lines(rows(start=date(2022, 1, 1), until=date(2023, 3, 1)), provided=PROVIDED))
    assert len(made.panel.outcome) == 0
    assert made.lender == "other"


def test_the_borrower_s_features_are_computed_of_the_lender_s_lines(order_lines: MakeLines) -> None:
    own = (Extra("spent", "SUM(amount)", "money", "m", 182), Extra("cost", "SUM(cost)", "money", "c", needs=("cost",)))
    (made,) = Lending([lender(order_lines(rows(), provided=PROVIDED))], [AT], own).loans(AT)
    frame = made.panel.frame
    assert (made.panel.snapshot.extra, made.panel.snapshot.absent[-1]) == (own, "cost")
    np.testing.assert_allclose(frame["spent"], frame["spend_182d"])
    assert frame["cost"].isna().all()


@pytest.mark.slow
def test_rows_of_both_are_pooled_with_them(order_lines: MakeLines) -> None:
    said = {"spent": {"sql": "SUM(amount)", "unit": "money", "meaning": "m"}}
    shop = pipeline_from(SPEC | {"features": {"extra": said}}, folder=Path())
    lines = order_lines(rows(), provided=PROVIDED)
    walk = Walk(order_lines(rows(start=date(2020, 3, 1)), provided=PROVIDED), [AT], shop, [lender(lines)])
    pool = pooled(walk.learned(walk.fold(AT)), ["other.yaml"])
    assert [e.name for e in pool.rows.snapshot.extra] == ["spent"]
    assert {*pool.source} == {0, 1}
    assert pool.rows.frame["spent"].notna().all()


# the walk


def test_a_fold_learns_its_own_rows_and_has_the_loans_beside_them(order_lines: MakeLines) -> None:
    own = order_lines(rows(start=date(2020, 6, 1)), provided=PROVIDED)
    shop = pipeline_from(SPEC, folder=Path())
    walk = Walk(own, [AT], shop, [lender(order_lines(rows(), provided=PROVIDED))])
    fold = walk.fold(AT)
    learned = walk.learned(fold)
    assert fold.train == ()
    assert len(learned.outcome) == 0
    assert dates_of(learned.loans[0])[-1] == date(2020, 7, 1)


def test_a_date_without_own_training_dates_judges_where_something_can_be_borrowed(order_lines: MakeLines) -> None:
    own = order_lines(rows(start=date(2020, 5, 1), until=date(2021, 6, 1)), provided=PROVIDED)
    shop = pipeline_from(SPEC, folder=Path())
    as_of = date(2021, 1, 1)
    early, late = (
        [lender(order_lines(rows(start=start, until=date(2023, 1, 1)), provided=PROVIDED))]
        for start in (START, date(2021, 9, 1))
    )
    alone = past_dates(own, as_of, shop)
    assert past_dates(own, as_of, shop, lenders=late) == alone
    more = past_dates(own, as_of, shop, lenders=early)
    assert set(more) > set(alone)
    assert all(d + timedelta(days=HORIZON) <= as_of for d in more)


# which pipelines lend


Write = Callable[..., Pipeline]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write pipeline files into one folder and return the borrower."""

    def written(**others: dict[str, Any]) -> Pipeline:
        (tmp_path / "lines.csv").write_text(
            "c,d,a\n" + "\n".join(f"{r['customer_id']},{r['day']},{r['amount']}" for r in rows())
        )
        for stem, change in others.items():
            (tmp_path / f"{stem}.yaml").write_text(yaml.safe_dump(SPEC | {"name": stem} | change))
        return pipeline_from(SPEC | {"model": {"borrow": [f"{s}.yaml" for s in others]}}, folder=tmp_path)

    return written


def test_each_lender_has_lines_of_its_own(write: Write) -> None:
    with lenders(write(first={}, second={"target": SPEC["target"] | {"key_quantile": 0.8}})) as found:
        assert [a.name for a in found] == ["first", "second"]
        assert [a.target.key_quantile for a in found] == [0.9, 0.8]
        made = Lending(found, [AT]).loans(AT)
    assert [len(m.panel.outcome) for m in made] == [100, 100]


def test_what_a_lender_borrows_is_not_followed(write: Write) -> None:
    with lenders(write(other={"model": {"borrow": ["nowhere.yaml"]}})) as found:
        assert [a.name for a in found] == ["other"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    borrower = pipeline_from(SPEC | {"model": {"borrow": ["nowhere.yaml"]}}, folder=tmp_path)
    with (
        pytest.raises(PipelineError, match=r"got nothing in .*nowhere.yaml, which model.borrow of 'shop' names"),
        lenders(borrower),
    ):
        pass


def test_another_horizon_is_refused_with_both_names(write: Write) -> None:
    borrower = write(other={"target": {"horizon_days": 91}})
    with (
        pytest.raises(PipelineError, match=r"horizon of 'shop', 60 days, got 91 days of 'other' \(other.yaml\)") as no,
        lenders(borrower),
    ):
        pass
    assert "target.horizon_days" in no.value.hint


@pytest.mark.parametrize("names", [("shop",), ("other", "other")])
def test_nobody_borrows_of_himself_or_twice_of_one(write: Write, names: tuple[str, ...]) -> None:
    borrower = write(**{f"file{i}": {"name": name} for i, name in enumerate(names)})
    with pytest.raises(PipelineError, match=f"each once, got '{names[-1]}' again"), lenders(borrower):
        pass


def test_a_source_that_cannot_be_read_is_named(write: Write) -> None:
    borrower = write(other={"source": {"path": "gone.csv"}})
    with (
        pytest.raises(InputError, match=r"got none in .*gone.csv, which model.borrow of 'shop' names"),
        lenders(borrower),
    ):
        pass


def test_a_text_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"Expected a valid model.borrow, got 'other.yaml'"):
        pipeline_from(SPEC | {"model": {"borrow": "other.yaml"}}, folder=Path())
