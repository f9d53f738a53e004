"""A feature of the pipeline file from the lines to the list: learned from, recorded, explained, and never exchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.unit.workflow.test_train import END, START, WEEKS, pipeline

from smartaccounts.bundle import load, save
from smartaccounts.cli.app import run
from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import ModelError, PipelineError
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.orders.read import read
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.workflow.backtest import run_backtest
from smartaccounts.workflow.notebook import backtest, read_panel
from smartaccounts.workflow.predict import check_model, predict
from smartaccounts.workflow.train import Trained, fit
from smartaccounts.workflow.tune import ground_of, study_key

WEEKENDS = {
    "sql": "AVG(CASE WHEN weekday >= 5 AND product_id IS NOT NULL THEN 1 ELSE 0 END)", "within_days": 98,
    "unit": "share", "meaning": "share of its orders at weekends", "direction": "rises",
}  # fmt: skip
COLUMNS = {"customer_id": "c", "order_date": "d", "amount": "a", "product_id": "p"}
TOLD = "Share of its orders at weekends: "


def write(folder: Path) -> None:
    """Those who order at weekends grow 14 weeks later; nothing else tells them apart before."""
    rows = ["c,d,a,p"]
    for c in range(120):
        rng = np.random.default_rng(c)
        from_week = 24 + 7 * c % 96 if c < 72 else 2 * WEEKS
        for week in range(c % 2, WEEKS, 2):
            amount = 20 * (8 if week >= from_week else 1) * rng.uniform(0.7, 1.4)
            leads = from_week - 14 <= week < from_week
            day = START + timedelta(
                days=7 * week + int(rng.choice([3, 4] if leads else [0, 1, 2, 5, 6]))
            )  # a Wednesday
            rows.append(f"k{c:03d},{day},{amount:.2f},p{week % 5}")
    (folder / "lines.csv").write_text("\n".join(rows) + "\n")


def shop(folder: Path, **extra: Any) -> Pipeline:
    return pipeline(
        folder, columns=COLUMNS, features={"extra": extra},
        model={"rounds": 60, "bags": 2, "leaves": 4, "min_rows_per_leaf": 10, "training_dates": 8, "curve_strength": 0,
               "column_sample": 1.0, "random_splits": False},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("weekends")
    write(made)
    return made


@pytest.fixture(scope="module")
def made(folder: Path) -> Trained:
    return fit(shop(folder, weekends=WEEKENDS), END)


@pytest.mark.slow
def test_a_model_learns_from_it_records_it_and_explains_with_it(made: Trained, folder: Path, tmp_path: Path) -> None:
    assert made.model is not None
    (one,) = made.model.card.extra
    assert (one.name, one.sql, one.within_days, one.rises) == ("weekends", WEEKENDS["sql"], 98, True)
    assert one.needs == ("product_id",)
    assert "product_id" in made.model.card.needs
    assert made.content.params["features.extra.weekends.sql"] == WEEKENDS["sql"]
    catalogue = made.content.artifacts["catalogue.json"]
    assert isinstance(catalogue, dict)
    assert catalogue["weekends"]["sql"] == WEEKENDS["sql"]
    assert "weekends" in getattr(made.model.fitted, "columns", ())
    save(made.model, tmp_path / "model")
    back = load(tmp_path / "model")
    assert (back.version, back.card) == (made.model.version, made.model.card)
    assert getattr(back.fitted, "extra", None) == (one,)
    assert json.loads((tmp_path / "model/bundle.json").read_text())["card"]["extra"][0]["sql"] == WEEKENDS["sql"]

    said = predict(shop(folder, weekends=WEEKENDS), END, back, tmp_path / "list")
    listed = said.growth_list.frame[said.growth_list.frame["listed"]]
    sentences = [text for texts in (*listed["reasons_for"], *listed["reasons_against"]) for text in texts]
    told = [text for text in sentences if text.startswith(TOLD)]
    assert told
    assert all("; the typical small customer: " in text and "%" in text for text in told)


@pytest.mark.slow
def test_a_model_of_other_features_is_refused(made: Trained, folder: Path, tmp_path: Path) -> None:
    assert made.model is not None
    others: dict[str, dict[str, Any]] = {
        "weekends (gone from the pipeline)": {},
        "weekends (SQL, window, unit or direction)": {"weekends": WEEKENDS | {"sql": "COUNT(*)"}},
        "more (unknown to the model)": {"weekends": WEEKENDS, "more": WEEKENDS},
    }
    for said, extra in others.items():
        with pytest.raises(ModelError) as error:
            predict(shop(folder, **extra), END, made.model, tmp_path / "list")
        assert error.value.message.startswith(
            f"Expected a model trained with the pipeline's features.extra, got one that differs in {said} in growth-"
        )
        assert error.value.hint.startswith("Train again")
    assert not (tmp_path / "list").exists()
    check_model(made.model, shop(folder, weekends=WEEKENDS | {"meaning": "other words"}), END)
    check_model(made.plain, shop(folder), END)  # a plain ranking does not look at them
    assert made.plain.card.extra == ()
    assert made.plain.card.ranker in PLAIN


@pytest.mark.slow
def test_a_model_without_it_and_one_with_it_are_two_models(made: Trained, folder: Path) -> None:
    without = fit(shop(folder), END)
    assert without.model is not None
    assert made.model is not None
    assert "extra" not in json.dumps([without.model.card.recipe, sorted(without.content.params)])
    assert without.model.version != made.model.version
    assert replace(made.model.card, extra=()) != made.model.card


@pytest.mark.slow
def test_a_backtest_ranks_by_it_and_what_comes_after_as_of_changes_nothing(folder: Path, tmp_path: Path) -> None:
    as_of = date(2021, 6, 1)
    with_it = run_backtest(shop(folder, weekends=WEEKENDS), [as_of], tmp_path / "with")
    without = run_backtest(shop(folder), [as_of], tmp_path / "without")
    one, other = with_it.scores(), without.scores()
    keys = ["as_of", "market", "customer_id", "ranker"]
    both = one.merge(other, on=keys, validate="one_to_one")
    differ = both[both["score_x"] != both["score_y"]]["ranker"].unique().tolist()
    assert [n for n in differ if n not in ("growth", "served")] == []
    assert "growth" in differ
    assert with_it.mean("growth", "auc").value > without.mean("growth", "auc").value

    rows = (folder / "lines.csv").read_text().splitlines()
    (tmp_path / "lines.csv").write_text("\n".join(r for r in rows if r < "k" or r.split(",")[1] < str(as_of)))
    cut = backtest(shop(tmp_path, weekends=WEEKENDS), as_of).scores()
    pd.testing.assert_frame_equal(cut.drop(columns="target"), one.drop(columns="target"), check_exact=True)


def test_python_and_the_search_see_it_too(folder: Path) -> None:
    panel = read_panel(shop(folder, weekends=WEEKENDS), [date(2021, 3, 1)], horizons=[30, 91])
    assert [list(p.frame).index("weekends") for p in panel.values()] == [
        list(p.frame).index("spend_ahead") - 1 for p in panel.values()
    ]
    keys = {
        study_key(shop(folder, **e), END, "7-aa")
        for e in ({}, {"weekends": WEEKENDS}, {"weekends": WEEKENDS | {"unit": "count"}})
    }
    assert len(keys) == 3
    words = shop(folder, weekends=WEEKENDS | {"meaning": "other words"})
    assert study_key(words, END, "7-aa") in keys


@pytest.mark.slow
def test_a_search_tries_settings_with_it(folder: Path) -> None:
    with Engine() as engine:
        asked = shop(folder, weekends=WEEKENDS)
        ground = ground_of(read(asked, engine), asked, END)
        assert all(d.names[-1] == "weekends" and d.rises[-1] for d in ground.designs.values())
        assert np.isfinite(next(iter(ground.run(asked.model))))


@pytest.mark.parametrize("what", [backtest, read_panel])
def test_a_slip_is_told_before_the_lines_are_read(what: Any, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"got 'amont' in features\.extra\.x\.sql"):
        what(shop(tmp_path, x=WEEKENDS | {"sql": "SUM(amont)"}), END)


def test_the_dictionary_of_a_pipeline_has_its_own_features(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(shop(folder, weekends=WEEKENDS).model_dump(mode="json", exclude_none=True)))
    assert run(["features", str(file), "--list", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == [*CATALOGUE, "weekends"]
    assert said["weekends"] == {
        "family": "Of the pipeline file", "unit": "share", "meaning": WEEKENDS["meaning"], "needs": ["product_id"],
        "sql": WEEKENDS["sql"], "within_days": 98,
    }  # fmt: skip
    assert run(["features", str(file), "--list"]) == 0
    assert "orders at weekends" in capsys.readouterr().out
