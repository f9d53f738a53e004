"""The ranker by BG/NBD and gamma-gamma: what it reads off a snapshot, per market, and when it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import fsum

import numpy as np
import pandas as pd
import pytest
from benchmarks import btyd_speed
from scipy.special import hyp2f1
from tests.conftest import MakeLines
from tests.unit.rankers.synthetic import AS_OF, TARGET, firsts, snapshot_of, with_outcome

from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import Snapshot, snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats, Note
from smartaccounts.rankers.btyd import MIN_CUSTOMERS, Btyd, BtydModel, histories
from smartaccounts.rankers.design import FLOOR

DATES = firsts(3)


def frame_of(customers: int, as_of: date, *, market: str = "", seed: int = 0) -> pd.DataFrame:
    """Return rows whose purchases and their values were simulated; K is 500."""
    rng = np.random.default_rng([seed, as_of.toordinal()])
    seen = btyd_speed.histories(btyd_speed.BUYING, customers, rng)
    mean = btyd_speed.mean_values(btyd_speed.VALUE, seen.x + 1, rng)
    frame = snapshot_of(customers, [as_of], market=market).frame
    t_x = np.maximum(seen.t_x, seen.x)  # purchase days are a day apart or more
    age = np.maximum(seen.T, t_x)
    gap = np.where(seen.x > 0, t_x / np.maximum(seen.x, 1), np.nan)
    spent = {"spend_total": mean * (seen.x + 1), "key_spend": 500.0}
    return frame.assign(tenure_days=age, recency_days=age - t_x, gap_mean_days=gap, **spent)


def panel_of(frames: Sequence[pd.DataFrame], *, share: float = 0.1) -> Panel:
    """Return a panel in which about `share` of the rows grow, more often those who spent much."""
    frame = pd.concat(frames, ignore_index=True)
    pace = np.log(frame["spend_total"] / frame["tenure_days"]).to_numpy()
    liking = pace + np.random.default_rng(1).gumbel(size=len(frame)) * 0.3
    return with_outcome(Snapshot(frame, TARGET, ()), (liking > np.quantile(liking, 1 - share)).astype(float))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of([frame_of(400, d, market=m, seed=i) for d in DATES for i, m in enumerate(("a", "b"))])


@pytest.fixture(scope="module")
def model(panel: Panel) -> BtydModel:
    return Btyd().fit(panel)


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    return pd.concat([frame_of(60, AS_OF, market=m, seed=7) for m in ("a", "b")], ignore_index=True)


# what is read off a snapshot


def test_histories_are_those_of_the_purchase_days(order_lines: MakeLines) -> None:
    def line(customer: str, day: date, amount: float) -> dict[str, object]:
        return {"customer_id": customer, "day": day, "amount": amount}

    days = [date(2020, 1, 1), date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1), date(2020, 11, 30)]
    rows = [
        *(line("often", d, 10.0) for d in days),
        line("often", date(2020, 12, 5), -10.0),  # a return is no purchase
        line("once", date(2020, 6, 1), 5.0),
        *(line("daily", date(2020, 8, 1 + i), 1.0 + i) for i in range(29)),
    ]
    frame = snapshot(order_lines(rows), [date(2021, 1, 1)], TARGET).frame.set_index("customer_id")
    seen = histories(frame)
    made = {c: (seen.x[i], seen.t_x[i], seen.T[i]) for i, c in enumerate(frame.index)}
    assert made == {"often": (3, 334, 366), "once": (0, 0, 214), "daily": (28, 28, 153)}


def test_the_score_is_the_expected_spend_over_key_spend_of_the_formulas(model: BtydModel, later: pd.DataFrame) -> None:
    """The equations as they are printed, one customer after the other."""
    scores = model.score(later).score
    checked = 0
    for i, row in enumerate(later.itertuples()):
        market = model.markets[str(row.market)]
        r, alpha, a, b = market.buying.r, market.buying.alpha, market.buying.a, market.buying.b
        p, q, gamma = market.value.p, market.value.q, market.value.gamma
        age, t = float(row.tenure_days), float(TARGET.horizon_days)
        t_x = age - float(row.recency_days)
        x = round(t_x / float(row.gap_mean_days)) if t_x else 0
        if x > 40:
            continue  # there the printed form loses digits
        power = ((alpha + age) / (alpha + age + t)) ** (r + x)
        z = t / (alpha + age + t)
        top = (a + b + x - 1) / (a - 1) * (1 - power * float(hyp2f1(r + x, b + x, a + b + x - 1, z)))
        odds = a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x) if x else 0.0
        value = p * (gamma + float(row.spend_total)) / (p * (x + 1) + q - 1)
        assert scores[i] == pytest.approx(top / (1 + odds) * value / float(row.key_spend), rel=1e-6)
        checked += 1
    assert checked > 100


def test_who_returned_more_than_it_bought_scores_as_if_it_had_paid_nothing(model: BtydModel) -> None:
    row = frame_of(60, AS_OF, market="a").head(1)
    owed, nothing = (model.score(row.assign(spend_total=s)).score[0] for s in (-100.0, 0.0))
    assert owed == nothing > 0


# the fit


def test_every_market_is_fitted_on_all_its_customers_of_the_latest_date(panel: Panel, model: BtydModel) -> None:
    latest = panel.snapshot.frame["as_of"] == panel.snapshot.frame["as_of"].max()
    frame = panel.snapshot.frame
    assert Btyd().fit(panel.rows(latest)).markets == model.markets
    nobody = Panel(Snapshot(frame.assign(eligible=False), TARGET, ()), panel.outcome)
    assert Btyd().fit(nobody).markets == model.markets
    assert set(model.markets) == {"a", "b"}
    assert model.markets["a"] != model.markets["b"]


def test_the_order_of_rows_changes_no_bit_of_the_markets(panel: Panel, model: BtydModel) -> None:
    order = np.random.default_rng(0).permutation(len(panel.outcome))
    frame = panel.snapshot.frame.iloc[order].reset_index(drop=True)
    shuffled = Panel(Snapshot(frame, TARGET, ()), panel.outcome.iloc[order].reset_index(drop=True))
    assert Btyd().fit(shuffled).markets == model.markets


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_same_panel_gives_the_same_model(
    panel: Panel, model: BtydModel, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", threads)
    assert Btyd().fit(panel) == model


def test_outcomes_change_probabilities_only(panel: Panel, model: BtydModel, later: pd.DataFrame) -> None:
    other = with_outcome(panel.snapshot, 1 - panel.outcome["target"].to_numpy())
    fitted = Btyd().fit(other)
    assert fitted.markets == model.markets
    assert fitted.calibrator != model.calibrator
    assert fitted.score(later).score.tolist() == model.score(later).score.tolist()


# the interface


def test_probabilities_follow_the_score_and_their_sum_the_count(panel: Panel, model: BtydModel) -> None:
    scored = model.score(panel.snapshot.frame)
    assert scored.probability is not None
    order = np.argsort(scored.score)
    assert (np.diff(scored.probability[order]) >= 0).all()
    assert fsum(scored.probability) == pytest.approx(panel.outcome["target"].sum(), rel=0.02)


def test_with_few_key_accounts_there_are_scores_and_no_probabilities(panel: Panel, later: pd.DataFrame) -> None:
    few = np.zeros(len(panel.outcome))
    few[:9] = 1
    fitted = Btyd().fit(with_outcome(panel.snapshot, few))
    assert fitted.score(later).probability is None
    assert Note("no_probabilities", {"grown": 9, "needed": 10}) in fitted.notes


def test_the_notes_say_what_was_fitted_and_how_it_was_calibrated(model: BtydModel) -> None:
    assert model.notes[0] == Note("btyd", {"before": str(DATES[-1])})
    assert [n.key for n in model.notes[1:]] == ["calibrated_crossed", "parameters_seen"]


def test_the_score_is_its_own_contribution(model: BtydModel, later: pd.DataFrame) -> None:
    made = model.contributions(later)
    assert (made.names, made.base) == (("btyd",), 0.0)
    assert made.values[:, 0].tolist() == model.score(later).score.tolist()


def test_the_rows_beside_a_row_do_not_matter(model: BtydModel, later: pd.DataFrame) -> None:
    whole = model.score(later).score
    for rows in ([5], [99, 0], list(range(50))):
        assert model.score(later.iloc[rows]).score.tolist() == whole[rows].tolist()
    assert model.score(later.iloc[:0]).score.shape == (0,)


def test_scores_find_those_who_spend_most_later(model: BtydModel, later: pd.DataFrame) -> None:
    scores: Floats = model.score(later).score
    pace = (later["spend_total"] / later["tenure_days"]).to_numpy()
    assert pace[np.argsort(-scores)[:12]].mean() > 2 * pace.mean()
    assert np.isfinite(scores).all()
    assert (scores > 0).all()
    assert np.log(scores + FLOOR).std() > 0.5


# what it refuses


def test_a_market_that_cannot_be_fitted_is_named_with_what_happened(panel: Panel) -> None:
    equal = frame_of(200, DATES[-1], market="equal")
    purchases = histories(equal).x + 1
    equal = equal.assign(spend_total=20.0 * purchases)  # no two purchases differ
    with pytest.raises(HistoryError) as error:
        Btyd().fit(panel_of([panel.snapshot.frame, equal]))
    assert "at the bounds of the search (p " in error.value.message
    assert "in market 'equal' (200 customers)" in error.value.message
    assert "columns.market" in error.value.hint


def test_a_market_with_too_few_customers_is_named(panel: Panel) -> None:
    few = frame_of(MIN_CUSTOMERS - 1, DATES[-1], market="few")
    with pytest.raises(
        HistoryError, match=f"at least {MIN_CUSTOMERS} customers with net spend, got 49 in market 'few'"
    ):
        Btyd().fit(panel_of([panel.snapshot.frame, few]))


def test_a_market_without_a_key_spend_is_fitted_where_it_can_be(panel: Panel, later: pd.DataFrame) -> None:
    some, few = (
        frame_of(n, DATES[-1], market=m).assign(key_spend=np.nan, eligible=False) for n, m in ((80, "some"), (9, "few"))
    )
    fitted = Btyd().fit(panel_of([panel.snapshot.frame, some, few]))
    assert set(fitted.markets) == {"a", "b", "some"}
    assert np.isfinite(fitted.score(later.assign(market="some")).score).all()


@pytest.mark.parametrize("rows", [0, 100])
def test_without_any_key_spend_there_is_nothing_to_fit(rows: int) -> None:
    frame = frame_of(100, AS_OF).assign(key_spend=np.nan, eligible=False).iloc[:rows]
    panel = with_outcome(Snapshot(frame, TARGET, ()), np.zeros(rows))
    with pytest.raises(HistoryError, match="a market with enough active customers for a K, got none"):
        Btyd().fit(panel)


def test_a_market_that_was_not_there_in_training_has_no_scores(model: BtydModel, later: pd.DataFrame) -> None:
    with pytest.raises(HistoryError, match="markets that were fitted, got 'new' in the market column"):
        model.score(later.assign(market="new"))
