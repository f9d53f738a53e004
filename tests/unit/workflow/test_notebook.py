"""The commands as functions: the same answers as from the parts that they join, and errors that say what to mend."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from tests.unit.workflow.test_train import END, pipeline, write

import smartaccounts as sa
from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import HistoryError, PipelineError
from smartaccounts.evaluation.served import backtest_served
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.orders.read import read
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.workflow import notebook
from smartaccounts.workflow.rankers import rankers

DATES = ["2020-10-01", "2021-04-01", "2021-11-01"]
YAML = """\
name: shop
source: {path: lines.csv}
columns: {customer_id: c, order_date: d, amount: a}
target: {horizon_days: 91, min_active: 20}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("grows")
    write(folder, growers=40)
    (folder / "shop.yaml").write_text(YAML)
    return pipeline(folder)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.slow
def test_pipelines_and_dates_may_be_texts(shop: Pipeline) -> None:
    path = shop.resolve("shop.yaml")
    expected = sa.read_panel(shop, [date.fromisoformat(d) for d in DATES]).frame
    moment = datetime(2021, 4, 1, 12)  # noqa: DTZ001 - as pandas gives them
    for given, dates in ((path, DATES), (str(path), [pd.Timestamp(DATES[0]), moment, DATES[2], DATES[2]])):
        pd.testing.assert_frame_equal(sa.read_panel(given, dates).frame, expected)
    assert sa.check(str(path)).sound
    one = sa.read_panel(path, DATES[1])
    assert set(one.frame["as_of"]) == {pd.Timestamp(DATES[1])}


def test_an_outcome_is_there_where_the_horizon_is_over(shop: Pipeline) -> None:
    found = sa.read_panel(shop, DATES).frame.groupby("as_of")["spend_ahead"].count()
    assert (found > 0).tolist() == [True, True, False]
    cut = sa.read_panel(shop, DATES, known_before="2021-06-30").frame.groupby("as_of")["spend_ahead"].count()
    assert (cut > 0).tolist() == [True, False, False]  # 91 days from 1 April end with 30 June


@pytest.mark.slow
def test_every_horizon_has_the_panel_that_it_would_have_alone(shop: Pipeline) -> None:
    panels = sa.read_panel(shop, DATES, horizons=[182, 91, 300])
    assert list(panels) == [182, 91, 300]
    for days, together in panels.items():
        target = shop.target.model_copy(update={"horizon_days": days})
        alone = sa.read_panel(shop.model_copy(update={"target": target}), DATES)
        assert together.snapshot.target == alone.snapshot.target == target
        pd.testing.assert_frame_equal(together.frame, alone.frame, check_exact=True)
    same = [panels[d].snapshot.at([date(2021, 11, 1)]).frame[[*CATALOGUE]] for d in panels]
    for other in same[1:]:
        pd.testing.assert_frame_equal(other, same[0], check_exact=True)
    assert panels[300].frame["as_of"].min() == pd.Timestamp(DATES[1])  # 274 days of history are too few for it


@pytest.mark.slow
def test_a_backtest_has_the_rankers_of_the_pipeline_and_those_given(shop: Pipeline, elsewhere: Path) -> None:
    mine = replace(PLAIN["past_h"], name="mine")
    tree = sa.Classifier(DecisionTreeClassifier(max_depth=2), name="tree", calibrate=False)
    result = sa.backtest(shop, "2021-07-01", rankers=[mine, tree])
    with Engine() as engine:
        plain = backtest_served(read(shop, engine), [date(2021, 7, 1)], shop, rankers(shop))
    assert set(result.rankers) == {*plain.rankers, "mine", "tree"}
    scores = result.scores().set_index("ranker")
    pd.testing.assert_frame_equal(scores.loc[list(plain.rankers)], plain.scores().set_index("ranker"))
    assert scores.loc["mine", "score"].tolist() == scores.loc["past_h", "score"].tolist()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_a_classifier_learns_from_a_panel_and_scores_another(shop: Pipeline) -> None:
    past = sa.read_panel(shop, ["2021-01-01", "2021-02-01", "2021-04-01"], known_before="2021-07-01")
    model = sa.Classifier(DecisionTreeClassifier(max_depth=2), name="tree").fit(past)
    today = sa.read_panel(shop, "2021-07-01").snapshot.eligible().frame
    chances = model.predict_proba(today)
    assert chances.shape == (len(today), 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1)


@pytest.mark.slow
def test_training_writes_nothing_unless_asked(shop: Pipeline, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def put(trained: sa.backtest, of: Pipeline, *, models: Path, promote_it: bool) -> SimpleNamespace:
        asked.append((of.name, str(models), promote_it))
        return SimpleNamespace(sentence="Version 1 is in service.")

    monkeypatch.setattr(notebook, "put_in_service", put)
    trained = sa.train(shop, str(END))
    assert (trained.done, asked, list(elsewhere.iterdir())) == ("", [], [])
    assert trained.serves.card.as_of == str(END)
    monkeypatch.setattr(notebook, "fit", lambda *_, **__: trained)
    assert sa.train(shop, END, log=True).done == "Version 1 is in service."
    sa.train(shop, END, promote=True)
    assert asked == [("shop", "models", False), ("shop", "models", True)]


def test_the_recipe_in_service_is_judged_beside(shop: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    other = shop.model.model_copy(update={"rounds": 20})
    monkeypatch.setattr(notebook, "recipe_in_service", lambda _: other)
    monkeypatch.setattr(notebook, "fit", lambda of, day, *, champion: (of, day, champion))
    assert sa.train(shop, str(END)) == (shop, END, other)


def test_compare_is_the_leaderboard(shop: Pipeline, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(sa.SmartAccountsError, match="Expected trainings of 'shop', got none"):
        sa.compare(shop)
    monkeypatch.setattr(notebook, "standings", lambda _: [])
    board = sa.compare(shop)
    assert (board.pipeline, board.standings) == ("shop", ())


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda p: sa.read_panel(p, []), "Expected one as_of date at least, got none in as_of."),
        (lambda p: sa.read_panel(p, "2021-13-01"), "Expected an as_of date as YYYY-MM-DD, got '2021-13-01' in as_of."),
        (lambda p: sa.read_panel(p, DATES, known_before="soon"), "got 'soon' in known_before."),
        (lambda p: sa.read_panel(p, DATES, horizons=[]), "Expected one horizon at least, got none in horizons."),
        (lambda p: sa.read_panel(p, DATES, horizons=[3]), "Expected days, got 3 in horizons: "),
        (lambda p: sa.backtest(p, DATES, rankers=[LogisticRegression()]), "with a name, got LogisticRegression in"),
        (lambda p: sa.backtest(p, DATES, rankers=[PLAIN["rfm"]]), "names of their own, got 'rfm' twice in rankers."),
        (lambda p: sa.backtest(p, DATES, rankers=[replace(PLAIN["rfm"], name="served")]), "got 'served' twice"),
        (lambda _: sa.check("nothing.yaml"), "Expected a pipeline file, got nothing in nothing.yaml."),
    ],
)
def test_a_wrong_argument_is_named(shop: Pipeline, ask: Any, said: str) -> None:
    with pytest.raises(PipelineError) as no:
        ask(shop)
    assert said in no.value.message


def test_too_little_history_for_every_date_is_said(shop: Pipeline) -> None:
    with pytest.raises(HistoryError, match="at least 365 days of history, got 2020-10-01"):
        sa.read_panel(shop, DATES[:1], horizons=[91, 365])
