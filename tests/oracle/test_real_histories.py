"""On the real histories, with all their dirt: the SQL and the pandas yardstick agree on every value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from benchmarks import features_speed, pandas_features

from smartaccounts.config import Target, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.snapshot import CATALOGUE, absent_features, snapshot
from smartaccounts.orders.read import read

PIPELINES = Path(__file__).parents[2] / "pipelines"
DATES = {
    "online_retail": [date(2010, 7, 1), date(2011, 4, 1)],
    "iowa_suppliers": [date(2012, 9, 1), date(2015, 7, 1)],
}

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_every_value_of_a_real_history(real_name: str) -> None:
    with Engine() as engine:
        lines = read(read_pipeline(PIPELINES / f"{real_name}.yaml"), engine)
        product = snapshot(lines, DATES[real_name], Target()).frame
        rows = engine.frame(f"SELECT *, known_day AS known FROM {lines.table}")
        absent = list(absent_features(lines.provided))
    rows["customer"] = rows.groupby(pandas_features.CUSTOMER).ngroup()
    found = pandas_features.snapshot(rows, DATES[real_name], Target())

    assert product[absent].isna().all(axis=None)
    assert len(CATALOGUE) - len(absent) >= 90
    worst = features_speed.differences(product.drop(columns=absent), found.drop(columns=absent))
    assert worst["null_on_one_side"].sum() == 0, worst.head()
    assert worst["largest_difference"].max() < 1e-8, worst.head(12)
