"""The gate: a model serves where it is not worse than the best plain ranking, over the same dates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest

from smartaccounts.config import Target
from smartaccounts.evaluation.backtest import Backtest, measures
from smartaccounts.evaluation.backtest import Tested as Walked  # pytest collects what is called Test
from smartaccounts.evaluation.bootstrap import Scored, resample
from smartaccounts.evaluation.gate import judge
from smartaccounts.timeline import Fold

ROWS = 40
GOOD, FAIR, BAD = 0.0, 1.0, 30.0  # noise against the order of the outcomes


def fold_of(month: int, noise: dict[str, float], *, positives: int = 8, known: bool = True) -> Walked:
    y = (np.arange(ROWS) < positives).astype(float)
    rows = pd.DataFrame(
        {
            "as_of": pd.Timestamp(2020, month, 1), "market": "", "customer_id": [f"c{i:02d}" for i in range(ROWS)],
            "key_spend": 100.0, "spend_ahead": 100 * y, "target": y if known else np.nan,
        }
    )  # fmt: skip
    scores = {
        name: (y + n * np.random.default_rng([month, i]).normal(size=ROWS), None)
        for i, (name, n) in enumerate(noise.items())
    }
    return Walked(Fold((), date(2020, month, 1), 182), rows, scores, {}, {}, 0, None)


def result(folds: Sequence[Walked]) -> Backtest:
    judged = [t for t in folds if t.judged]
    names = dict.fromkeys(n for t in judged for n in t.scores)
    lists = {
        n: [
            Scored(np.arange(ROWS), t.rows["target"].to_numpy(dtype=np.int64), t.scores[n][0])
            if n in t.scores
            else None
            for t in judged
        ]
        for n in names
    }
    measured = resample(lists, [m for m in measures(5) if m in ("average_precision", "auc")]) if judged else None
    return Backtest("shop", Target(), 5, tuple(folds), measured)


def test_a_better_model_serves() -> None:
    found = judge(result([fold_of(m, {"growth": GOOD, "past_h": BAD, "decay_60": FAIR}) for m in (1, 2, 3)]), "growth")
    assert (found.better, found.best_plain, found.dates) == (True, "decay_60", 3)
    assert found.ratio is not None
    assert found.ratio > 1
    assert found.sentence.startswith(f"Over 3 past dates the growth model's lists were {found.ratio:.2f} times as good")
    assert "(decay_60); 90% interval" in found.sentence
    assert "(average precision 1.000 against " in found.sentence
    assert "The plain ranking is better" not in found.sentence


def test_a_worse_model_does_not_and_the_sentence_says_so() -> None:
    found = judge(result([fold_of(1, {"growth": BAD, "past_h": GOOD})]), "growth")
    assert found.better is False
    assert found.sentence.startswith("Over 1 past date the growth")
    assert found.sentence.endswith("The plain ranking is better.")


def test_as_good_is_good_enough() -> None:
    found = judge(result([fold_of(1, {"growth": GOOD, "past_h": GOOD})]), "growth")
    assert (found.better, found.ratio) == (True, 1.0)


def test_a_plain_ranking_that_is_no_ranking_by_past_spend_is_not_the_bar() -> None:
    found = judge(result([fold_of(1, {"growth": FAIR, "past_h": BAD, "rfm": GOOD, "spend_change": GOOD})]), "growth")
    assert (found.best_plain, found.better) == ("past_h", True)


def test_the_two_are_compared_on_the_dates_that_both_have() -> None:
    hard = fold_of(1, {"past_h": BAD})  # the model could not be trained at this date
    easy = fold_of(2, {"growth": 0.5, "past_h": GOOD})
    both = judge(result([hard, easy]), "growth")
    assert both.better is False
    assert both.dates == 1
    assert both.ratio == judge(result([easy]), "growth").ratio
    # the plain ranking's mean over both dates is below the model's on its only date: that proves nothing
    mean = result([hard, easy]).mean
    assert mean("past_h", "average_precision").value < mean("growth", "average_precision").value


@pytest.mark.parametrize(
    ("folds", "why"),
    [
        (None, "no as_of date has both training dates before it and a known outcome"),
        ([fold_of(1, {"growth": GOOD, "past_h": BAD}, known=False)], "no as_of date has both"),
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
    found = judge(None if folds is None else result(folds), "growth")
    assert (found.better, found.ratio, found.dates) == (None, None, 0)
    assert found.sentence.startswith("Not judged against the plain rankings: ")
    assert why in found.sentence
    json.dumps(found.as_json(), allow_nan=False)


def test_a_reason_from_the_training_is_passed_on() -> None:
    found = judge(None, "growth", reason="Expected 10 key accounts, got 3.")
    assert found.sentence == "Not judged against the plain rankings: Expected 10 key accounts, got 3."
