"""What the growth model sees: literal values, and what must not matter."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import S, snapshot_of

from smartaccounts.features.extra import Extra
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.features.spend import BLOCKS
from smartaccounts.rankers.curves import CORE
from smartaccounts.rankers.design import DERIVED, FLOOR, design


def lev(share: float) -> float:
    return float(np.log(share + FLOOR))


def one(**features: float) -> dict[str, float]:
    """Return the design of one row: K 100, S 50, all features 0 but these; history of 800 days."""
    frame = snapshot_of(1).frame.assign(**dict.fromkeys(CATALOGUE, 0.0) | {"history_days": 800.0} | features)
    made = design(frame)
    return dict(zip(made.names, made.matrix[0].tolist(), strict=True))


def blocks(*newest_first: float) -> dict[str, float]:
    return {f"spend_block_{b:02d}": v for b, v in zip(BLOCKS, newest_first, strict=False)}


def test_it_is_the_same_however_many_rows_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = snapshot_of(23).frame
    own = [Extra("mine", "", "ratio", "Mine", rises=True)]
    frame = frame.assign(mine=np.arange(23.0))
    whole = design(frame, own)
    for piece in (1, 7, 23):
        monkeypatch.setattr("smartaccounts.features.piecewise.PIECE", piece)
        made = design(frame, own)
        assert (made.names, made.rises) == (whole.names, whole.rises)
        np.testing.assert_array_equal(made.matrix, whole.matrix)
    assert whole.matrix[:, -1].tolist() == frame["mine"].tolist()


def test_columns_are_the_catalogue_and_what_is_derived() -> None:
    made = design(snapshot_of(3).frame)
    assert set(made.names) == {*CATALOGUE, *DERIVED}
    assert made.matrix.shape == (3, len(made.names))
    assert made.matrix.dtype == np.float32
    rising = {n for n, r in zip(made.names, made.rises, strict=True) if r}
    assert rising == {f.name for f in CATALOGUE.values() if f.rises} | {n for n, d in DERIVED.items() if d.rises}
    assert {"spend_182d", "orders_365d", "half_year_best"} <= rising
    assert not {"recency_days", "growth_91d", "tenure_days"} & rising


def test_features_of_the_pipeline_file_come_last_and_their_money_is_over_k() -> None:
    own = (Extra("mine", "SUM(amount)", "money", "m", rises=True), Extra("share", "AVG(age)", "share", "s"))
    frame = snapshot_of(3).frame.assign(mine=[50.0, -30.0, np.nan], share=[0.25, np.nan, 7.0])
    made, without = design(frame, own), design(frame)
    assert made.names == (*without.names, "mine", "share")
    assert made.rises == (*without.rises, True, False)
    np.testing.assert_array_equal(made.matrix[:, :-2], without.matrix)
    np.testing.assert_allclose(made.matrix[:, -2], [lev(0.5), lev(0), np.nan], rtol=1e-6)
    np.testing.assert_array_equal(made.matrix[:, -1], np.float32([0.25, np.nan, 7.0]))


def test_every_curve_has_a_column() -> None:
    assert set(CORE) <= set(design(snapshot_of(1).frame).names)


def test_money_is_a_log_of_its_share_of_a_key_account_and_nothing_is_below_nothing() -> None:
    found = one(spend_91d=50.0, spend_182d=-30.0, orders_91d=7.0)
    assert found["spend_91d"] == pytest.approx(lev(0.5))
    assert found["spend_182d"] == pytest.approx(lev(0))
    assert found["orders_91d"] == 7


def test_growth_is_a_difference_of_levels() -> None:
    found = one(
        spend_91d=40.0, spend_prior_91d=10.0, spend_365d=100.0, spend_182d=30.0, spend_year_ago_behind_182d=60.0,
        spend_year_ago_ahead_182d=20.0, orders_91d=3.0, orders_365d=7.0, orders_182d=4.0, orders_prior_182d=1.0,
    )  # fmt: skip
    assert found["growth_91d"] == pytest.approx(lev(0.4) - lev(0.1))
    assert found["growth_91d_in_365d"] == pytest.approx(lev(1.6) - lev(1.0))
    assert found["growth_year_ago_182d"] == pytest.approx(lev(0.3) - lev(0.6))
    assert found["season_own_182d"] == pytest.approx(lev(0.2) - lev(0.6))
    assert found["growth_orders_91d_in_365d"] == pytest.approx(np.log(4 / 8))
    assert found["growth_orders_182d"] == pytest.approx(np.log(5 / 2))


def test_a_decayed_sum_becomes_the_pace_since_the_first_purchase() -> None:
    for tenure, seen in ((5, 30), (300, 300)):
        found = one(spend_decay_60d=12.0, tenure_days=float(tenure))
        assert found["rate_decay_60d"] == pytest.approx(lev(12 / (60 * (1 - np.exp(-seen / 60))) * 182 / 100), rel=1e-5)


def test_peaks_of_the_path() -> None:
    found = one(**blocks(0, 10, 30, 0, 0, 0, 0, 0, 20, 60, 20, 10, 10))
    assert found["half_year_best"] == pytest.approx(lev(1.2))  # 20 + 60 + 20 + 10 + 10 + what is before: 0
    assert found["half_year_best_age"] == 7
    assert [found[f"block_{n}"] for n in ("best", "second", "third")] == pytest.approx([lev(3.6), lev(1.8), lev(1.2)])
    assert found["small_to_key"] == S / 100
    sums = np.convolve([0, 10, 30, 0, 0, 0, 0, 0, 20, 60, 20, 10, 10, *[0] * 11], np.ones(6), mode="valid")
    assert found["half_years_at_key"] == pytest.approx((sums >= 100).sum() / 19)
    assert found["half_years_at_small"] == pytest.approx((sums >= 50).sum() / 19)


def test_a_half_year_before_the_data_is_not_counted_as_a_poor_one() -> None:
    path = blocks(*[20.0] * 7)
    short = one(**path, history_days=210.0)  # 7 blocks: two half years are there whole
    assert short["half_years_at_key"] == 1
    assert one(**path, history_days=800.0)["half_years_at_key"] == pytest.approx(3 / 19)  # one has an empty block
    assert np.isnan(short["slope_12_blocks"])
    assert short["slope_6_blocks"] == pytest.approx(0, abs=1e-6)
    assert short["spread_6_blocks"] == pytest.approx(0, abs=1e-6)


def test_without_half_a_year_of_data_there_is_no_best_half_year() -> None:
    found = one(**blocks(*[20.0] * 5), history_days=170.0)
    assert np.isnan([found["half_year_best"], found["half_year_best_age"]]).all()


def test_slopes_rise_with_growing_spend() -> None:
    rising, falling = one(**blocks(*range(60, 0, -10))), one(**blocks(*range(10, 70, 10)))
    levels = np.array([lev(v / 100) for v in range(10, 70, 10)])
    assert rising["slope_6_blocks"] == pytest.approx(np.polyfit(range(6), levels, 1)[0], rel=1e-5)
    assert falling["slope_6_blocks"] == pytest.approx(-rising["slope_6_blocks"])
    assert rising["spread_6_blocks"] == pytest.approx(levels.std(), rel=1e-5)


def test_order_sizes_are_against_the_own_mean() -> None:
    found = one(order_mean=10.0, order_last=20.0, order_first=5.0, order_mean_91d=8.0, order_mean_365d=4.0)
    assert found["order_last_to_own"] == pytest.approx(lev(0.2) - lev(0.1))
    assert found["order_first_to_own"] == pytest.approx(lev(0.05) - lev(0.1))
    assert found["order_recent_to_own"] == pytest.approx(lev(0.08) - lev(0.04))


def test_the_currency_does_not_matter() -> None:
    frame = snapshot_of(30).frame
    money = [n for n, f in CATALOGUE.items() if f.unit.startswith("money")]
    cents = frame.copy()
    cents[[*money, "key_spend", "small_spend", "spend_h", "spend_before_h"]] *= 64.0  # exact in binary
    np.testing.assert_array_equal(design(cents).matrix, design(frame).matrix)


def test_the_rows_beside_a_row_do_not_matter() -> None:
    frame = snapshot_of(23).frame
    whole = design(frame).matrix
    for rows in ([0], [22], [3, 4, 5], list(range(1, 23))):
        np.testing.assert_array_equal(design(frame.iloc[rows]).matrix, whole[rows])


def test_no_rows_and_rows_without_a_key_spend_are_no_error() -> None:
    frame = snapshot_of(2).frame
    assert design(frame.iloc[:0]).matrix.shape == (0, len(design(frame).names))
    without = design(frame.assign(key_spend=np.nan, small_spend=np.nan))
    at = {n: i for i, n in enumerate(without.names)}
    assert np.isnan(without.matrix[:, [at["spend_91d"], at["growth_91d"], at["half_year_best"]]]).all()


def test_unknown_features_stay_unknown() -> None:
    unknown = dict.fromkeys(CATALOGUE, float("nan"))
    frame = pd.concat([snapshot_of(1).frame, snapshot_of(1, [date(2020, 1, 1)]).frame.assign(**unknown)])
    made = design(frame.assign(history_days=800.0))
    by_name = dict(zip(made.names, made.matrix[1], strict=True))
    assert np.isnan([by_name[n] for n in ("spend_91d", "growth_91d", "order_last_to_own", "recency_days")]).all()
    assert not np.isnan(made.matrix[0]).any()


def test_columns_are_taken_by_name_and_in_the_order_asked() -> None:
    made = design(snapshot_of(3).frame)
    some = made.of(("orders_365d", "spend_30d"))
    at = made.names.index
    assert some.tolist() == made.matrix[:, [at("orders_365d"), at("spend_30d")]].tolist()
    assert made.of(made.names) is made.matrix
