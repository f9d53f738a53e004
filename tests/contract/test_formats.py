"""The files that users and other programs rely on: their columns, in this order, with these types, come what may."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.rankers.synthetic import TARGET, card, firsts, panel_of, snapshot_of

from smartaccounts.bundle import Bundle
from smartaccounts.config import Model, Pipeline, pipeline_from
from smartaccounts.evaluation import walk as walked
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.growth_list.ranked import growth_list
from smartaccounts.growth_list.ranking import rank
from smartaccounts.outputs.tables import write_parquet
from smartaccounts.rankers.base import Fitted, Scores
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import PLAIN, calibrated
from smartaccounts.timeline import Fold

TEXT, NUMBER, TEXTS = pa.string(), pa.float64(), pa.list_(pa.string())
GROWTH_LIST = [
    ("rank", pa.int64()), ("market", TEXT), ("customer_id", TEXT), ("name", TEXT), ("probability", NUMBER),
    ("probability_low", NUMBER), ("probability_high", NUMBER), ("spend_12m", NUMBER), ("spend_prior_12m", NUMBER),
    ("potential_low", NUMBER), ("potential", NUMBER), ("potential_high", NUMBER), ("play", TEXT),
    ("reasons_for", TEXTS), ("reasons_against", TEXTS), ("flags", TEXTS), ("as_of", pa.date32()),
    ("model_version", TEXT), ("listed", pa.bool_()),
]  # fmt: skip
SCORES = [
    ("as_of", pa.date32()), ("market", TEXT), ("customer_id", TEXT), ("ranker", TEXT), ("score", NUMBER),
    ("probability", NUMBER), ("target", NUMBER),
]  # fmt: skip
PANEL = panel_of(snapshot_of(120, firsts(3)))


def fields(frame: pd.DataFrame, path: Path) -> list[tuple[str, pa.DataType]]:
    write_parquet(frame, path)
    return [(f.name, f.type) for f in pq.read_schema(path)]


@pytest.fixture(scope="module")
def fitted() -> dict[str, Fitted]:
    growth = Growth(Model(rounds=5, bags=1, leaves=3, min_rows_per_leaf=10)).fit(PANEL)
    return {"growth": growth, "decay_180": calibrated(PLAIN["decay_180"], PANEL), "past_h": PLAIN["past_h"]}


@pytest.fixture
def shop(tmp_path: Path) -> Pipeline:
    columns = {"customer_id": "c", "order_date": "d", "amount": "a"}
    return pipeline_from({"name": "shop", "source": {"path": "-"}, "columns": columns}, folder=tmp_path)


@pytest.mark.parametrize("name", ["growth", "decay_180", "past_h"])
@pytest.mark.parametrize("named", [True, False])
def test_growth_list(fitted: dict[str, Fitted], shop: Pipeline, tmp_path: Path, name: str, named: bool) -> None:
    attributes = pd.DataFrame({"name": ["Emily"] * 70}, dtype="str") if named else None
    made = growth_list(rank(snapshot_of(70), Bundle(fitted[name], card(name))), shop, attributes=attributes)
    found = fields(made.frame, tmp_path / "growth_list.parquet")
    assert found[: len(GROWTH_LIST)] == GROWTH_LIST
    more = dict(found[len(GROWTH_LIST) :])
    texts = {"play_rule", "play_why", "status", "moved_because", "segment", "region", "sales_rep"}
    assert {c for c, kind in more.items() if kind == pa.string()} == texts
    assert more["keep_small"] == pa.bool_()
    assert {kind for c, kind in more.items() if c not in texts | {"keep_small"}} == {NUMBER}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("probability", [True, False])
def test_scores(tmp_path: Path, known: bool, probability: bool) -> None:
    frame = snapshot_of(5).frame
    rows = frame[["as_of", "market", "customer_id", "key_spend"]].assign(
        spend_ahead=1.0, target=1.0 if known else np.nan
    )  # fmt: skip
    scored = Scores(np.arange(5.0), np.full(5, 0.5) if probability else None)
    fold = walked.Tested(Fold((), date(2021, 1, 1), 91), rows, {"growth": scored}, {}, {}, 0, None)
    result = Backtest("shop", TARGET, 5, (fold,), None)
    assert fields(result.scores(), tmp_path / "scores.parquet") == SCORES
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table["probability"].null_count == (0 if probability else 5)
    assert table["target"].null_count == (0 if known else 5)


def test_scores_of_nobody(tmp_path: Path) -> None:
    nothing = Backtest("shop", TARGET, 5, (), None).scores()
    assert [name for name, _ in fields(nothing, tmp_path / "scores.parquet")] == [name for name, _ in SCORES]
    assert fields(nothing, tmp_path / "scores.parquet") == SCORES
