"""Any classifier as a ranker: the same twice, left as it was, calibrated in its own order, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from tests.conftest import MakeLines
from tests.unit.rankers.synthetic import AS_OF, firsts, panel_of, snapshot_of, with_outcome
from threadpoolctl import threadpool_info, threadpool_limits
from xgboost import XGBClassifier

from smartaccounts.config import Model, pipeline_from
from smartaccounts.errors import HistoryError, ModelError, PipelineError
from smartaccounts.evaluation.backtest import backtest
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import PredictProba
from smartaccounts.rankers.classifier import LEAST, Classifier, ClassifierModel
from smartaccounts.rankers.design import design, without_empty
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import PLAIN, calibrated
from smartaccounts.rankers.training import training_rows

Make = Callable[[], Any]


def logistic() -> Any:
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=0.1))


MAKES: dict[str, Make] = {
    "hist_gradient_boosting": lambda: HistGradientBoostingClassifier(max_iter=15, max_features=0.3),
    "logistic": logistic,
    "xgboost": lambda: XGBClassifier(n_estimators=15, max_depth=3, subsample=0.6, n_jobs=1),
    "catboost": lambda: CatBoostClassifier(
        iterations=15, depth=3, thread_count=1, verbose=False, allow_writing_files=False
    ),
}


def with_gaps(snapshot: Snapshot) -> Snapshot:
    """Leave every seventh value of two columns unknown, as histories do."""
    snapshot.frame.loc[::7, ["gap_mean_days", "affinity_365d"]] = np.nan
    return snapshot


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(with_gaps(snapshot_of(150, firsts(8))))


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    return with_gaps(snapshot_of(100, [AS_OF], seed=9)).frame


@pytest.fixture(scope="module", params=MAKES)
def made(request: pytest.FixtureRequest, panel: Panel) -> tuple[str, ClassifierModel]:
    name = str(request.param)
    return name, Classifier(MAKES[name](), name).fit(panel)


@pytest.fixture(scope="module")
def model(panel: Panel) -> ClassifierModel:
    return Classifier(logistic(), "logistic").fit(panel)


def test_it_ranks_those_who_spend_more_first(made: tuple[str, ClassifierModel], later: pd.DataFrame) -> None:
    name, model = made
    score = model.score(later).score
    assert model.name == name
    assert score.dtype == np.float64
    assert np.isfinite(score).all()
    top = later.iloc[np.argsort(-score)[:20]]["spend_182d"]
    assert top.mean() > 2 * later["spend_182d"].mean()


def test_probabilities_are_calibrated_and_in_the_order_of_the_score(
    made: tuple[str, ClassifierModel], later: pd.DataFrame
) -> None:
    scored = made[1].score(later)
    assert scored.probability is not None
    assert scored.low is not None
    assert scored.high is not None
    assert ((scored.low < scored.probability) & (scored.probability < scored.high)).all()
    order = np.argsort(scored.score)
    rises = np.diff(scored.probability[order]) > 0
    assert (rises == (np.diff(scored.score[order]) > 0)).all()
    assert scored.probability.mean() == pytest.approx(0.2, abs=0.06)
    assert made[1].notes[0].key == "calibrated_later"


def test_the_score_is_the_log_odds_of_the_classifier(made: tuple[str, ClassifierModel], later: pd.DataFrame) -> None:
    model = made[1]
    table = pd.DataFrame(design(later).of(model.columns), columns=list(model.columns))
    chances = np.clip(model.estimator.predict_proba(table)[:, 1].astype(float), LEAST, 1 - LEAST)
    assert 1 / (1 + np.exp(-model.score(later).score)) == pytest.approx(chances, rel=1e-9)


def test_the_same_panel_gives_the_same_scores(
    made: tuple[str, ClassifierModel], panel: Panel, later: pd.DataFrame
) -> None:
    name, model = made
    again = Classifier(MAKES[name](), name).fit(panel).score(later)
    first = model.score(later)
    assert again.score.tolist() == first.score.tolist()
    assert first.probability is not None
    assert again.probability is not None
    assert again.probability.tolist() == first.probability.tolist()


@pytest.mark.slow
def test_what_is_left_to_chance_starts_from_the_seed(panel: Panel, later: pd.DataFrame) -> None:
    def scores(seed: int) -> list[float]:
        forest = Classifier(RandomForestClassifier(20), calibrate=False, seed=seed)
        return forest.fit(panel).score(later).score.tolist()

    assert scores(0) == scores(0)
    assert scores(0) != scores(1)


@pytest.mark.parametrize("name", MAKES)
def test_the_estimator_is_left_as_it_was(name: str, panel: Panel, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    estimator = MAKES[name]()
    settings, state = repr(estimator.get_params()), sorted(vars(estimator))
    fitted = Classifier(estimator, name, calibrate=False).fit(panel)
    assert fitted.estimator is not estimator
    assert (repr(estimator.get_params()), sorted(vars(estimator))) == (settings, state)
    assert not hasattr(estimator, "classes_") or estimator.classes_ is None or not len(estimator.classes_)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "hist_gradient_boosting"])
def test_the_order_of_the_training_rows_does_not_matter(name: str, panel: Panel, later: pd.DataFrame) -> None:
    make = {"logistic": logistic, "hist_gradient_boosting": lambda: HistGradientBoostingClassifier(max_iter=15)}[name]
    shuffled = np.random.default_rng(0).permutation(len(panel.outcome))
    frame, outcome = (t.iloc[shuffled].reset_index(drop=True) for t in (panel.snapshot.frame, panel.outcome))
    mixed = Panel(Snapshot(frame, panel.snapshot.target, ()), outcome)
    score, other = (Classifier(make(), calibrate=False).fit(p).score(later).score for p in (panel, mixed))
    assert other == pytest.approx(score, rel=1e-3, abs=1e-3)


def test_the_rows_beside_a_row_do_not_matter(made: tuple[str, ClassifierModel], later: pd.DataFrame) -> None:
    whole = made[1].score(later).score
    for rows in ([5], [99, 0], list(range(50))):
        assert made[1].score(later.iloc[rows]).score == pytest.approx(whole[rows], rel=1e-6, abs=1e-6)


def test_no_rows_have_no_scores(model: ClassifierModel, later: pd.DataFrame) -> None:
    nobody = later.iloc[:0]
    assert model.score(nobody).score.shape == (0,)
    assert model.predict_proba(nobody).shape == (0, 2)
    assert model.contributions(nobody).values.shape == (0, 1)


def test_the_score_is_its_own_contribution(model: ClassifierModel, later: pd.DataFrame) -> None:
    said = model.contributions(later)
    assert said.names == ("logistic",)
    assert (said.base + said.values.sum(axis=1)).tolist() == model.score(later).score.tolist()


# what it learns from


class Remembers(DummyClassifier):
    """Remembers what each fit was given."""

    seen: list[tuple[pd.DataFrame, np.ndarray, np.ndarray | None]] = []  # noqa: RUF012 - of the class: clones share it

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
        self.seen.append((X, y, sample_weight))
        return super().fit(X, y, sample_weight)


@pytest.fixture
def remembers() -> Remembers:
    Remembers.seen.clear()
    return Remembers()


def part_eligible(panel: Panel) -> Panel:
    frame = panel.snapshot.frame.assign(eligible=np.arange(len(panel.outcome)) % 3 > 0)
    return Panel(Snapshot(frame, panel.snapshot.target, ()), panel.outcome)


def test_it_learns_from_the_rows_and_columns_of_the_growth_model(panel: Panel, remembers: Remembers) -> None:
    snapshot = snapshot_of(150, firsts(2))
    frame = snapshot.frame.assign(affinity_365d=np.nan, spend_365d=np.where(np.arange(300) < 20, 0.0, 5.0))
    rows = panel_of(Snapshot(frame, snapshot.target, ()))
    fitted = Classifier(remembers, calibrate=False).fit(rows)
    ((table, y, weight),) = remembers.seen
    expected = without_empty(design(training_rows(rows).frame))
    assert len(table) == 280
    assert tuple(table) == fitted.columns == expected.names
    assert "affinity_365d" not in fitted.columns
    assert set(table.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(table.to_numpy(), expected.matrix)
    assert (y == rows.outcome["target"].to_numpy()[20:]).all()
    assert weight is None


@pytest.mark.parametrize("wrap", [lambda e: e, make_pipeline, lambda e: make_pipeline(make_pipeline(e))])
def test_rows_that_are_not_eligible_weigh_what_was_asked(panel: Panel, remembers: Remembers, wrap: Any) -> None:
    part = part_eligible(panel)
    Classifier(wrap(remembers), weight_not_eligible=0.25, calibrate=False).fit(part)
    ((_, _, weight),) = remembers.seen
    assert weight is not None
    assert weight.tolist() == np.where(part.snapshot.frame["eligible"], 1.0, 0.25).tolist()


def test_weight_nought_means_that_they_are_not_learned_from(panel: Panel, remembers: Remembers) -> None:
    part = part_eligible(panel)
    Classifier(remembers, weight_not_eligible=0.0, calibrate=False).fit(part)
    ((table, _, weight),) = remembers.seen
    assert len(table) == part.snapshot.frame["eligible"].sum()
    assert weight is None


def test_the_calibrating_fit_does_not_see_what_it_is_calibrated_on(panel: Panel, remembers: Remembers) -> None:
    Classifier(remembers).fit(panel)
    whole, *parts = [len(table) for table, _, _ in remembers.seen]
    assert whole == 1200
    assert parts
    assert all(rows < whole for rows in parts)


# scikit-learn's conventions


def test_settings_are_got_set_and_cloned_as_scikit_learn_does(panel: Panel, later: pd.DataFrame) -> None:
    ranker = Classifier(logistic(), "logistic", calibrate=False)
    assert isinstance(ranker, BaseEstimator)
    assert ranker.get_params(deep=False) == {
        "estimator": ranker.estimator, "name": "logistic", "weight_not_eligible": 1.0,
        "season": True, "calibrate": False, "seed": 0,
    }  # fmt: skip
    flatter = clone(ranker).set_params(estimator__logisticregression__C=1e-4, name="flat")
    assert (ranker.name, ranker.get_params()["estimator__logisticregression__C"]) == ("logistic", 0.1)
    spread = [np.ptp(r.fit(panel).score(later).score) for r in (ranker, flatter)]
    assert spread[1] < spread[0] / 2


@pytest.mark.slow
def test_predict_proba_has_both_chances_of_every_calibrated_ranker(panel: Panel, later: pd.DataFrame) -> None:
    growth = Growth(Model(rounds=5, bags=1, leaves=4, min_rows_per_leaf=10)).fit(panel)
    for fitted in (growth, Classifier(logistic()).fit(panel), calibrated(PLAIN["past_h"], panel)):
        assert isinstance(fitted, PredictProba)
        both = fitted.predict_proba(later)
        assert both.shape == (100, 2)
        assert both.sum(axis=1) == pytest.approx(np.ones(100))
        assert both[:, 1].tolist() == fitted.score(later).probability.tolist()


def test_without_calibration_there_are_scores_only(panel: Panel, model: ClassifierModel, later: pd.DataFrame) -> None:
    bare = Classifier(logistic(), "bare", calibrate=False).fit(panel)
    assert bare.score(later).probability is None
    assert bare.score(later).score.tolist() == model.score(later).score.tolist()
    with pytest.raises(ModelError, match="Expected a ranker with probabilities, got bare without"):
        bare.predict_proba(later)


# what it refuses


def test_unknown_values_need_an_imputer_and_the_hint_says_so(panel: Panel) -> None:
    with pytest.raises(
        PipelineError, match=r"can fit 1,200 rows x \d+ columns .* Input X contains NaN in Logist"
    ) as no:
        Classifier(LogisticRegression()).fit(panel)
    assert "Pipeline behind a SimpleImputer" in no.value.hint


def test_a_wrong_setting_is_told_in_the_words_of_the_library(panel: Panel) -> None:
    with pytest.raises(PipelineError, match="InvalidParameterError: The 'max_iter' parameter") as no:
        Classifier(HistGradientBoostingClassifier(max_iter=-1)).fit(panel)
    assert "settings of the estimator" in no.value.hint


def test_an_estimator_that_cannot_weigh_rows_is_refused_only_where_it_must(panel: Panel) -> None:
    near = make_pipeline(SimpleImputer(), KNeighborsClassifier(20))
    assert Classifier(near, calibrate=False).fit(panel).name == "classifier"
    with pytest.raises(PipelineError, match="whose fit takes sample_weight, got KNeighborsClassifier") as no:
        Classifier(near, weight_not_eligible=0.5).fit(part_eligible(panel))
    assert "weight_not_eligible to 1" in no.value.hint


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (LinearSVC(), r"got LinearSVC\(\) without predict_proba in estimator of mine"),
        (StandardScaler(), r"got StandardScaler\(\) without predict_proba"),
        (LogisticRegression, "got the class LogisticRegression in estimator of mine"),
        ("logistic", "got 'logistic' without get_params, fit, predict_proba"),
    ],
)
def test_what_is_no_classifier_is_refused(estimator: Any, said: str, panel: Panel) -> None:
    with pytest.raises(PipelineError, match=said):
        Classifier(estimator, "mine").fit(panel)


@pytest.mark.parametrize("weight", [-0.1, 1.5, np.nan])
def test_weights_lie_between_nought_and_one(weight: float, panel: Panel) -> None:
    with pytest.raises(PipelineError, match="a weight from 0 to 1, got"):
        Classifier(logistic(), weight_not_eligible=weight).fit(panel)


class Counts(DummyClassifier):
    """Counts the threads that libraries may take while it learns and predicts."""

    told: ClassVar[list[int]] = []

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
        self.told.append(max(pool["num_threads"] for pool in threadpool_info()))
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        self.told.append(max(pool["num_threads"] for pool in threadpool_info()))
        return super().predict_proba(X)


def test_libraries_take_the_threads_that_are_allowed(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    Counts.told.clear()
    with threadpool_limits(3):
        for said, seen in (("1", 1), (None, 3)):  # where nothing is said they take what they would
            if said is None:
                monkeypatch.delenv("SMARTACCOUNTS_THREADS", raising=False)
            else:
                monkeypatch.setenv("SMARTACCOUNTS_THREADS", said)
            Classifier(Counts(), calibrate=False).fit(panel).score(panel.snapshot.frame)
            assert set(Counts.told) == {seen}
            assert len(Counts.told) == 2
            Counts.told.clear()


class Broken(DummyClassifier):
    """Knows nothing of the first row."""

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        chances = np.array(super().predict_proba(X))
        chances[0] = np.nan
        return chances


def test_chances_that_are_none_are_refused(panel: Panel, later: pd.DataFrame) -> None:
    with pytest.raises(
        PipelineError, match=r"100 x 2 finite chances, got shape \(100, 2\) with 2 not finite in predict"
    ):
        Classifier(Broken(), calibrate=False).fit(panel).score(later)


def test_too_few_key_accounts_are_refused() -> None:
    few = np.r_[np.ones(9), np.zeros(91)]
    with pytest.raises(HistoryError, match=r"at least 10 customers .* got 9 in 100 training rows"):
        Classifier(logistic()).fit(with_outcome(snapshot_of(50, firsts(2)), few))


def test_everybody_a_key_account_is_refused() -> None:
    with pytest.raises(HistoryError, match="key accounts and others"):
        Classifier(logistic()).fit(with_outcome(snapshot_of(60), np.ones(60)))


# beside the others


@pytest.mark.slow
def test_it_stands_in_a_backtest_beside_the_others(order_lines: MakeLines) -> None:
    start, test = date(2020, 1, 1), date(2021, 3, 1)
    rng = np.random.default_rng(0)
    rows = [
        {"customer_id": f"c{c:03d}", "day": start + timedelta(days=14 * i + c % 14), "amount": round(amount, 2)}
        for c in range(60)
        for i, amount in enumerate(rng.uniform(5, 40) * rng.lognormal(0, 0.6, 35))
    ]
    spec = {
        "name": "shop", "source": {"path": "-"}, "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
        "target": {"horizon_days": 60, "min_active": 10}, "growth_list": {"capacity": 5},
    }  # fmt: skip
    lines = order_lines(rows, provided=["customer_id", "order_date", "amount"])
    rankers = [Classifier(make(), name) for name, make in MAKES.items()]
    result = backtest(lines, [test], pipeline_from(spec, folder=Path()), [*rankers, PLAIN["past_h"]])
    (tested,) = result.tested
    assert tested.left_out == {}
    assert result.rankers == (*MAKES, "past_h")
    scores = result.scores().set_index("ranker")
    assert np.isfinite(scores["score"]).all()
    assert scores.loc[[*MAKES], "probability"].between(0, 1, inclusive="neither").all()
    assert all(0 <= result.mean(name, "average_precision").value <= 1 for name in MAKES)
