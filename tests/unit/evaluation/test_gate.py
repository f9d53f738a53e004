"""The gate: a model serves where past lists prove that it is better than the best plain ranking, on the same dates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest

from smartaccounts.config import Target
from smartaccounts.evaluation.backtest import Backtest, measures
from smartaccounts.evaluation.bootstrap import resample
from smartaccounts.evaluation.gate import Verdict, judge
from smartaccounts.evaluation.scored import Scored
from smartaccounts.evaluation.walk import Tested as Walked  # pytest collects what is called Test
from smartaccounts.rankers.base import Scores
from smartaccounts.timeline import Fold

ROWS = 80
YEARS = 3 * 365
GOOD, FAIR, BAD = 0.0, 1.0, 30.0  # noise against the order of the outcomes


def fold_of(month: int, noise: dict[str, float], *, positives: int = 12, known: bool = True) -> Walked:
    y = (np.arange(ROWS) < positives).astype(float)
    rows = pd.DataFrame(
        {
            "as_of": pd.Timestamp(2020, month, 1), "market": "", "customer_id": [f"c{i:02d}" for i in range(ROWS)],
            "key_spend": 100.0, "spend_ahead": 100 * y, "target": y if known else np.nan,
        }
    )  # fmt: skip
    scores = {
        name: Scores(y + n * np.random.default_rng([month, i]).normal(size=ROWS))
        for i, (name, n) in enumerate(noise.items())
    }
    return Walked(Fold((), date(2020, month, 1), 182), rows, scores, {}, {}, 0, None)


def result(folds: Sequence[Walked]) -> Backtest:
    judged = [t for t in folds if t.judged]
    names = dict.fromkeys(n for t in judged for n in t.scores)
    lists = {
        n: [
            Scored(np.arange(ROWS), t.rows["target"].to_numpy(dtype=np.int64), t.scores[n].score)
            if n in t.scores
            else None
            for t in judged
        ]
        for n in names
    }
    measured = resample(lists, [m for m in measures(5) if m in ("average_precision", "auc")]) if judged else None
    return Backtest("shop", Target(), 5, tuple(folds), measured)


def judged(*folds: Walked, champion: str | None = None, history_days: int = YEARS) -> Verdict:
    return judge(result(folds), "growth", history_days=history_days, champion=champion)


def test_a_model_that_is_surely_better_serves() -> None:
    found = judged(*(fold_of(m, {"growth": GOOD, "past_h": BAD, "decay_60": FAIR}) for m in (1, 2, 3)))
    assert (found.better, found.best_plain, found.dates, found.key_accounts) == (True, "decay_60", 3, 36)
    assert found.ratio is not None
    assert found.ratio > 1
    assert found.sure == 1.0
    assert found.sentence.startswith(f"Over 3 past dates the growth model's lists were {found.ratio:.2f} times as good")
    assert found.sentence.endswith(").")
    assert "(decay_60); 90% interval" in found.sentence
    assert "(average precision 1.000 against " in found.sentence


def test_a_worse_model_does_not_and_the_sentence_says_so() -> None:
    found = judged(*(fold_of(m, {"growth": BAD, "past_h": GOOD}) for m in (1, 2, 3)))
    assert found.better is False
    assert found.sentence.endswith("The plain ranking is not worse.")


def test_as_good_is_not_good_enough() -> None:
    found = judged(*(fold_of(m, {"growth": GOOD, "past_h": GOOD}) for m in (1, 2, 3)))
    assert (found.better, found.ratio, found.sure) == (False, 1.0, 0.5)


@pytest.mark.slow
def test_better_by_chance_is_not_good_enough() -> None:
    """Two rankings that are alike but for noise: whichever is ahead is not proven to be."""
    found = [judged(*(fold_of(m + i, {"growth": 1.0, "past_h": 1.0}) for m in (1, 2, 3))) for i in range(8)]
    ahead = [f for f in found if f.ratio is not None and f.ratio > 1]
    assert len(ahead) > 2
    assert any(f.better is False for f in ahead)
    for verdict in ahead:
        assert verdict.better == ((verdict.sure or 0) >= 0.95)
        said = f"in {int(100 * (verdict.sure or 0) + 1e-9)}% of the draws of customers it is better, 95% are asked."
        assert verdict.better or verdict.sentence.endswith(said)


def test_a_plain_ranking_that_is_no_ranking_by_past_spend_is_not_the_bar() -> None:
    noise = {"growth": 0.2, "past_h": BAD, "rfm": GOOD, "spend_change": GOOD}
    found = judged(*(fold_of(m, noise) for m in (1, 2, 3)))
    assert (found.best_plain, found.better) == ("past_h", True)


def test_the_two_are_compared_on_the_dates_that_both_have() -> None:
    hard = fold_of(1, {"past_h": BAD})  # the model could not be trained at this date
    easy = [fold_of(m, {"growth": 0.5, "past_h": GOOD}) for m in (2, 3, 4)]
    both = judged(hard, *easy)
    assert (both.better, both.dates, both.key_accounts) == (False, 3, 36)
    assert both.ratio == judged(*easy).ratio


def test_a_better_recipe_in_service_stays() -> None:
    folds = [fold_of(m, {"growth": 0.4, "champion": GOOD, "past_h": BAD}) for m in (1, 2, 3)]
    found = judged(*folds, champion="champion")
    assert found.better is False
    assert found.against_champion is not None
    assert found.against_champion < 1
    assert "times as good as those of the recipe in service." in found.sentence
    assert found.champion_better is True
    assert judged(*folds).better is True  # where another recipe serves, or none
    worse = [fold_of(m, {"growth": GOOD, "champion": 0.4, "past_h": BAD}) for m in (1, 2, 3)]
    assert judged(*worse, champion="champion").better is True


@pytest.mark.parametrize(
    ("dates", "positives", "history_days", "missing"),
    [
        (2, 20, YEARS, "2 past dates whose outcome is known and that has training dates before it, 3 are needed"),
        (3, 9, YEARS, "27 key accounts over the past dates, 30 are needed"),
        (3, 12, 500, "16 months of history, 18 are needed"),
    ],
)
def test_below_the_minimums_nothing_is_judged_however_good_it_looks(
    dates: int, positives: int, history_days: int, missing: str
) -> None:
    folds = [fold_of(m + 1, {"growth": GOOD, "past_h": BAD}, positives=positives) for m in range(dates)]
    found = judged(*folds, history_days=history_days)
    assert (found.better, found.missing) == (None, (missing,))
    assert found.sentence.startswith(f"Not judged: {missing}. Over {dates} past dates")
    assert found.sentence.endswith("That proves nothing yet.")
    assert found.ratio is not None


@pytest.mark.parametrize(
    ("folds", "why"),
    [
        (None, "0 past dates whose outcome is known and that has training dates before it, 3 are needed"),
        ([fold_of(1, {"growth": GOOD, "past_h": BAD}, known=False)], "0 past dates whose outcome is known"),
        ([fold_of(1, {"past_h": BAD})], "it could not be trained for any past date whose outcome is known"),
        (
            [fold_of(1, {"past_h": BAD}), fold_of(2, {"growth": GOOD, "past_h": BAD}, known=False)],
            "could not be trained",
        ),
        ([fold_of(1, {"growth": GOOD, "past_h": BAD}, positives=0)], "nobody became a key account after any of the"),
        (
            [fold_of(1, {"growth": GOOD, "past_h": BAD}, positives=0), fold_of(2, {"past_h": BAD})],
            "nobody became a key account after any past date that it was trained for",
        ),
    ],
)
def test_what_cannot_be_judged_says_why(folds: Sequence[Walked] | None, why: str) -> None:
    found = judge(None if folds is None else result(folds), "growth", history_days=YEARS)
    assert (found.better, found.ratio, found.dates) == (None, None, 0)
    assert found.sentence.startswith("Not judged against the plain rankings: ")
    assert why in found.sentence
    json.dumps(found.as_json(), allow_nan=False)


def test_a_reason_from_the_training_is_passed_on() -> None:
    found = judge(None, "growth", history_days=YEARS, reason="Expected 10 key accounts, got 3.")
    assert found.sentence == "Not judged against the plain rankings: Expected 10 key accounts, got 3."
