"""BG/NBD and gamma-gamma against the figures that were published for the CDNOW sample.

2,357 customers who bought for the first time in the first quarter of 1997, seen for 39 weeks: table 2 of Fader, Hardie,
Lee (2005) with the example of its section 5, and the estimates in Fader, Hardie (2013). The data come with `lifetimes`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smartaccounts.rankers.bgnbd import BgNbd, Histories, fit_bgnbd
from smartaccounts.rankers.gamma_gamma import fit_gamma_gamma

WEEKS = 39


def file(name: str) -> Path:
    spec = find_spec("lifetimes")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "datasets" / name


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    """Return one row per customer and day of purchase in the 39 weeks: day (0 is 1997-01-01) and what was spent."""
    rows = pd.read_csv(
        file("CDNOW_sample.txt"), sep=r"\s+", header=None, names=["master", "customer", "date", "units", "spent"]
    )
    rows["day"] = (pd.to_datetime(rows["date"].astype("str"), format="%Y%m%d") - pd.Timestamp("1997-01-01")).dt.days
    return rows[rows["day"] < 7 * WEEKS].groupby(["customer", "day"], as_index=False)["spent"].sum()


@pytest.fixture(scope="module")
def seen(days: pd.DataFrame) -> Histories:
    """Return repeat purchases, last purchase and age in weeks."""
    by = days.groupby("customer")["day"].agg(["count", "min", "max"])
    end = 7 * WEEKS - 1
    return Histories(
        (by["count"] - 1).to_numpy(dtype=float),
        ((by["max"] - by["min"]) / 7).to_numpy(dtype=float),
        ((end - by["min"]) / 7).to_numpy(dtype=float),
    )


@pytest.fixture(scope="module")
def fitted(seen: Histories) -> BgNbd:
    return fit_bgnbd(seen)


def test_the_histories_are_those_of_the_published_summary(seen: Histories) -> None:
    summary = pd.read_csv(file("cdnow_customers_summary.csv"))
    made = np.column_stack([seen.x, seen.t_x, seen.T])
    np.testing.assert_allclose(made, summary[["frequency", "recency", "T"]].to_numpy(), rtol=0, atol=0.005001)


def test_parameters_are_the_published_ones(fitted: BgNbd) -> None:
    found = (fitted.r, fitted.alpha, fitted.a, fitted.b)
    assert [round(v, 3) for v in found] == [0.243, 4.414, 0.793, 2.426]


def test_the_log_likelihood_is_the_published_one(fitted: BgNbd, seen: Histories) -> None:
    assert round(fitted.log_likelihood(seen), 1) == -9582.4


def test_the_expectation_of_the_published_example(fitted: BgNbd) -> None:
    example = Histories(np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert round(float(fitted.expected(example, WEEKS)[0]), 3) == 1.226


def test_value_parameters_are_the_published_ones() -> None:
    summary = pd.read_csv(file("cdnow_customers_summary_with_transactions.csv")).query("x > 0")
    fitted = fit_gamma_gamma(summary["x"].to_numpy(dtype=float), summary["zbar"].to_numpy(dtype=float))
    assert [round(v, 2) for v in (fitted.p, fitted.q)] == [6.25, 3.74]
    assert fitted.gamma == pytest.approx(15.44, abs=0.01)
