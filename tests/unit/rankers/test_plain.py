"""Plain rankings on literal rows, and their probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import firsts, panel_of, snapshot_of, with_outcome

from smartaccounts.errors import HistoryError
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.plain import BY_PAST_SPEND, FALLBACK, PLAIN, calibrated

ROWS = pd.DataFrame(
    {
        "as_of": pd.to_datetime(["2021-01-01"] * 4),
        "market": ["a", "a", "a", "b"],
        "key_spend": [100.0, 100.0, 100.0, 10.0],
        "spend_h": [40.0, 0.0, -5.0, 4.0],
        "spend_before_h": [10.0, 20.0, 0.0, 6.0],
        "spend_365d": [50.0, 20.0, 1.0, 9.0],
        "spend_decay_60d": [4.0, 1.0, 0.0, 3.0],
        "spend_decay_180d": [8.0, 2.0, 0.5, 5.0],
        "spend_decay_365d": [9.0, 3.0, 1.0, 7.0],
        "recency_days": [10.0, 200.0, np.nan, 5.0],
        "orders_365d": [5.0, 5.0, 0.0, 2.0],
    }
)


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("past_h", [0.4, 0.0, -0.05, 0.4]),
        ("past_365", [0.5, 0.2, 0.01, 0.9]),
        ("decay_60", [0.04, 0.01, 0.0, 0.3]),
        ("decay_180", [0.08, 0.02, 0.005, 0.5]),
        ("decay_365", [0.09, 0.03, 0.01, 0.7]),
        ("spend_change", [0.3, -0.2, -0.05, -0.2]),
        # ranks by recency 3, 2, 1 of 3; by orders 2.5, 2.5, 1; by spend 3, 2, 1; market b has one customer
        ("rfm", [(3 + 2.5 + 3) / 9, (2 + 2.5 + 2) / 9, 3 / 9, 1.0]),
    ],
)
def test_scores(name: str, scores: list[float]) -> None:
    assert PLAIN[name].score(ROWS).score == pytest.approx(scores)
    assert PLAIN[name].score(ROWS).probability is None


def test_the_bar_and_the_fallback_are_plain_rankings() -> None:
    assert {*BY_PAST_SPEND, FALLBACK} <= set(PLAIN)
    assert [p.name for p in PLAIN.values()] == list(PLAIN)


def test_nothing_is_learned() -> None:
    panel = panel_of(snapshot_of(20))
    assert PLAIN["past_h"].fit(panel) is PLAIN["past_h"]


def test_the_score_is_its_own_contribution() -> None:
    made = PLAIN["decay_60"].contributions(ROWS)
    assert (made.names, made.base, made.values.tolist()) == (("decay_60",), 0.0, [[0.04], [0.01], [0.0], [0.3]])


def test_probabilities_keep_the_order_and_the_count() -> None:
    panel = panel_of(snapshot_of(500, firsts(2)), share=0.1)
    fitted = calibrated(PLAIN["past_365"], panel)
    frame = panel.snapshot.frame
    scored = fitted.score(frame)
    assert fitted.name == "past_365"
    assert scored.score.tolist() == PLAIN["past_365"].score(frame).score.tolist()
    assert scored.probability is not None
    assert (np.diff(scored.probability[np.argsort(scored.score)]) >= 0).all()
    assert scored.probability.sum() == pytest.approx(100, rel=0.01)
    assert fitted.notes == (Note("calibrated", {"rows": 1000, "grown": 100}),)


def test_only_eligible_rows_with_a_known_outcome_calibrate() -> None:
    snapshot = snapshot_of(300)
    snapshot.frame.loc[:99, "eligible"] = False
    grown = np.r_[np.ones(100), np.full(100, np.nan), np.ones(10), np.zeros(90)]
    fitted = calibrated(PLAIN["past_h"], with_outcome(snapshot, grown))
    assert fitted.notes == (Note("calibrated", {"rows": 100, "grown": 10}),)


def test_without_key_accounts_there_is_no_probability_and_the_hint_says_what_to_change() -> None:
    with pytest.raises(HistoryError, match="got none in 30 eligible rows") as raised:
        calibrated(PLAIN["past_h"], with_outcome(snapshot_of(30), np.zeros(30)))
    assert "target.key_quantile" in raised.value.hint
