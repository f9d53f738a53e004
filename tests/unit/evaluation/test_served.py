"""What the gate would have served: decided on earlier dates alone, a plain ranking until something else is proven."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.evaluation import served
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.served import SERVED, backtest_served, past_dates
from smartaccounts.orders.contract import OrderLines
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Fitted, Note, Scores
from smartaccounts.rankers.plain import FALLBACK, PLAIN, Plain

START, WEEKS, HORIZON = date(2020, 1, 1), 150, 60
TESTS = [date(2020, 12, 1), date(2022, 6, 1)]
SPEC: dict[str, Any] = {
    "name": "shop",
    "source": {"path": "-"},
    "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
    "target": {"horizon_days": HORIZON, "min_active": 10},
    "growth_list": {"capacity": 5},
}


def rows(*, until: date | None = None) -> list[dict[str, Any]]:
    """Two hundred customers; by turns a sixth of them, told by their number alone, buy much for a quarter of a year."""
    made = []
    for c in range(200):
        rng = np.random.default_rng(c)
        for week in range(c % 2, WEEKS, 2):
            day = START + timedelta(days=7 * week)
            high = (week // 10) % 6 == c % 6
            if until is None or day < until:
                amount = (400.0 if high else 20.0) * float(rng.uniform(0.5, 1.5))
                made.append({"customer_id": f"c{c:03d}", "day": day, "amount": round(amount, 2)})
    return made


@dataclass(frozen=True)
class Knowing:
    """Knows whose turn is next: better than any ranking by past spend. It stands for a growth model."""

    name: str = "growth"
    notes: tuple[Note, ...] = ()
    upside_down: bool = False

    def fit(self, panel: Panel) -> Fitted:  # noqa: ARG002 - the interface of all rankers
        return self

    def score(self, frame: pd.DataFrame) -> Scores:
        week = (frame["as_of"] - pd.Timestamp(START)).dt.days // 7 + 4
        turn = (week // 10) % 6 == frame["customer_id"].str[1:].astype(int) % 6
        score = turn.to_numpy(dtype=float) * (-1 if self.upside_down else 1)
        return Scores(score, np.full(len(frame), 0.1), np.full(len(frame), 0.05), np.full(len(frame), 0.2))

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        raise NotImplementedError  # nobody asks here


def pipeline() -> Pipeline:
    return pipeline_from(SPEC, folder=Path())


@pytest.fixture(scope="module")
def lines(order_lines: MakeLines) -> OrderLines:
    return order_lines(rows(), provided=["customer_id", "order_date", "amount"])


def walked(lines: OrderLines, knowing: Knowing) -> Backtest:
    return backtest_served(lines, TESTS, pipeline(), [knowing, *PLAIN.values()])


@pytest.fixture(scope="module")
def good(lines: OrderLines) -> Backtest:
    return walked(lines, Knowing())


def test_too_early_to_judge_the_plain_ranking_serves_with_probabilities(good: Backtest) -> None:
    early = good.tested[0]
    assert early.scores[SERVED].score.tolist() == early.scores[FALLBACK].score.tolist()
    assert early.scores[FALLBACK].probability is None
    assert early.scores[SERVED].probability is not None
    assert early.served.startswith(f"{FALLBACK} served. Not judged against the plain rankings: ")
    assert "months of history, 18 are needed" in early.served


def test_a_model_that_was_better_on_earlier_dates_serves(good: Backtest) -> None:
    late = good.tested[1]
    assert late.served.startswith("growth served. Over 4 past dates")
    assert late.scores[SERVED] is late.scores["growth"]


def test_a_model_that_was_worse_does_not(lines: OrderLines) -> None:
    late = walked(lines, Knowing(upside_down=True)).tested[1]
    assert "The plain ranking is not worse." in late.served
    name = late.served.split(" ")[0]
    assert name in PLAIN
    assert late.scores[SERVED].score.tolist() == late.scores[name].score.tolist()


def test_served_has_a_row_for_every_eligible_customer(good: Backtest) -> None:
    scores = good.scores()
    counts = scores.groupby(["as_of", "ranker"]).size()
    assert counts.xs(SERVED, level="ranker").equals(counts.xs("growth", level="ranker"))
    assert scores.loc[scores["ranker"] == SERVED, "probability"].notna().all()


@pytest.mark.slow
def test_the_decision_sees_nothing_that_came_later(order_lines: MakeLines, good: Backtest) -> None:
    cut = order_lines(rows(until=TESTS[1]), provided=["customer_id", "order_date", "amount"])
    again = walked(cut, Knowing()).tested[1]
    assert again.served == good.tested[1].served
    for a, b in zip(
        (again.scores[SERVED].score, again.scores[SERVED].probability),
        (good.tested[1].scores[SERVED].score, good.tested[1].scores[SERVED].probability),
        strict=True,
    ):
        assert np.array_equal(a, b)


def test_dates_on_which_settings_were_chosen_do_not_judge(lines: OrderLines) -> None:
    tuned = pipeline()
    tuned = tuned.model_copy(update={"model": tuned.model.model_copy(update={"tuned_before": date(2022, 3, 1)})})
    found = past_dates(lines, TESTS[1], tuned)
    assert found
    assert min(found) + timedelta(days=HORIZON) > date(2022, 3, 1)
    assert min(past_dates(lines, TESTS[1], pipeline())) + timedelta(days=HORIZON) <= date(2022, 3, 1)


def test_a_plain_ranking_without_key_accounts_to_learn_from_has_no_probability(lines: OrderLines) -> None:
    nobody = served.plain_fit("past_h", _empty(lines))
    assert isinstance(nobody, Plain)


def _empty(lines: OrderLines) -> Panel:
    walk = served.Walk(lines, [TESTS[0]], pipeline())
    learned = walk.learned(walk.fold(TESTS[0]))
    return replace(learned, outcome=learned.outcome.assign(target=0.0))
