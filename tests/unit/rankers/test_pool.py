"""Own rows and borrowed ones: no two customers become one, what is unknown stays unknown, and who calibrates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import AS_OF, firsts, panel_of, snapshot_of

from smartaccounts.config import Model
from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Loan, Panel
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.calibration import DRIFT, DRIFT_SHORT
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.logistic import Logistic
from smartaccounts.rankers.pool import ENOUGH, pooled
from smartaccounts.rankers.training import customer_folds

FILE = "other.yaml"
BEFORE = date(2021, 6, 1)
QUICK = Model(rounds=20, bags=2, leaves=4, min_rows_per_leaf=10, key_levels=(), borrow=(FILE,))


def lacking(snapshot: Snapshot, *absent: str) -> Snapshot:
    return Snapshot(snapshot.frame.assign(**dict.fromkeys(absent, np.nan)), snapshot.target, absent)


def loan(panel: Panel, *, file: str = FILE, lender: str = "other") -> Loan:
    return Loan(lender, file, BEFORE, panel)


def own(customers: int = 60, as_ofs: Sequence[date] = (AS_OF,), *absent: str, share: float = 0.2) -> Panel:
    return panel_of(lacking(snapshot_of(customers, as_ofs, seed=1), *absent), share=share)


def none(panel: Panel) -> Panel:
    return panel.rows(pd.Series(False, index=panel.outcome.index))


@pytest.fixture(scope="module")
def lent() -> Panel:
    return panel_of(snapshot_of(300, firsts(9)))


def test_customers_of_two_suppliers_are_never_one(lent: Panel) -> None:
    both = pooled(replace(own(60, firsts(2)), loans=(loan(lent), loan(lent, lender="third"))), [FILE])
    keys = both.rows.snapshot.frame[["as_of", "market", "customer_id"]]
    assert not keys.duplicated().any()
    assert keys[["market", "customer_id"]].drop_duplicates().shape[0] == 60 + 300 + 300
    assert np.bincount(both.source).tolist() == [120, 2700, 2700]
    assert all((seen ^ held).all() for seen, held in customer_folds(both.rows))


def test_own_rows_come_first_and_are_as_they_were(lent: Panel) -> None:
    mine = own(60, firsts(2))
    both = pooled(replace(mine, loans=(loan(lent),)), [FILE])
    pd.testing.assert_frame_equal(both.own.frame, mine.frame)
    assert set(both.rows.snapshot.frame["market"]) == {"", "other\x1f"}


@pytest.mark.slow
def test_only_what_the_recipe_names_is_borrowed(lent: Panel) -> None:
    mine = own(100, firsts(4))
    offered = replace(mine, loans=(loan(lent),))
    alone = QUICK.model_copy(update={"borrow": ()})
    assert Growth(alone).fit(offered) == Growth(alone).fit(mine)
    assert len(pooled(offered, ["another.yaml"]).rows.outcome) == 400


def test_rankers_that_do_not_borrow_learn_from_own_rows_alone(lent: Panel) -> None:
    mine = own(200, firsts(4))
    assert Logistic().fit(replace(mine, loans=(loan(lent),))) == Logistic().fit(mine)


def test_borrowed_rows_weigh_less_the_more_is_known_of_ones_own(lent: Panel) -> None:
    few, many = own(100), own(500, firsts(4), share=0.2)
    assert pooled(replace(few, loans=(loan(lent),)), [FILE]).weight.tolist() == [1.0] * 2800
    both = pooled(replace(many, loans=(loan(lent),)), [FILE])
    grown = many.outcome["target"].sum()
    assert grown > ENOUGH
    assert set(both.weight[both.source == 0]) == {1.0}
    assert set(both.weight[both.source == 1]) == {ENOUGH / grown}


@pytest.mark.slow
def test_what_the_borrower_lacks_is_in_no_column_of_the_model(lent: Panel) -> None:
    fitted = Growth(QUICK).fit(replace(own(60, (AS_OF,), "products_365d"), loans=(loan(lent),)))
    assert "products_365d" not in fitted.columns
    assert "growth_products_91d_in_365d" not in fitted.columns  # made of it
    assert "products_91d" in fitted.columns
    assert "products_365d" in Growth(QUICK).fit(replace(own(), loans=(loan(lent),))).columns


def test_what_the_borrower_lacks_is_out_also_where_he_has_no_rows(lent: Panel) -> None:
    fitted = Growth(QUICK).fit(replace(none(own(60, (AS_OF,), "affinity_365d")), loans=(loan(lent),)))
    assert "affinity_365d" not in fitted.columns


def test_what_the_lender_lacks_is_unknown_in_its_rows(lent: Panel) -> None:
    poor = Panel(lacking(lent.snapshot, "affinity_365d"), lent.outcome)
    both = pooled(replace(own(60, firsts(2)), loans=(loan(poor),)), [FILE])
    affinity = both.rows.snapshot.frame["affinity_365d"]
    assert affinity[both.source == 0].notna().all()
    assert affinity[both.source == 1].isna().all()
    assert "affinity_365d" in Growth(QUICK).fit(replace(own(60, firsts(2)), loans=(loan(poor),))).columns


def test_a_loan_of_what_was_not_over_is_refused(lent: Panel) -> None:
    with pytest.raises(ValueError, match=r"must be <= 2021-02-01, got 300 rows of later ones"):
        Loan("other", FILE, date(2021, 2, 1), lent)


# whose past it is


@pytest.mark.slow
def test_the_notes_say_whose_past_it_is(lent: Panel) -> None:
    late = loan(none(lent), lender="late")
    notes = Growth(QUICK).fit(replace(own(), loans=(loan(lent), late))).notes
    first, last = (str(firsts(9)[i]) for i in (0, -1))
    assert notes[0] == Note("lent", {"own": 60, "rows": 2700, "lender": "other", "first": first, "last": last})
    assert notes[1] == Note("nothing_lent", {"lender": "late", "before": str(BEFORE)})


@pytest.mark.slow
def test_who_can_borrow_nothing_learns_as_if_alone_and_says_so(lent: Panel) -> None:
    mine = own(200, firsts(4))
    fitted = Growth(QUICK).fit(replace(mine, loans=(loan(none(lent)),)))
    alone = Growth(QUICK).fit(mine)
    assert fitted.notes == (
        Note("nothing_lent", {"lender": "other", "before": str(BEFORE)}),
        *alone.notes,
    )
    assert replace(fitted, notes=()) == replace(alone, notes=())


def test_with_nothing_of_either_there_is_nothing_to_learn_from(lent: Panel) -> None:
    with pytest.raises(HistoryError, match="got 0 in 0 training rows of 0 as_of dates"):
        Growth(QUICK).fit(replace(none(own()), loans=(loan(none(lent)),)))


# who calibrates


@pytest.mark.slow
def test_own_rows_calibrate_where_they_have_enough_key_accounts(lent: Panel) -> None:
    mine = own(200, firsts(2), share=0.1)
    fitted = Growth(QUICK).fit(replace(mine, loans=(loan(lent),)))
    assert [n.figures for n in fitted.notes[1:]] == [{"rows": 400, "grown": 40}]  # nothing borrowed calibrates
    assert fitted.calibrator.drift == DRIFT
    said = fitted.score(mine.snapshot.frame).probability
    assert said is not None
    assert said.mean() == pytest.approx(0.1, abs=0.05)  # the lender's 20% are not its level


@pytest.mark.slow
def test_borrowed_rows_calibrate_where_own_key_accounts_are_few_and_the_range_is_wide(lent: Panel) -> None:
    mine = own(150, share=0.1)
    fitted = Growth(QUICK).fit(replace(mine, loans=(loan(lent),)))
    assert fitted.notes[1].key == "calibrated_later"
    assert fitted.notes[2] == Note("calibrated_borrowed", {"grown": 15, "needed": 20})
    assert fitted.calibrator.drift == DRIFT_SHORT


@pytest.mark.slow
def test_each_suppliers_season_is_its_own(lent: Panel) -> None:
    shrinks = Panel(lent.snapshot, lent.outcome.assign(season_ahead=0.4))
    mine = own(300, firsts(9), share=0.1)
    alike, other = (Growth(QUICK).fit(replace(mine, loans=(loan(p),))).calibrator for p in (lent, shrinks))
    assert alike == other  # own rows calibrate, at the dates of the lender's rows
