"""The logistic regression: what it learns, that it adds up, and that it is the same every time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import AS_OF, K, firsts, panel_of, snapshot_of, with_outcome

from smartaccounts.config import Model
from smartaccounts.errors import HistoryError
from smartaccounts.panel import Panel
from smartaccounts.rankers.design import level
from smartaccounts.rankers.logistic import COLUMNS, Logistic, LogisticModel, matrix
from smartaccounts.rankers.training import training_rows


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(snapshot_of(150, firsts(8)))


@pytest.fixture(scope="module")
def model(panel: Panel) -> LogisticModel:
    return Logistic().fit(panel)


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    return snapshot_of(100, [AS_OF], seed=9).frame


def test_it_ranks_those_who_spend_more_first(model: LogisticModel, later: pd.DataFrame) -> None:
    top = later.iloc[np.argsort(-model.score(later).score)[:20]]["spend_182d"]
    assert top.mean() > 2 * later["spend_182d"].mean()


def test_probabilities_are_calibrated_and_in_the_order_of_the_score(model: LogisticModel, later: pd.DataFrame) -> None:
    scored = model.score(later)
    assert scored.probability is not None
    assert (np.diff(scored.probability[np.argsort(scored.score)]) > 0).all()
    assert scored.probability.mean() == pytest.approx(0.2, abs=0.05)
    assert model.notes[0].key == "calibrated_later"


def test_columns_are_levels_of_money_and_logs_of_counts(later: pd.DataFrame) -> None:
    made = dict(zip(COLUMNS, matrix(later).T, strict=True))
    key = np.full(len(later), K)
    assert made["spend_91d"].tolist() == level(later["spend_91d"].to_numpy(), key).tolist()
    assert made["recency_days"].tolist() == np.log1p(later["recency_days"].to_numpy()).tolist()
    assert len(made) == 10


def test_contributions_and_the_base_add_up_to_the_score(model: LogisticModel, later: pd.DataFrame) -> None:
    made = model.contributions(later)
    assert made.names == tuple(COLUMNS)
    np.testing.assert_allclose(made.base + made.values.sum(axis=1), model.score(later).score, rtol=0, atol=1e-12)


def test_over_the_training_rows_every_column_adds_nothing_on_average(panel: Panel, model: LogisticModel) -> None:
    made = model.contributions(training_rows(panel).snapshot.frame)
    np.testing.assert_allclose(made.values.mean(axis=0), 0, atol=1e-9)


def test_an_unknown_value_counts_as_the_median_of_training(
    panel: Panel, model: LogisticModel, later: pd.DataFrame
) -> None:
    rows = training_rows(panel).snapshot.frame
    median = float(rows["recency_days"].median())
    known, unknown = (model.score(later.assign(recency_days=v)).score for v in (median, np.nan))
    np.testing.assert_allclose(unknown, known, rtol=0, atol=1e-3)  # the median of logs lies between two rows'


def test_a_column_that_never_changes_is_given_no_say(panel: Panel, later: pd.DataFrame) -> None:
    for value in (7.0, np.nan):
        snapshot = snapshot_of(150, firsts(8))
        snapshot.frame["recency_days"] = value
        fitted = Logistic().fit(panel_of(snapshot))
        assert fitted.coefficients[list(COLUMNS).index("recency_days")] == 0
        assert np.isfinite(fitted.score(later).score).all()


def test_the_rows_beside_a_row_do_not_matter(model: LogisticModel, later: pd.DataFrame) -> None:
    whole = model.score(later).score
    for rows in ([5], [99, 0], list(range(50))):
        assert model.score(later.iloc[rows]).score.tolist() == whole[rows].tolist()
    assert model.score(later.iloc[:0]).score.shape == (0,)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_same_panel_gives_the_same_model(
    panel: Panel, model: LogisticModel, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", threads)
    assert Logistic().fit(panel) == model


def test_rows_that_are_not_eligible_weigh_what_the_pipeline_says(panel: Panel) -> None:
    frame = panel.snapshot.frame
    frame = frame.assign(eligible=np.arange(len(frame)) % 3 > 0)
    mixed = Panel(type(panel.snapshot)(frame, panel.snapshot.target, ()), panel.outcome)
    ignored = Logistic(Model(weight_not_eligible=0)).fit(mixed)
    other = mixed.outcome["target"].where(frame["eligible"], 1 - mixed.outcome["target"])
    turned = Panel(mixed.snapshot, mixed.outcome.assign(target=other))
    assert Logistic(Model(weight_not_eligible=0)).fit(turned).coefficients == pytest.approx(ignored.coefficients)
    assert Logistic().fit(turned).coefficients != pytest.approx(ignored.coefficients)


def test_too_few_key_accounts_are_an_error_that_counts_them() -> None:
    grown = np.zeros(300)
    grown[:9] = 1
    with pytest.raises(HistoryError, match="at least 10 customers that grew into key accounts, got 9"):
        Logistic().fit(with_outcome(snapshot_of(300), grown))
