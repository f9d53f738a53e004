"""Peers: what came to accounts alike, by cell, from wider cells where they are few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import firsts, snapshot_of

from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.peers import MIN_PEERS, Peers, fit_peers


def panel(frame: pd.DataFrame, spend: np.ndarray, *, season: float = 1.0) -> Panel:
    ahead = {"spend_ahead": spend, "months_ahead": 1.0, "target": 0.0, "season_ahead": season}
    return Panel(Snapshot(frame, snapshot_of(1).target, ()), pd.DataFrame(ahead, index=frame.index))


def rows(customers: int, **columns: object) -> pd.DataFrame:
    """Return accounts that are all alike: three years old, 40% of K a year, steady, bought 10 days ago."""
    alike = {"tenure_days": 1000.0, "spend_365d": 40.0, "spend_91d": 10.0, "recency_days": 10.0}
    return snapshot_of(customers).frame.assign(**alike | columns)


def test_it_tells_what_came_to_accounts_alike() -> None:
    spend = np.arange(1.0, 101.0)
    told = fit_peers(panel(rows(100), spend)).of(rows(3))
    assert told.columns.tolist() == ["peers", "peer_low", "peer_middle", "peer_high", "peer_highest"]
    assert told.iloc[0].tolist() == pytest.approx([100, 10.9, 50.5, 90.1, 100])
    assert told.nunique().eq(1).all()


def test_where_many_bought_nothing_the_range_begins_there_and_still_holds_four_of_five() -> None:
    spend = np.r_[np.zeros(40), np.arange(1.0, 61.0)]
    told = fit_peers(panel(rows(100), spend)).of(rows(1)).iloc[0]
    assert told["peer_low"] == 0
    assert (spend <= told["peer_high"]).mean() == pytest.approx(0.8, abs=0.01)


def test_all_is_over_k() -> None:
    learned = fit_peers(panel(rows(100), np.arange(1.0, 101.0)))
    small, large = (learned.of(rows(1, key_spend=k, spend_365d=0.4 * k, spend_91d=0.1 * k)) for k in (100.0, 5000.0))
    np.testing.assert_allclose(large.iloc[:, 1:], 50 * small.iloc[:, 1:])


def test_the_narrowest_cell_with_enough_customers_counts() -> None:
    frame = pd.concat([rows(100, market="a"), rows(MIN_PEERS - 1, market="b")], ignore_index=True)
    learned = fit_peers(panel(frame, np.arange(1.0, len(frame) + 1)))
    assert learned.of(rows(1, market="a"))["peers"].item() == 100
    assert learned.of(rows(1, market="b"))["peers"].item() == 129  # all markets together
    assert learned.of(rows(1, market="unknown"))["peers"].item() == 129
    assert learned.of(rows(1, market="a", spend_365d=900.0))["peers"].item() == 129  # nobody spent so much: everybody


def test_customers_count_once_however_many_dates_they_are_seen_at() -> None:
    frame = pd.concat([rows(40, as_of=pd.Timestamp(d)) for d in firsts(5)], ignore_index=True)
    learned = fit_peers(panel(frame, np.arange(200.0)))
    assert learned.of(rows(1))["peers"].item() == 40


def test_spend_is_told_for_the_season_ahead_and_the_highest_as_it_was() -> None:
    learned = fit_peers(panel(rows(100), np.arange(1.0, 101.0), season=2.0))
    usual, high = (learned.of(rows(1, season_h=s)).iloc[0] for s in (1.0, 2.0))
    assert high["peer_middle"] == pytest.approx(50.5)
    assert usual["peer_middle"] == pytest.approx(50.5 / 2)
    assert high["peer_highest"] == usual["peer_highest"] == 100


def test_random_accounts_keep_their_order() -> None:
    frame = snapshot_of(900, firsts(3)).frame
    told = fit_peers(panel(frame, np.random.default_rng(0).gamma(1.0, 20.0, len(frame)))).of(snapshot_of(200).frame)
    assert np.isfinite(told).all(axis=None)
    assert (np.diff(told[["peer_low", "peer_middle", "peer_high", "peer_highest"]]) >= 0).all()
    assert (told["peers"] >= MIN_PEERS).all()


def test_it_comes_back_from_its_files() -> None:
    learned = fit_peers(panel(snapshot_of(200).frame, np.arange(200.0)))
    assert Peers.from_files(learned.to_files()) == learned


def test_returns_alone_are_nothing_reached() -> None:
    assert fit_peers(panel(rows(50), np.full(50, -3.0))).of(rows(1)).iloc[0, 1:].tolist() == [0, 0, 0, 0]


def test_too_few_are_refused_and_no_rows_have_no_peers() -> None:
    with pytest.raises(HistoryError, match="at least 30 eligible customers whose horizon is over, got 29"):
        fit_peers(panel(rows(29), np.ones(29)))
    assert fit_peers(panel(rows(40), np.ones(40))).of(rows(3).iloc[:0]).shape == (0, 5)
