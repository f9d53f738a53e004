"""The yardstick of the benchmark gives the product's values: a third opinion, and a fair race."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from benchmarks import features_speed, pandas_features

from smartaccounts.config import Target, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.read import read
from smartaccounts.orders.simulate import simulate

DATES = [date(2022, 3, 1), date(2022, 9, 1), date(2024, 1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_pandas_gives_the_same_values(tmp_path: Path, shared: bool) -> None:
    made = simulate(tmp_path / "orders.parquet", customers=400, years=3.5, markets=2, seed=5)
    target = Target(min_active=20)
    columns = {name: name for name in pd.read_parquet(made.lines).columns}
    spec = {"name": "test", "source": {"path": str(made.lines)}, "columns": columns}
    with Engine() as engine:
        product = snapshot(read(pipeline_from(spec, folder=tmp_path), engine), DATES, target).frame
    found = pandas_features.snapshot(pandas_features.read(made.lines), DATES, target, shared=shared)

    assert product["eligible"].any()
    worst = features_speed.differences(product, found)
    assert worst["null_on_one_side"].sum() == 0, worst.head()
    assert worst["largest_difference"].max() < 1e-8, worst.head()
