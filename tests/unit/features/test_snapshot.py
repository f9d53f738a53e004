"""The snapshot as a whole, and the catalogue behind it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, random_history

from smartaccounts.config import Target
from smartaccounts.features import piecewise
from smartaccounts.features.snapshot import CATALOGUE, FAMILIES, KEY, STANDING, absent_features, snapshot
from smartaccounts.orders.contract import COLUMNS
from smartaccounts.panel import Panel

TARGET = Target(min_active=3, horizon_days=91)
ALWAYS = {"customer_id", "order_date", "amount"}
DATES = [date(2020, 6, 1), date(2021, 1, 1)]


def test_rows_and_columns_are_in_order(order_lines: MakeLines) -> None:
    frame = snapshot(order_lines(random_history(1, CENTS)), DATES[::-1], TARGET).frame
    assert list(frame.columns) == [*KEY, *STANDING, *CATALOGUE]
    assert frame[KEY].equals(frame[KEY].sort_values(KEY, ignore_index=True))
    assert not frame.duplicated(KEY).any()
    assert (frame[[*CATALOGUE]].dtypes == "float64").all()
    assert frame.dtypes[["active", "eligible"]].eq(bool).all()


def test_at_and_eligible_pick_rows(order_lines: MakeLines) -> None:
    whole = snapshot(order_lines(random_history(1, CENTS)), DATES, TARGET)
    parts = [whole.at([d]) for d in DATES]
    assert all(len(p.frame) for p in parts)
    pd.testing.assert_frame_equal(pd.concat([p.frame for p in parts], ignore_index=True), whole.frame)
    eligible = whole.eligible().frame
    assert 0 < len(eligible) == whole.frame["eligible"].sum() < len(whole.frame)
    assert eligible["eligible"].all()


@pytest.mark.parametrize(
    "missing", ["product_id", "quantity", "unit_price", "list_price", "cost", "channel", "category"]
)
def test_features_of_a_column_that_the_source_lacks_are_null_and_named(order_lines: MakeLines, missing: str) -> None:
    rows = [row | {missing: None} for row in random_history(2, CENTS)]
    have = {c.name for c in COLUMNS} - {missing}
    shot = snapshot(order_lines(rows, provided=have), DATES, TARGET)
    expected = {name for name, f in CATALOGUE.items() if missing in f.needs}
    assert expected
    assert set(shot.absent) == set(absent_features(frozenset(have))) == expected
    assert shot.frame[sorted(expected)].isna().all(axis=None)  # also those that are 0 for a customer without any


def test_with_nothing_but_customer_day_and_amount_the_rest_is_as_before(order_lines: MakeLines) -> None:
    kept = ("market", "customer_id", "order_id", "day", "known_day", "amount")
    rows = random_history(3, CENTS)
    bare = snapshot(order_lines([{c: row[c] for c in kept} for row in rows], provided=ALWAYS), DATES, TARGET)
    full = snapshot(order_lines(rows), DATES, TARGET)
    present = [c for c in full.frame.columns if c not in bare.absent]
    assert len(bare.absent) == sum(bool(set(f.needs) - ALWAYS) for f in CATALOGUE.values())
    assert bare.frame[list(bare.absent)].isna().all(axis=None)
    pd.testing.assert_frame_equal(bare.frame[present], full.frame[present], check_exact=True)
    assert full.absent == ()


def test_too_little_history_at_every_date_makes_an_empty_frame(order_lines: MakeLines) -> None:
    shot = snapshot(order_lines(random_history(1, CENTS)), [date(2019, 1, 6)], TARGET)
    assert shot.frame.empty
    assert list(shot.frame.columns) == [*KEY, *STANDING, *CATALOGUE]


def test_the_catalogue_says_what_every_feature_is() -> None:
    names = [f.name for family in FAMILIES for f in family.features]
    assert len(names) == len(set(names)) == len(CATALOGUE) >= 60
    contract = {c.name for c in COLUMNS}
    for feature in CATALOGUE.values():
        assert feature.meaning, feature.name
        assert set(feature.needs) <= contract, feature.name
        assert not feature.name.endswith("_"), feature.name
    assert {family.name for family in FAMILIES} >= {
        "spend",
        "rhythm",
        "assortment",
        "margin",
        "service",
        "peers",
        "season",
    }


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_chosen_rows_are_those_of_the_table_however_they_are_asked_for(
    order_lines: MakeLines, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piecewise, "PIECE", piece)
    whole = snapshot(order_lines(random_history(1, CENTS)), DATES, TARGET)
    odd = np.arange(1, len(whole), 2)
    chosen = whole.some(odd).of(pd.Series(np.arange(len(odd)) % 3 > 0))
    expected = whole.frame.iloc[odd[np.arange(len(odd)) % 3 > 0]].reset_index(drop=True)
    assert chosen.table is whole.table
    assert len(chosen) == len(expected) > 0
    pd.testing.assert_frame_equal(chosen.frame, expected)
    pd.testing.assert_frame_equal(chosen.columns("customer_id", "spend_91d"), expected[["customer_id", "spend_91d"]])
    pieces = list(chosen.pieces())
    assert max(map(len, pieces)) <= piece
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), expected)
    nobody = chosen.of(pd.Series(np.zeros(len(chosen), dtype=bool)))
    assert [len(p) for p in nobody.pieces()] == [0]
    assert nobody.frame.dtypes.equals(whole.frame.dtypes)


def test_a_mask_counts_by_the_order_of_its_rows(order_lines: MakeLines) -> None:
    whole = snapshot(order_lines(random_history(1, CENTS)), DATES, TARGET)
    size = len(whole)
    mask = pd.Series(np.arange(size) < 3, index=np.arange(size)[::-1])
    pd.testing.assert_frame_equal(whole.of(mask).frame, whole.frame.head(3))
    outcome = pd.DataFrame({"target": np.arange(size)})
    rows = Panel(whole, outcome).rows(mask)
    assert rows.outcome["target"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=rf"Expected a mask of {size} rows, got 2"):
        whole.of(mask.head(2))
