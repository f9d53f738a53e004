"""A copy without any line known at or after as_of says the same as the full file: snapshot, scores, models, list."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.leakage import Said, compare, differences, known_before
from tests.e2e.conftest import NOW

from smartaccounts.config import Features, Pipeline, read_pipeline

pytestmark = pytest.mark.slow

AS_OF = date.fromisoformat(NOW)
PIPELINES = Path(__file__).parents[2] / "pipelines"
REAL_AS_OF = {"online_retail": date(2011, 1, 1), "iowa_suppliers": date(2014, 7, 1)}  # holidays; the shortest history


@pytest.fixture
def pipeline(supplier: Path) -> Pipeline:
    return read_pipeline(supplier / "supplier.yaml")


def test_simulated(pipeline: Pipeline, tmp_path: Path) -> None:
    said = {
        "weekends": {"sql": "SUM(CASE WHEN weekday >= 5 THEN amount END) / NULLIF(SUM(amount), 0)", "unit": "share"},
        "fading": {"sql": "SUM(amount * EXP(-age / 45.0))", "unit": "money", "direction": "rises"},
        "spread": {"sql": "STDDEV(amount)", "unit": "money", "within_days": 365},
    }
    features = Features.model_validate({"extra": {n: {"meaning": f"the {n}"} | s for n, s in said.items()}})
    left_out, found = compare(pipeline.model_copy(update={"features": features}), AS_OF, tmp_path)
    assert found == []
    assert left_out > 5000


def test_the_simulated_lines_are_known_late(supplier: Path) -> None:
    lines = pd.read_parquet(supplier / "orders.parquet", columns=["order_date", "known_date"]).astype("datetime64[ns]")
    late = (lines["order_date"] < pd.Timestamp(AS_OF)) & (lines["known_date"] >= pd.Timestamp(AS_OF))
    assert late.sum() > 10  # else the test above would show nothing about them


def test_a_difference_would_be_seen() -> None:
    frame = pd.DataFrame({"ranker": ["growth", "past_h"], "score": [1.0, 2.0]})
    said = Said(
        frame, frame, {"growth": {"bundle.json": b"1"}}, "growth-1", {"better": True}, {"a.csv": b"1"}, {"n": 1}
    )
    assert list(differences(said, replace(said, snapshot=frame.copy(), scores=frame.copy()))) == []
    other = frame.assign(score=[1.0, np.nextafter(2.0, 3)])
    changes = {
        "snapshot (score)": {"snapshot": other},
        "snapshot (its shape)": {"snapshot": frame.head(1)},
        "scores (past_h)": {"scores": other},
        "scores (growth)": {"scores": frame.tail(1)},
        "models (growth/bundle.json)": {"models": {"growth": {"bundle.json": b"2"}}},
        "models (growth/bundle.json, past_h/bundle.json)": {"models": {"past_h": {"bundle.json": b"1"}}},
        "champion": {"champion": "growth-2"},
        "verdict": {"verdict": {"better": False}},
        "list": {"list": {"a.csv": b"2"}},
        "run": {"run": {"n": 2}},
    }
    for name, change in changes.items():
        assert list(differences(said, replace(said, **change))) == [name]


def test_the_copy_has_no_line_known_too_late(supplier: Path, tmp_path: Path) -> None:
    known_before(supplier / "orders.parquet", tmp_path / "copy.parquet", "known_date", AS_OF)
    kept = pd.to_datetime(pd.read_parquet(tmp_path / "copy.parquet", columns=["known_date"])["known_date"])
    assert kept.max() == pd.Timestamp(AS_OF) - pd.Timedelta(days=1)


@pytest.mark.real
def test_real(real_name: str, tmp_path: Path) -> None:
    small = ["model.bags=2", "model.rounds=30", "model.rows_per_bag=8000"]  # all that is done, in less time
    pipeline = read_pipeline(PIPELINES / f"{real_name}.yaml", overrides=small)
    left_out, found = compare(pipeline, REAL_AS_OF[real_name], tmp_path)
    assert found == []
    assert left_out > 100_000
