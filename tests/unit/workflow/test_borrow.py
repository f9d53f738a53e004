"""A supplier with eleven months of lines: the growth model ranks only with borrowed experience, and says whose."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from smartaccounts.bundle import load, save
from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.growth_list.words import words
from smartaccounts.orders.simulate import simulate
from smartaccounts.workflow.backtest import run_backtest
from smartaccounts.workflow.demo import PIPELINE
from smartaccounts.workflow.predict import predict
from smartaccounts.workflow.train import fit

pytestmark = pytest.mark.slow

BEGINS, AS_OF = date(2023, 2, 1), date(2024, 1, 1)
BORROW = ["others/lender.yaml"]
SAID = "Learned from 0 own customers and dates and "


def lines_between(path: Path, start: date, end: date = date(2100, 1, 1)) -> None:
    lines = pd.read_parquet(path)
    days = pd.to_datetime(lines["order_date"])
    lines[(days >= pd.Timestamp(start)) & (days < pd.Timestamp(end))].to_parquet(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("suppliers")
    (made / "others").mkdir()
    simulate(made / "others/lines.parquet", customers=800, years=3.5, seed=0, start=date(2021, 1, 1))
    simulate(made / "lines.parquet", customers=500, years=3.5, seed=5, start=date(2021, 1, 1))
    lines_between(made / "lines.parquet", BEGINS)
    source = {"source": PIPELINE["source"] | {"path": "lines.parquet"}}
    (made / "others/lender.yaml").write_text(yaml.safe_dump(PIPELINE | source | {"name": "lender"}))
    return made


def pipeline(folder: Path, **model: Any) -> Pipeline:
    said = {"name": "shop", "source": PIPELINE["source"] | {"path": "lines.parquet"}}
    quick = {"rounds": 20, "bags": 2, "training_dates": 4}
    return pipeline_from(PIPELINE | said | {"model": quick | model}, folder=folder)


def test_the_backtest_ranks_only_with_borrowing(folder: Path, tmp_path: Path) -> None:
    alone = run_backtest(pipeline(folder), [AS_OF], tmp_path / "alone")
    made = run_backtest(pipeline(folder, borrow=BORROW), [AS_OF], tmp_path / "borrows")
    assert "growth" not in alone.rankers
    scores = pd.read_parquet(tmp_path / "borrows/scores.parquet")
    asked = {name: set(at["customer_id"]) for name, at in scores.groupby("ranker")}
    assert asked["growth"] == asked["past_h"]
    assert asked["growth"] <= set(pd.read_parquet(folder / "lines.parquet")["customer_id"])
    assert set(scores["market"]) == set(alone.scores()["market"])
    (at,) = json.loads((tmp_path / "borrows/metrics.json").read_text())["folds"]
    assert at["notes"]["growth"][0].startswith(SAID)
    assert at["training_dates"] == []
    assert set(at["left_out"]) == {"logistic", "btyd"}  # they learn from own rows alone
    assert made.mean("growth", "auc").value > 0.6


def test_a_training_says_whose_experience_the_list_rests_on(folder: Path, tmp_path: Path) -> None:
    shop = pipeline(folder, borrow=BORROW)
    made = fit(shop, AS_OF)
    assert made.model is not None
    lent = next(n.figures for n in made.model.card.notes if n.key == "lent")
    assert (lent["own"], lent["lender"], lent["first"], lent["last"]) == (0, "lender", "2023-04-01", "2023-07-01")
    assert made.model.card.training_dates == ()
    assert made.verdict.better is None  # eleven months are too few for the gate, whoever lends
    assert made.serves is made.plain
    assert set(made.content.digests) == {"order_lines", "order_lines of lender"}
    save(made.model, tmp_path / "model")
    said = predict(shop, AS_OF, load(tmp_path / "model"), tmp_path / "list")
    assert said.run["notes"] == tuple(words("en").note(n) for n in made.model.card.notes)
    assert any(
        n.startswith(SAID) and n.endswith("of lender (April 1, 2023 to July 1, 2023).") for n in said.run["notes"]
    )
    assert set(said.growth_list.frame["customer_id"]) <= set(pd.read_parquet(folder / "lines.parquet")["customer_id"])


def test_what_the_lender_sees_after_as_of_changes_nothing(folder: Path) -> None:
    shop = pipeline(folder, borrow=BORROW)
    whole = fit(shop, AS_OF)
    kept = (folder / "others/lines.parquet").read_bytes()
    try:
        lines = pd.read_parquet(folder / "others/lines.parquet")
        known = lines[["order_date", "known_date"]].apply(pd.to_datetime).max(axis=1)
        lines[known < pd.Timestamp(AS_OF)].to_parquet(folder / "others/lines.parquet")
        cut = fit(shop, AS_OF)
    finally:
        (folder / "others/lines.parquet").write_bytes(kept)
    assert (whole.model, whole.plain, whole.verdict) == (cut.model, cut.plain, cut.verdict)
