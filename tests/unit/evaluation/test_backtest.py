"""The walk forward on a small supplier: who is in it, what is known when, and what is left out with its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import SCORE_COLUMNS, Backtest, backtest, walked
from smartaccounts.evaluation.summary import as_json
from smartaccounts.evaluation.walk import Walk
from smartaccounts.orders.contract import OrderLines
from smartaccounts.outputs.drawings import drawings
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Fitted, Note, Scores
from smartaccounts.rankers.plain import PLAIN

HORIZON = 60
START, END = date(2020, 1, 1), date(2021, 3, 31)
EARLY, LATE = date(2020, 10, 1), date(2021, 1, 1)
OPEN = date(2021, 3, 1)  # its horizon is not over when the source ends
PLAINS = [PLAIN["past_h"], PLAIN["decay_60"]]
SPEC: dict[str, Any] = {
    "name": "shop",
    "source": {"path": "-"},
    "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
    "target": {"horizon_days": HORIZON, "min_active": 10},
    "growth_list": {"capacity": 5},
}


def pipeline(**target: Any) -> Pipeline:
    return pipeline_from(SPEC | {"target": SPEC["target"] | target}, folder=Path())


def worded(note: Note) -> str:
    return f"{note.key} {note.figures}"


@dataclass(frozen=True)
class Learner:
    """Ranks like past_h; refuses to learn from fewer dates than it needs, and remembers what it was given."""

    name: str = "learner"
    needs_dates: int = 0
    seen: list[Panel] = field(default_factory=list)

    def fit(self, panel: Panel) -> Fitted:
        self.seen.append(panel)
        dates = panel.snapshot.frame["as_of"].nunique()
        if dates < self.needs_dates:
            raise HistoryError(f"Expected {self.needs_dates} dates, got {dates}.")
        return replace(PLAIN["past_h"], name=self.name, notes=(Note("learned", {"dates": dates}),))


def rows() -> list[dict[str, Any]]:
    """Twenty customers order every two weeks, by turns more and less; five more are a market of their own."""
    made = []
    for c in range(25):
        rng = np.random.default_rng(c)
        for week in range(c % 2, 65, 2):
            level = 10.0 + 3 * c + (60 if (week // 13 + c) % 4 == 0 else 0)
            day = START + timedelta(days=7 * week)
            made.append(
                {
                    "market": "tiny" if c >= 20 else "",
                    "customer_id": f"c{c:02d}",
                    "day": day,
                    "amount": round(level * float(rng.uniform(0.8, 1.2)), 2),
                }
            )
    return made


@pytest.fixture(scope="module")
def lines(order_lines: MakeLines) -> OrderLines:
    return order_lines(rows(), provided=["market", "customer_id", "order_date", "amount"])


@pytest.fixture(scope="module")
def result(lines: OrderLines) -> Backtest:
    return backtest(lines, [LATE, EARLY, OPEN], pipeline(), [Learner(needs_dates=7), *PLAINS])


def test_dates_come_in_order_and_each_once(lines: OrderLines, result: Backtest) -> None:
    assert [t.fold.test for t in result.tested] == [EARLY, LATE, OPEN]
    steps: list[str] = []
    backtest(lines, [EARLY, EARLY], pipeline(), PLAINS, step=steps.append)
    assert steps == ["features at 8 dates", "as_of 2020-10-01"]


def test_scores_are_of_every_eligible_customer_and_every_ranker(result: Backtest) -> None:
    scores = result.scores()
    assert list(scores) == SCORE_COLUMNS
    counts = scores.groupby(["as_of", "ranker"]).size()
    for tested in result.tested:
        at = counts[pd.Timestamp(tested.fold.test)]
        assert set(at) == {len(tested.rows)}
        assert set(at.index) == set(tested.scores)
        assert not tested.rows["customer_id"].duplicated().any()
        assert tested.rows["customer_id"].is_monotonic_increasing
    assert scores["probability"].isna().all()
    assert np.isfinite(scores["score"]).all()


def test_rows_and_outcomes_are_those_of_plain_arithmetic(result: Backtest) -> None:
    frame = pd.DataFrame(rows()).query("market == ''")
    ago = (pd.to_datetime(frame["day"]) - pd.Timestamp(LATE)).dt.days

    def spend(start: int, end: int) -> pd.Series:
        return frame[(ago >= start) & (ago < end)].groupby("customer_id")["amount"].sum()

    now, before, ahead = spend(-HORIZON, 0), spend(-2 * HORIZON, -HORIZON), spend(0, HORIZON)
    key, small = now.quantile(0.9), now.quantile(0.8)
    eligible = now.index[(now < small) & (before.reindex(now.index) < key)]
    found = result.tested[1].rows.set_index("customer_id")
    assert list(found.index) == sorted(eligible)
    assert found["key_spend"].unique() == pytest.approx([key])
    assert found["spend_ahead"].to_dict() == pytest.approx(ahead[eligible].to_dict())
    assert found["target"].to_dict() == (ahead[eligible] >= key).astype(float).to_dict()
    assert 0 < found["target"].sum() < len(found)


def test_a_market_that_is_too_small_is_left_out_with_the_reason(result: Backtest) -> None:
    assert set(result.scores()["market"]) == {""}
    assert [t.small_markets for t in result.tested] == [("tiny",)] * 3
    reason = {"tiny": "fewer than 10 active customers"}
    assert [f["markets_left_out"] for f in as_json(result, worded=worded)["folds"]] == [reason] * 3


def test_a_ranker_that_cannot_be_trained_is_left_out_with_the_reason_and_the_backtest_goes_on(result: Backtest) -> None:
    early, late, after = result.tested
    assert early.left_out == {"learner": "Expected 7 dates, got 6."}
    assert set(early.scores) == {"past_h", "decay_60"}
    assert late.left_out == after.left_out == {}
    assert list(late.scores) == ["learner", "past_h", "decay_60"]
    assert result.rankers == ("learner", "past_h", "decay_60")
    said = as_json(result, worded=worded)
    assert said["folds"][0]["left_out"] == early.left_out
    assert said["folds"][1]["notes"] == {"learner": ["learned {'dates': 9}"]}
    by_date = said["rankers"]["learner"]["average_precision"]["by_date"]
    assert [d["value"] is None for d in by_date] == [True, False]


@dataclass(frozen=True)
class Stranger:
    """Learns, and then meets rows at LATE that it cannot score."""

    name: str = "stranger"
    notes: tuple[Note, ...] = (Note("learned"),)

    def fit(self, panel: Panel) -> Fitted:  # noqa: ARG002 - the interface of all rankers
        return self

    def score(self, frame: pd.DataFrame) -> Scores:
        if frame["as_of"].max() == pd.Timestamp(LATE):
            raise HistoryError("Expected rows of known markets, got ''.")
        return PLAIN["past_h"].score(frame)

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        return PLAIN["past_h"].contributions(frame)


def test_a_ranker_that_cannot_score_a_date_is_left_out_of_it_with_the_reason(lines: OrderLines) -> None:
    early, late = backtest(lines, [EARLY, LATE], pipeline(), [Stranger(), *PLAINS]).tested
    assert (list(early.scores), early.left_out) == (["stranger", "past_h", "decay_60"], {})
    assert late.left_out == {"stranger": "Expected rows of known markets, got ''."}
    assert set(late.scores) == set(late.notes) == {"past_h", "decay_60"}


def test_a_horizon_that_is_not_over_has_scores_but_no_outcome(result: Backtest) -> None:
    after = result.tested[2]
    assert not after.judged
    assert result.judged == result.tested[:2]
    assert after.rows[["target", "spend_ahead"]].isna().all(axis=None)
    assert len(after.rows) > 5
    scores = result.scores()
    assert scores.loc[scores["as_of"] == pd.Timestamp(OPEN), "target"].isna().all()
    said = as_json(result, worded=worded)["folds"][2]
    assert (said["outcome_known"], said["key_accounts"], said["base_rate"]) == (False, None, None)


def test_a_ranker_that_scored_only_where_no_outcome_is_known_has_scores_but_no_measures(lines: OrderLines) -> None:
    made = backtest(lines, [EARLY, OPEN], pipeline(), [Learner(needs_dates=8), *PLAINS])
    assert "learner" in set(made.scores()["ranker"])
    assert made.judged_rankers == ("past_h", "decay_60")
    assert np.isnan(made.mean("learner", "average_precision").value)
    assert (
        set(as_json(made, worded=worded)["rankers"])
        == set(as_json(made, worded=worded)["against_best_plain"])
        == {"past_h", "decay_60"}
    )
    assert "gain" in drawings(made, ranker="learner")


def test_where_no_outcome_is_known_nothing_is_measured(lines: OrderLines) -> None:
    made = backtest(lines, [OPEN], pipeline(), PLAINS)
    assert (made.measured, made.best_plain, drawings(made)) == (None, None, {})
    assert np.isnan(made.mean("past_h", "auc").value)
    assert as_json(made, worded=worded)["rankers"] == {}


def test_rankers_learn_from_months_whose_horizon_was_over(lines: OrderLines) -> None:
    learner = Learner()
    backtest(lines, [LATE], pipeline(), [learner])
    (panel,) = learner.seen
    dates = [d.date() for d in panel.snapshot.frame["as_of"].unique()]
    assert dates == [date(2020, m, 1) for m in (3, 4, 5, 6, 7, 8, 9, 10, 11)]
    assert panel.outcome["target"].notna().sum() > 100


def test_only_the_latest_training_dates_are_used_where_they_are_limited(lines: OrderLines) -> None:
    learner = Learner()
    spec = SPEC | {"model": {"training_dates": 2}}
    backtest(lines, [LATE], pipeline_from(spec, folder=Path()), [learner])
    assert [d.month for d in learner.seen[0].snapshot.frame["as_of"].unique()] == [10, 11]


def test_what_became_known_later_is_not_learned(order_lines: MakeLines) -> None:
    autumn = (date(2020, 9, 1), date(2020, 11, 1))
    late = [r | ({"known_day": LATE} if autumn[0] <= r["day"] < autumn[1] else {}) for r in rows()]
    learner = Learner()
    backtest(order_lines(late), [LATE], pipeline(), [learner])
    outcome = learner.seen[0].frame.groupby("as_of")["spend_ahead"].sum()
    assert outcome[pd.Timestamp("2020-06-01")] > 0
    assert outcome[pd.Timestamp("2020-09-01")] == 0


def test_known_before_hides_what_happened_since(lines: OrderLines) -> None:
    now = EARLY + timedelta(days=HORIZON)
    walk = Walk(lines, [EARLY, LATE], pipeline(), taught=[now, now - timedelta(days=1)])
    assert [t.judged for t in walked(walk, [EARLY, LATE], PLAINS, known_before=now).tested] == [True, False]
    before = walked(walk, [EARLY], PLAINS, known_before=now - timedelta(days=1))
    assert [t.judged for t in before.tested] == [False]


def test_the_base_rate_known_then_is_that_of_one_horizon_before(lines: OrderLines) -> None:
    tested = backtest(lines, [date(2020, 11, 30), date(2021, 1, 29)], pipeline(), PLAINS).tested
    assert tested[1].known_base_rate == tested[0].rows["target"].mean()
    assert backtest(lines, [date(2020, 3, 15)], pipeline(), PLAINS).tested[0].known_base_rate is None


def test_measures_are_those_of_the_rows(result: Backtest) -> None:
    late = result.tested[1]
    order = np.argsort(-late.scores["past_h"].score, kind="stable")[:5]
    found = result.measured.by_date("past_h", "precision_at_5")[1].value if result.measured else None
    assert found == late.rows["target"].to_numpy()[order].mean()
    assert result.best_plain in {"past_h", "decay_60"}
    best = max(result.mean(r, "average_precision").value for r in ("past_h", "decay_60"))
    assert result.mean(str(result.best_plain), "average_precision").value == best


def test_metrics_are_strict_json(result: Backtest) -> None:
    said = json.loads(json.dumps(as_json(result, worded=worded), allow_nan=False))
    assert said["pipeline"] == "shop"
    assert said["folds"][1]["eligible"] == len(result.tested[1].rows)
    assert said["folds"][1]["training_dates"][-1] == "2020-11-01"
    assert said["against_best_plain"][said["best_plain"]]["ratio"]["value"] == 1
    assert said["rankers"]["past_h"]["ece"] == {
        "value": None, "low": None, "high": None, "reason": said["rankers"]["past_h"]["ece"]["reason"],
        "by_date": said["rankers"]["past_h"]["ece"]["by_date"],
    }  # fmt: skip


@pytest.mark.parametrize(("when", "said"), [([date(2020, 2, 1)], "at least 60 days of history, got 2020-02-01")])
def test_too_little_history_is_an_error(lines: OrderLines, when: Sequence[date], said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        backtest(lines, when, pipeline(), PLAINS)


def test_nobody_eligible_is_an_error_that_says_what_to_change(lines: OrderLines) -> None:
    with pytest.raises(HistoryError) as error:
        backtest(lines, [LATE], pipeline(min_active=21), PLAINS)
    assert "a market with 21 active customers or more), got none at 2021-01-01; the largest market has 20" in str(
        error.value
    )
    assert "Lower target.min_active" in error.value.hint


def test_a_date_without_anybody_eligible_does_not_stop_the_others(lines: OrderLines) -> None:
    gone = date(2021, 9, 1)
    made = backtest(lines, [LATE, gone], pipeline(), [*PLAINS, PLAIN["rfm"]])
    assert [len(t.rows) > 0 for t in made.tested] == [True, False]
    assert [t.judged for t in made.tested] == [True, False]
    assert set(made.scores()["as_of"]) == {pd.Timestamp(LATE)}


def test_a_date_for_which_rankers_only_learn_is_not_tested(lines: OrderLines) -> None:
    now = EARLY + timedelta(days=HORIZON)
    walk = Walk(lines, [EARLY], pipeline(), taught=[now])
    assert len(walk.learned(walk.fold(now)).outcome)
    assert now not in walk.dates
    with pytest.raises(ValueError, match=str(now)):
        walk.test(walk.fold(now), PLAINS, known_before=None)


@dataclass(frozen=True)
class Told:
    """Tells when it learns and when it scores, and may fail at either."""

    name: str
    told: list[str]
    fails: str = ""

    def tell(self, what: str) -> None:
        self.told.append(f"{self.name} {what}")
        if what == self.fails:
            raise HistoryError(f"Expected more to {what} from.")

    def fit(self, panel: Panel) -> Told:
        assert len(panel.outcome)
        self.tell("learns")
        return self

    @property
    def notes(self) -> tuple[Note, ...]:
        return ()

    def score(self, frame: pd.DataFrame) -> Scores:
        self.tell("scores")
        return Scores(np.arange(len(frame), dtype=float))

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        return Contributions((self.name,), np.zeros((len(frame), 1)), 0.0)


def test_all_learn_before_anybody_scores_and_who_fails_is_left_out_with_the_reason(lines: OrderLines) -> None:
    told: list[str] = []
    asked = [Told("a", told), Told("b", told, fails="learns"), Told("c", told, fails="scores")]
    walk = Walk(lines, [EARLY], pipeline())
    tested = walk.test(walk.fold(EARLY), asked, known_before=None)
    assert told == ["a learns", "b learns", "c learns", "a scores", "c scores"]
    assert list(tested.scores) == ["a"]
    assert tested.left_out == {"b": "Expected more to learns from.", "c": "Expected more to scores from."}
    walk.test(walk.fold(EARLY), asked, known_before=None)
    assert len(told) == 5  # scores and failures are remembered
