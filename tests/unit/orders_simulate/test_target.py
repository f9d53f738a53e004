"""That the simulated supplier is worth learning from: rare growth, mostly true, and plain rankings not too good."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from smartaccounts.orders.simulate import simulate

H = pd.Timedelta(days=182)
YEAR = pd.Timedelta(days=365)


def eligible(lines: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Plain pandas version of the target: past spend and target of the eligible customers, by customer."""
    known = lines[lines["known_date"] < as_of]

    def spend(start: pd.Timestamp, end: pd.Timestamp, of: pd.DataFrame) -> pd.Series:
        inside = (of["order_date"] >= start) & (of["order_date"] < end)
        return of[inside].groupby("customer_id")["amount"].sum().round(6)

    past = spend(as_of - H, as_of, known)
    active = past[past > 0]
    key, small = np.quantile(active, [0.9, 0.8])
    rows = pd.DataFrame({"year": spend(as_of - YEAR, as_of, known)})
    rows = rows.assign(past=past, before=spend(as_of - 2 * H, as_of - H, known)).fillna(0.0)
    rows = rows[(rows["past"] < small) & (rows["before"] < key) & (rows["year"] > 0)]
    horizon = lines[(lines["order_date"] >= as_of) & (lines["order_date"] < as_of + H)]
    months = horizon["order_date"].dt.to_period("M").groupby(horizon["customer_id"]).nunique()
    future = spend(as_of, as_of + H, lines).reindex(rows.index).fillna(0)
    return rows.assign(target=(future >= key) & (months.reindex(rows.index).fillna(0) >= 2))


@pytest.fixture(scope="module")
def panel(supplier) -> pd.DataFrame:
    dates = pd.to_datetime(["2022-07-01", "2023-01-01", "2023-07-01", "2024-01-01", "2024-07-01"])
    rows = pd.concat([eligible(supplier.lines, d).assign(as_of=d) for d in dates])
    return rows.join(supplier.truth.set_index("customer_id")["kind"])


def test_growth_is_rare(panel):
    rate = panel.groupby("as_of")["target"].mean()
    assert rate.between(0.007, 0.03).all()
    assert 0.01 < rate.mean() < 0.025


def test_most_positives_are_growers_and_decoys_are_there(panel):
    kinds = panel.loc[panel["target"], "kind"].value_counts(normalize=True)
    assert 0.5 < kinds["grower"] < 0.9
    assert {"spike", "seasonal", "stable_small", "stable_large"} <= set(kinds.index)


@pytest.mark.parametrize("column", ["past", "year"])
def test_a_plain_ranking_is_good_but_not_more(panel, column):
    auc = panel.groupby("as_of").apply(lambda rows: roc_auc_score(rows["target"], rows[column]))
    assert auc.between(0.72, 0.93).all()
    assert 0.79 < auc.mean() < 0.9


@pytest.mark.slow
def test_a_smaller_supplier_with_another_seed_is_alike(tmp_path):
    made = simulate(tmp_path / "orders.parquet", customers=2000, years=3, seed=11, start=date(2020, 3, 1))
    lines = pd.read_parquet(made.lines)
    lines = lines.assign(**{c: pd.to_datetime(lines[c]) for c in ("order_date", "known_date")})
    rows = pd.concat([eligible(lines, pd.Timestamp(d)) for d in ("2021-06-01", "2021-12-01", "2022-06-01")])
    assert 0.007 < rows["target"].mean() < 0.03
    assert 0.75 < roc_auc_score(rows["target"], rows["past"]) < 0.93
