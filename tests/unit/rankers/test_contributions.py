"""Every ranker says what its raw score is made of, and it adds up."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from tests.unit.rankers.synthetic import AS_OF, firsts
from tests.unit.rankers.test_btyd import frame_of, panel_of

from smartaccounts.config import pipeline_from
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Ranker
from smartaccounts.rankers.classifier import Classifier
from smartaccounts.rankers.plain import PLAIN, calibrated
from smartaccounts.workflow.rankers import rankers

PIPELINE = pipeline_from(
    {
        "name": "shop",
        "source": {"path": "-"},
        "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
        "model": {"bags": 2, "rounds": 15, "min_rows_per_leaf": 10, "curve_strength": 70},
    },
    folder=Path(),
)
RANKERS: tuple[Ranker, ...] = (
    *rankers(PIPELINE),
    Classifier(HistGradientBoostingClassifier(max_iter=5), name="hgb"),
)


@cache
def panel() -> Panel:
    return panel_of([frame_of(150, d) for d in firsts(6)])


@pytest.mark.parametrize("ranker", RANKERS, ids=lambda r: r.name)
def test_contributions_and_the_base_add_up_to_the_score(ranker: Ranker) -> None:
    fitted = ranker.fit(panel())
    later = frame_of(60, AS_OF, seed=7)
    made = fitted.contributions(later)
    assert made.values.shape == (60, len(made.names))
    assert made.base + made.values.sum(axis=1) == pytest.approx(fitted.score(later).score, abs=1e-6)


def test_a_calibrated_plain_ranking_has_the_plain_one_s_term() -> None:
    later = frame_of(60, AS_OF, seed=7)
    fitted = calibrated(PLAIN["decay_180"], panel())
    made = fitted.contributions(later)
    assert made.names == ("decay_180",)
    assert made.base + made.values.sum(axis=1) == pytest.approx(fitted.score(later).score, abs=1e-12)
