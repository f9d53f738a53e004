"""The potential: its range holds what it says, moves with the season, and comes back from its files."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import K, firsts, snapshot_of

from smartaccounts.config import Model
from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.calibration import RANGE
from smartaccounts.rankers.potential import PotentialModel, PotentialRange, fit_potential

MODEL = Model(rounds=120, min_rows_per_leaf=40)


def panel(as_ofs: list[date], *, nothing: float, customers: int = 400, seed: int = 0, times: float = 1.0) -> Panel:
    """Return rows that spend what their last 182 days say, give or take; such a share of them buys nothing."""
    snapshot = snapshot_of(customers, as_ofs, seed=seed)
    rng = np.random.default_rng([seed, 1])
    usual = snapshot.frame["spend_182d"].to_numpy() * np.exp(rng.normal(0, 0.7, len(snapshot.frame)))
    spend = np.where(rng.random(len(usual)) < nothing, 0.0, usual * times)
    ahead = {
        "spend_ahead": spend,
        "months_ahead": 3.0 * (spend > 0),
        "target": (spend >= K) * 1.0,
        "season_ahead": times,
    }
    return Panel(snapshot, pd.DataFrame(ahead))


TRAINING, LATER = firsts(12, until=date(2020, 7, 1)), firsts(4)


@pytest.fixture(scope="module", params=[0.0, pytest.param(0.05, marks=pytest.mark.slow), 0.4])
def nothing(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture(scope="module")
def model(nothing: float) -> PotentialModel:
    return fit_potential(panel(TRAINING, nothing=nothing), MODEL)


def test_the_range_holds_four_cases_of_five_of_rows_like_those_learned_from(
    model: PotentialModel, nothing: float
) -> None:
    found = panel(LATER, nothing=nothing, seed=7)
    spend, told = found.outcome["spend_ahead"], model.predict(found.snapshot.frame)
    held = ((spend >= told.low) & (spend <= told.high)).mean()
    assert RANGE - 0.04 <= held <= RANGE + 0.04
    assert [n.key for n in model.notes] == ["potential_later"]
    if nothing >= 0.3:
        assert (told.low == 0).all()  # it may well buy nothing
        assert abs((spend > told.high).mean() - (1 - RANGE)) < 0.04
    if nothing == 0:
        assert (told.low > 0).mean() > 0.95
        assert abs((spend < told.low).mean() - (1 - RANGE) / 2) < 0.04


def test_the_ends_are_in_order_and_follow_what_drives_spend(model: PotentialModel) -> None:
    frame = panel(LATER, nothing=0, seed=7).snapshot.frame
    told = model.predict(frame)
    ends = np.column_stack([told.low, told.middle, told.high])
    assert np.isfinite(ends).all()
    assert (ends >= 0).all()
    assert (np.diff(ends, axis=1) >= 0).all()
    assert pd.Series(told.middle).corr(frame["spend_182d"], method="spearman") > 0.8


def test_it_comes_back_from_its_files(model: PotentialModel) -> None:
    back = PotentialModel.from_files(model.to_files())
    assert back == model
    frame = snapshot_of(30).frame
    assert back.predict(frame).high.tolist() == model.predict(frame).high.tolist()


@pytest.mark.slow
def test_the_same_panel_gives_the_same_model(model: PotentialModel, nothing: float) -> None:
    assert fit_potential(panel(TRAINING, nothing=nothing), MODEL) == model


@pytest.mark.slow
def test_spend_is_told_for_the_season_ahead() -> None:
    learned = fit_potential(panel(TRAINING, nothing=0.3, times=2.0), MODEL)
    frame = snapshot_of(300).frame
    usual, doubled = (learned.predict(frame.assign(season_h=s)) for s in (1.0, 2.0))
    assert doubled.middle.sum() / usual.middle.sum() == pytest.approx(2.0, rel=0.1)
    without = fit_potential(panel(TRAINING, nothing=0.3, times=2.0), MODEL.model_copy(update={"season": False}))
    assert without.predict(frame).middle.tolist() == without.predict(frame.assign(season_h=9.0)).middle.tolist()


def test_money_scales_with_the_market(model: PotentialModel) -> None:
    frame = snapshot_of(50).frame
    money = [name for name, feature in CATALOGUE.items() if feature.unit.startswith("money")]
    large = frame.assign(**{c: frame[c] * 1024.0 for c in (*money, "key_spend", "small_spend")})
    np.testing.assert_allclose(model.predict(large).high, 1024 * model.predict(frame).high, rtol=1e-6)


def test_with_one_date_it_is_cross_fitted_over_customers() -> None:
    found = panel(TRAINING[-1:], nothing=0.3, customers=900)
    learned = fit_potential(found, MODEL)
    assert learned.notes == (Note("potential_crossed", {"rows": 900}),)
    new = panel(LATER, nothing=0.3, seed=5)
    told = learned.predict(new.snapshot.frame)
    spend = new.outcome["spend_ahead"]
    assert 0.75 < ((spend >= told.low) & (spend <= told.high)).mean() < 0.85


@pytest.mark.slow
def test_where_history_is_short_customers_are_taken_for_less_faithful() -> None:
    found = panel(TRAINING, nothing=0.3)
    short = found.snapshot.of_table(found.snapshot.frame.assign(history_days=150.0))
    usual, careful = (
        fit_potential(Panel(s, found.outcome), MODEL).predict(short.frame).middle.sum() for s in (found.snapshot, short)
    )
    assert careful < usual


def test_too_few_that_bought_are_refused() -> None:
    with pytest.raises(HistoryError, match=r"at least 50 eligible rows that bought in the horizon, got 0 of 1,200"):
        fit_potential(panel(TRAINING[:3], nothing=1.0), MODEL)
    empty = panel(TRAINING[:1], nothing=0.0)
    with pytest.raises(HistoryError, match="got 0 of 0"):
        fit_potential(empty.rows(pd.Series(np.zeros(400, dtype=bool))), MODEL)


def test_no_rows_have_no_potential(model: PotentialModel) -> None:
    assert model.predict(snapshot_of(5).frame.iloc[:0]).high.shape == (0,)


def test_a_cap_lowers_what_is_above_it() -> None:
    told = PotentialRange(np.array([0.0, 5.0, 5.0]), np.array([2.0, 6.0, 6.0]), np.array([9.0, 9.0, 9.0]))
    capped = told.capped(np.array([4.0, 5.5, np.nan]))
    assert (capped.low.tolist(), capped.middle.tolist(), capped.high.tolist()) == ([0, 5, 5], [2, 5.5, 6], [4, 5.5, 9])


def test_no_chance_to_reach_k_is_above_the_range() -> None:
    told = PotentialRange(np.zeros(4), np.full(4, 20.0), np.full(4, 60.0))
    key, chance = np.full(4, 100.0), np.array([0.05, 0.8, 0.8, np.nan])
    reach = told.reaching(key, chance, np.array([50.0, 80.0, np.nan, np.nan]))
    assert reach.high.tolist() == pytest.approx([50.0, 200.0, 200.0, 60.0])  # of peers only where the chance is silent
    assert (reach.middle[1:3] > 100).all()


def test_a_higher_learned_end_is_never_a_lower_one_in_the_end() -> None:
    high = np.linspace(20, 400, 200)
    told = PotentialRange(np.zeros(200), np.full(200, 20.0), high)
    for chance in (0.05, 0.2, 0.44, 0.6, 0.95):
        reach = told.reaching(np.full(200, 100.0), np.full(200, chance), np.full(200, 300.0))
        for ends in (reach.low, reach.middle, reach.high):
            assert (np.diff(ends) >= -1e-9).all()
        assert np.abs(np.diff(reach.high)).max() < 3  # no jump


def test_the_range_agrees_with_the_chance() -> None:
    low, middle, high = (np.full(6, v) for v in (10.0, 40.0, 200.0))
    chance = np.array([0.05, 0.3, 0.5, 0.65, 0.95, np.nan])
    told = PotentialRange(low, middle, high).agreeing(np.full(6, 100.0), chance)
    assert told.middle[0] == told.middle[5] == 40.0  # nothing follows
    assert told.middle[2] == pytest.approx(100.0)  # K is the middle
    assert 40.0 <= told.middle[1] < 100.0 < told.middle[3] < told.middle[4]
    assert told.low.tolist() == [10, 10, 10, 10, 100, 10]
    assert told.high[[0, 1, 2, 3, 5]].tolist() == [200.0] * 5
    assert told.high[4] == pytest.approx(100 * 9.5 ** (1 / 3))
    assert (told.low <= told.middle).all()
    assert (told.middle <= told.high).all()


def test_a_chance_lifts_an_end_that_lies_below_k() -> None:
    nothing = PotentialRange(np.zeros(3), np.zeros(3), np.full(3, 50.0))
    told = nothing.agreeing(np.full(3, 100.0), np.array([0.05, 0.2, 1.0]))
    assert told.high[0] == 50
    assert (told.high[1:] > 100).all()  # some of those that reach K go beyond it
    assert told.high[1] < told.high[2]
    assert told.low.tolist() == [0, 0, 100]
    assert np.isfinite(told.middle).all()
    assert (np.diff(told.middle) > 0).all()


@pytest.mark.slow
def test_a_history_whose_end_holds_no_purchase_has_no_potential() -> None:
    early = panel(TRAINING, nothing=0.1)
    late = early.snapshot.frame["as_of"] > early.snapshot.frame["as_of"].max() - pd.Timedelta(days=91)
    ended = Panel(early.snapshot, early.outcome.assign(spend_ahead=early.outcome["spend_ahead"].where(~late, 0.0)))
    with pytest.raises(HistoryError):
        fit_potential(ended, MODEL)
