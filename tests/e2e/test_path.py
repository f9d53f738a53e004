"""The whole path, order lines to a growth list, through the commands on a simulated supplier."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.e2e.conftest import BEFORE, LONG_BEFORE, NOW, OPEN, World

from smartaccounts.bundle import load
from smartaccounts.config import read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.snapshot import CATALOGUE, Snapshot, snapshot
from smartaccounts.orders.read import read

pytestmark = pytest.mark.slow

TEXT, NUMBER, YES_NO, TEXTS = pa.string(), pa.float64(), pa.bool_(), pa.list_(pa.string())
SCORES = {
    "as_of": pa.date32(), "market": TEXT, "customer_id": TEXT, "ranker": TEXT, "score": NUMBER, "probability": NUMBER,
    "target": NUMBER,
}  # fmt: skip
GROWTH_LIST = {
    "rank": pa.int64(), "market": TEXT, "customer_id": TEXT, "name": TEXT, "probability": NUMBER,
    "probability_low": NUMBER, "probability_high": NUMBER, "spend_12m": NUMBER, "spend_prior_12m": NUMBER,
    "potential_low": NUMBER, "potential": NUMBER, "potential_high": NUMBER, "play": TEXT, "reasons_for": TEXTS,
    "reasons_against": TEXTS, "flags": TEXTS, "as_of": pa.date32(), "model_version": TEXT, "listed": YES_NO,
}  # fmt: skip
LEARNED = {"growth", "logistic", "btyd", "served"}
PLAINS = {"past_h", "past_365", "decay_60", "decay_180", "decay_365", "spend_change", "rfm"}


def schema(path: Path) -> dict[str, pa.DataType]:
    return {f.name: f.type for f in pq.read_schema(path)}


@pytest.fixture(scope="module")
def scores(world: World) -> pd.DataFrame:
    return pq.read_table(world.folder / "backtest" / "scores.parquet").to_pandas()


@pytest.fixture(scope="module")
def metrics(world: World) -> Any:
    return json.loads((world.folder / "backtest" / "metrics.json").read_text())


@pytest.fixture(scope="module")
def listed(world: World) -> list[dict[str, Any]]:
    return pq.read_table(world.folder / "list" / "growth_list.parquet").to_pylist()


@pytest.fixture(scope="module")
def eligible(world: World) -> Snapshot:
    """Return the snapshot of the day of the list, computed apart from it."""
    pipeline = read_pipeline(world.folder / "supplier.yaml")
    with Engine() as engine:
        return snapshot(read(pipeline, engine), [date.fromisoformat(OPEN)], pipeline.target).eligible()


def test_every_command_was_done(world: World) -> None:
    codes = {name: said.code for name, said in world.said.items()}
    assert codes == dict.fromkeys(codes, 0) | {"rollback too far": 2}
    assert {name: said.err for name, said in world.said.items() if said.err} == {
        "rollback too far": world.said["rollback too far"].err
    }


def test_nothing_but_the_files_asked_for_was_left(world: World) -> None:
    assert sorted(p.name for p in world.folder.iterdir()) == [
        "back", "backtest", "compared", "list", "mlruns", "models", "open", "orders.parquet", "other", "promoted",
        "snapshot.parquet", "supplier.yaml",
    ]  # fmt: skip
    assert sorted(p.name for p in (world.folder / "list").iterdir()) == [
        "growth_list.csv", "growth_list.html", "growth_list.parquet", "growth_list.xlsx", "run.json",
    ]  # fmt: skip
    assert sorted(p.name for p in (world.folder / "backtest").iterdir()) == [
        "by_date.png", "gain.png", "lift.png", "metrics.json", "reliability.png", "scores.parquet",
    ]  # fmt: skip
    assert sorted(p.name for p in (world.folder / "open").iterdir()) == ["metrics.json", "scores.parquet"]


def test_features(world: World) -> None:
    said = world.said["features"].json
    frame = pq.read_table(world.folder / "snapshot.parquet").to_pandas()
    assert said["rows"] == len(frame) > 800
    assert said["as_of"] == [BEFORE, NOW]
    assert said["absent"] == []
    assert list(CATALOGUE) == [c for c in frame if c in CATALOGUE]
    assert not frame.duplicated(["as_of", "market", "customer_id"]).any()


# backtest


def test_scores_have_the_columns_and_types_that_are_promised(world: World) -> None:
    for folder in ("backtest", "open"):
        assert schema(world.folder / folder / "scores.parquet") == SCORES


def test_scores_are_of_every_eligible_customer_by_every_ranker(scores: pd.DataFrame, metrics: Any) -> None:
    for fold, (as_of, rows) in zip(metrics["folds"], scores.groupby("as_of"), strict=True):
        assert str(as_of) == fold["as_of"]
        assert rows["ranker"].value_counts().to_dict() == dict.fromkeys(PLAINS | LEARNED, fold["eligible"])
    assert not scores.duplicated(["as_of", "market", "customer_id", "ranker"]).any()
    assert np.isfinite(scores["score"]).all()
    assert scores.groupby(["as_of", "market", "customer_id"])["target"].nunique(dropna=False).eq(1).all()


def test_only_the_learned_rankers_have_probabilities_and_they_follow_their_scores(scores: pd.DataFrame) -> None:
    learned = scores["ranker"].isin(LEARNED)
    assert scores.loc[~learned, "probability"].isna().all()
    for _, rows in scores[learned].groupby(["as_of", "ranker"]):
        ordered = rows.sort_values("score")["probability"]
        assert ordered.between(0, 1).all()
        assert (np.diff(ordered) >= 0).all()


def test_targets_are_null_only_where_the_horizon_is_not_over(scores: pd.DataFrame, metrics: Any) -> None:
    known = scores.groupby("as_of")["target"].agg(lambda t: t.notna().all())
    assert known.tolist() == [True, True, False] == [f["outcome_known"] for f in metrics["folds"]]
    assert set(scores["target"].dropna()) == {0.0, 1.0}


def test_metrics(metrics: Any, scores: pd.DataFrame) -> None:
    assert metrics["pipeline"] == "supplier"
    assert metrics["best_plain"] in PLAINS
    assert set(metrics["rankers"]) == PLAINS | LEARNED
    for fold in metrics["folds"]:
        assert len(fold["training_dates"]) == 8
        assert max(fold["training_dates"]) < fold["as_of"]
        assert fold["left_out"] == {}
        assert fold["training_rows"] > 3000
    first = scores[(scores["as_of"].astype(str) == BEFORE) & (scores["ranker"] == "growth")]
    assert metrics["folds"][0]["base_rate"] == first["target"].mean()
    top = first.sort_values("score", ascending=False).head(40)["target"].mean()
    found = metrics["rankers"]["growth"]["precision_at_40"]["by_date"][0]
    assert found["value"] == top
    assert found["low"] <= found["high"]


def test_the_table_of_a_backtest_names_the_bar_and_every_ranker(world: World, metrics: Any) -> None:
    out = world.said["backtest"].out
    assert f"{metrics['best_plain']} *" in out
    assert all(r in out for r in PLAINS | LEARNED)
    assert "x as good as" in out
    assert out.rstrip().endswith("Scores, metrics and figures: backtest")
    assert all(len(line.rstrip()) <= 120 for line in out.splitlines())


def test_where_no_outcome_is_known_there_are_scores_and_no_measures(world: World) -> None:
    said = world.said["backtest open"].json
    assert said == json.loads((world.folder / "open" / "metrics.json").read_text())
    assert (said["rankers"], said["best_plain"], said["folds"][0]["key_accounts"]) == ({}, None, None)


def test_a_date_scores_the_same_alone_and_among_others(world: World, scores: pd.DataFrame) -> None:
    alone = pq.read_table(world.folder / "open" / "scores.parquet").to_pandas()
    pd.testing.assert_frame_equal(
        alone, scores[scores["as_of"].astype(str) == OPEN].reset_index(drop=True), check_exact=True
    )


# the list


def test_the_list_has_the_columns_in_their_order_and_their_types(world: World) -> None:
    for folder in ("list", "other", "back"):
        found = schema(world.folder / folder / "growth_list.parquet")
        assert list(found)[: len(GROWTH_LIST)] == list(GROWTH_LIST)
        assert {name: found[name] for name in GROWTH_LIST} == GROWTH_LIST


def test_the_list_is_a_permutation_of_the_eligible(listed: list[dict[str, Any]], eligible: Snapshot) -> None:
    assert [r["rank"] for r in listed] == list(range(1, len(eligible.frame) + 1))
    assert sorted(r["customer_id"] for r in listed) == eligible.frame["customer_id"].tolist()
    keys = [(-r["score"], r["market"], r["customer_id"]) for r in listed]
    assert keys == sorted(keys)


def test_figures_are_those_of_the_snapshot(listed: list[dict[str, Any]], eligible: Snapshot) -> None:
    rows = eligible.frame.set_index("customer_id")
    for r in listed:
        own = rows.loc[r["customer_id"]]
        assert (r["spend_12m"], r["spend_prior_12m"]) == (own["spend_365d"], own["spend_prior_365d"])
        assert (r["key_spend"], r["as_of"]) == (own["key_spend"], date.fromisoformat(OPEN))


def test_forty_are_listed_with_reasons(listed: list[dict[str, Any]]) -> None:
    assert [r["listed"] for r in listed] == [True] * 40 + [False] * (len(listed) - 40)
    for r in listed:
        for reasons in (r["reasons_for"], r["reasons_against"]):
            assert (reasons is not None) == r["listed"]
            assert reasons is None or len(reasons) <= 3
        assert not r["listed"] or r["reasons_for"]
        assert (r["flags"] is not None) == r["listed"]
        assert r["play"]
        assert 0 <= r["potential_low"] <= r["potential"] <= r["potential_high"]
        assert (r["play_why"] is not None) == r["listed"]


def test_probabilities_follow_the_rank(listed: list[dict[str, Any]]) -> None:
    chances = [r["probability"] for r in listed]
    if chances[0] is not None:
        assert all(0 < p < 1 for p in chances)
        assert chances == sorted(chances, reverse=True)


def test_csv_says_the_same(world: World, listed: list[dict[str, Any]]) -> None:
    with (world.folder / "list" / "growth_list.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(listed)
    for shown, held in zip(rows, listed, strict=True):
        assert shown["customer_id"] == held["customer_id"]
        assert shown["as_of"] == OPEN
        assert shown["reasons_for"] == " | ".join(held["reasons_for"] or [])
        assert float(shown["score"]) == held["score"]


@pytest.mark.parametrize("ref", ["list", "other", "back"])
def test_run_json(world: World, ref: str) -> None:
    said = json.loads((world.folder / ref / "run.json").read_text())
    rows = said["rows"]
    assert rows["rows_in"] == rows["rows_out"] + sum(rows["rejected"].values())
    assert rows["rows_in"] == pq.read_metadata(world.folder / "orders.parquet").num_rows
    assert said["pipeline"] == "supplier"
    assert (said["as_of"], said["horizon_days"], said["listed"]) == (OPEN, 182, 40)
    assert 0 < said["base_rate"] < 0.2
    assert said["eligible"] < said["customers"]
    lines, digest = said["data_digest"].split("-")
    assert int(lines) <= rows["rows_out"]
    assert len(digest) == 16
    assert list(said["seconds"]) == ["read", "features", "scores and reasons", "workbook", "page", "rest of the tables"]
    assert all(s >= 0 for s in said["seconds"].values())
    first = pq.read_table(world.folder / ref / "growth_list.parquet").to_pylist()[0]
    assert first["model_version"] == said["model_version"]


def test_the_base_rate_is_that_of_half_a_year_before(world: World, scores: pd.DataFrame) -> None:
    # 2023-07-03 is one horizon before the list; two days earlier the base rate is nearly the same
    before = scores[(scores["as_of"].astype(str) == NOW) & (scores["ranker"] == "past_h")]["target"].mean()
    assert world.said["predict"].json["base_rate"] == pytest.approx(before, abs=0.005)


def test_json_of_predict_is_run_json(world: World) -> None:
    held = json.loads((world.folder / "list" / "run.json").read_text())
    held.pop("seconds")
    assert world.said["predict"].json == held


def test_predict_says_what_to_expect(world: World) -> None:
    said = world.said["predict challenger"].words
    for text in (
        "small customers ranked as of 2024-01-01, 40 listed: other",
        "Order lines: ",
        "small customers like these, ",
        "Of the 40 on this list expect ",
    ):
        assert text in said
    assert "The first 10" in said


@pytest.mark.parametrize("name", ["list", "other"])
def test_contributions_and_the_base_add_up_to_the_score(world: World, eligible: Snapshot, name: str) -> None:
    version = json.loads((world.folder / name / "run.json").read_text())["model_version"]
    bundles = {b.version: b for b in map(load, world.folder.glob("mlruns/artifacts/supplier/*/artifacts/bundle"))}
    fitted = bundles[version].fitted
    made = fitted.contributions(eligible.frame)
    score = dict(zip(eligible.frame["customer_id"], made.base + made.values.sum(axis=1), strict=True))
    for r in pq.read_table(world.folder / name / "growth_list.parquet").to_pylist():
        assert score[r["customer_id"]] == pytest.approx(r["score"], abs=1e-6)


# what is in service


def test_the_first_training_put_something_in_service_by_the_evidence(world: World) -> None:
    said = world.said["train"].json
    assert said["in_service"] is True
    assert (said["ranker"] == "growth") == (said["verdict"]["better"] is True)
    assert said["verdict"]["dates"] >= 2
    assert world.said["predict"].json["model_version"] == said["model_version"]


def test_the_second_is_challenger_until_it_is_promoted(world: World) -> None:
    first = world.said["train"].json["model_version"]
    assert "is challenger: promote puts it in service." in world.said["train again"].words
    other = json.loads((world.folder / "other" / "run.json").read_text())
    assert other["model_as_of"] == OPEN
    assert other["ranker"] == "growth"
    promoted, back = (world.said[f"predict {w}"].json for w in ("promoted", "rolled back"))
    assert promoted["model_version"] == other["model_version"] != first
    assert back["model_version"] == first


def test_going_back_makes_the_same_list_again(world: World) -> None:
    for file in ("growth_list.parquet", "growth_list.csv"):
        assert (world.folder / "back" / file).read_bytes() == (world.folder / "list" / file).read_bytes()
    assert "is in service again." in world.said["rollback"].words
    assert load(world.folder / "models" / "supplier").version == world.said["train"].json["model_version"]
    assert "got none in sqlite:" in world.said["rollback too far"].err


def test_the_leaderboard_has_every_training(world: World) -> None:
    rows = world.said["compare promoted"].json
    champions = [r for r in rows if "champion" in r["aliases"]]
    assert [r["model_version"] for r in champions] == [world.said["predict promoted"].json["model_version"]]
    assert {r["as_of"] for r in rows} == {NOW, OPEN}
    assert [r["as_of"] for r in rows] == sorted((r["as_of"] for r in rows), reverse=True)  # the latest first
    means = [r["metrics"]["average_precision"]["value"] for r in rows]
    shown = world.said["compare"].out
    assert all(f"{mean:.3f}" in shown for mean in means)
    assert "champion" in shown
    assert "challenger" in shown


def test_no_customer_reaches_the_store(world: World) -> None:
    ids = {
        r["customer_id"] for r in pq.read_table(world.folder / "orders.parquet", columns=["customer_id"]).to_pylist()
    }
    some = [i.encode() for i in sorted(filter(None, ids))[:50]]
    files = [p for p in (world.folder / "mlruns").rglob("*") if p.is_file()]
    assert len(files) > 20
    for file in files:
        content = file.read_bytes()
        assert not any(i in content for i in some), file


# trainings and rankers compared


def test_a_training_beside_the_champion(world: World) -> None:
    rows = world.said["compare promoted"].json
    by_as_of = {r["as_of"]: r["against_champion"] for r in rows if r["ranker"] == "growth"}
    assert by_as_of[OPEN]["reason"] == "in service"
    assert by_as_of[NOW]["reason"]
    assert "to champion: difference in average precision" in world.said["compare"].words
    assert all(len(line) <= 100 for line in world.said["compare"].out.splitlines())


def test_every_training_left_its_draws_and_none_names_a_customer(world: World) -> None:
    files = list((world.folder / "mlruns").rglob("draws.json"))
    assert len(files) == len(world.said["compare promoted"].json)
    for file in files:
        said = json.loads(file.read_text())
        assert len(said["dates"]) >= 2
        assert {len(d["draws"]) for d in said["dates"]} == {300}


def test_a_report_on_rankers_over_time(world: World) -> None:
    said = world.said["over time"].json
    assert said["dates"] == [LONG_BEFORE, BEFORE, NOW]
    assert {f["ranker"] for f in said["followed"]} == (PLAINS | LEARNED) - {"served"}
    by_name = {f["ranker"]: f for f in said["followed"]}
    for i, best in enumerate(said["best"]):
        values = {r: f["judged"][i]["average_precision"]["value"] for r, f in by_name.items()}
        assert max(values.values()) == best
        assert {r: best - v for r, v in values.items()} == {r: f["judged"][i]["regret"] for r, f in by_name.items()}
    for f in said["followed"]:
        assert [c["kept"] + c["overtaken"] + c["left"] for c in f["changes"]] == [40, 40]
    for rule in said["rules"]:
        assert [(p["as_of"], p["seen"]) for p in rule["picks"]] == [(BEFORE, LONG_BEFORE), (NOW, LONG_BEFORE)]
    assert sorted(p.name for p in (world.folder / "compared").iterdir()) == ["compare.png", "selection.html"]
    page = (world.folder / "compared" / "selection.html").read_text()
    assert said["summary"][0] in page
    assert page.count("<svg") == 10


def test_the_measures_of_the_report_are_those_of_the_backtest(world: World, metrics: Any) -> None:
    said = world.said["over time"].json
    for f in said["followed"]:
        ours = [j["average_precision"]["value"] for j in f["judged"][1:]]
        theirs = [d["value"] for d in metrics["rankers"][f["ranker"]]["average_precision"]["by_date"][:2]]
        assert ours == theirs
