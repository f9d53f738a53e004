"""Which rows are learned from, and that what is held back to calibrate is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tests.unit.rankers.synthetic import firsts, panel_of, snapshot_of, with_outcome

from smartaccounts.features.snapshot import Snapshot
from smartaccounts.rankers import training


def test_it_learns_from_all_below_the_key_spend_that_were_alive() -> None:
    snapshot = snapshot_of(6)
    frame = snapshot.frame.assign(
        spend_h=[10.0, 60.0, 100.0, 10.0, 10.0, 10.0],
        spend_365d=[10.0, 60.0, 100.0, 0.0, -3.0, 10.0],
        eligible=[True, False, False, False, False, True],
    )
    made = with_outcome(Snapshot(frame, snapshot.target, ()), np.array([0.0, 1, 1, 0, 0, np.nan]))
    assert training.training_rows(made).snapshot.frame["customer_id"].tolist() == ["c0000", "c0001"]


def test_the_split_by_time_leaves_a_horizon_between() -> None:
    panel = panel_of(snapshot_of(100, firsts(9)))
    parts = training.later(panel)
    assert parts is not None
    ((learn, held),) = parts
    as_of = panel.snapshot.frame["as_of"]
    assert as_of[learn].max() + pd.Timedelta(days=91) <= as_of[held].min()
    assert as_of[held].max() == as_of.max()
    assert as_of[held].nunique() == 3


def test_the_split_by_customer_keeps_a_customers_rows_together_and_holds_every_row_once() -> None:
    panel = panel_of(snapshot_of(90, firsts(2)))
    ids = panel.snapshot.frame["customer_id"]
    parts = training.customer_folds(panel)
    assert len(parts) == training.CUSTOMER_FOLDS
    assert np.sum([held for _, held in parts], axis=0).tolist() == [1] * 180
    for learn, held in parts:
        assert not set(ids[learn]) & set(ids[held])
        assert held.sum() > 20
