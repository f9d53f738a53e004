"""Literal results on a small source: a change of any figure must be meant.

After a change that is meant: `python -m tests.golden.test_golden` writes the files anew; read what changed.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from smartaccounts.bundle import Bundle, Card
from smartaccounts.config import read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import backtest
from smartaccounts.features.snapshot import STANDING, snapshot
from smartaccounts.orders.read import read
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.workflow.predict import predict

HERE = Path(__file__).parent
PIPELINE = read_pipeline(HERE / "shop.yaml")
AS_OFS = [date(2023, 4, 1), date(2023, 9, 1)]


def _bundle() -> Bundle:
    card = Card(
        pipeline="shop", ranker="decay_180", as_of="2023-04-01", target=PIPELINE.target, needs=(), training_dates=(),
        data_digest="0-0", verdict="Not judged.", better=None, notes=(), versions={},
    )  # fmt: skip
    return Bundle(PLAIN["decay_180"], card)


def _scores() -> str:
    with Engine() as engine:
        scores = backtest(read(PIPELINE, engine), AS_OFS, PIPELINE, list(PLAIN.values())).scores()
    wide = scores.pivot_table(index=["as_of", "market", "customer_id", "target"], columns="ranker", values="score")
    return str(wide[list(PLAIN)].round(9).to_csv(lineterminator="\n"))


def _standing() -> str:
    with Engine() as engine:
        frame = snapshot(read(PIPELINE, engine), AS_OFS, PIPELINE.target).frame
    shown = frame[["as_of", "market", "customer_id", *STANDING]]
    return str(shown.to_csv(index=False, lineterminator="\n", float_format="%.9g"))


def test_growth_list(tmp_path: Path) -> None:
    predict(PIPELINE, AS_OFS[1], _bundle(), tmp_path)
    made, golden = (pd.read_csv(f / "growth_list.csv", dtype={"customer_id": "str"}) for f in (tmp_path, HERE))
    pd.testing.assert_frame_equal(made, golden, rtol=1e-12)  # machines differ in the last digit of an exponential


def test_scores_and_targets_of_the_plain_rankings() -> None:
    assert _scores() == (HERE / "scores.csv").read_text(encoding="utf-8")


def test_standing_of_every_customer() -> None:
    assert _standing() == (HERE / "standing.csv").read_text(encoding="utf-8")


def test_scores_are_those_of_plain_arithmetic() -> None:
    lines = pd.read_csv(
        HERE / "orders.csv", sep=";", decimal=",", dtype={"customer": "str"}, parse_dates=["booked", "known"]
    )
    golden = pd.read_csv(HERE / "scores.csv", dtype={"customer_id": "str"}, parse_dates=["as_of"])
    standing = pd.read_csv(HERE / "standing.csv", dtype={"customer_id": "str"}, parse_dates=["as_of"])
    assert len(golden) > 15
    assert 0 < golden["target"].sum() < len(golden)
    for r in golden.merge(standing, on=["as_of", "market", "customer_id"]).to_dict("records"):
        own = lines[
            (lines["market"] == r["market"]) & (lines["customer"] == r["customer_id"]) & (lines["known"] < r["as_of"])
        ]
        ago = (r["as_of"] - own["booked"]).dt.days
        assert abs(own.loc[(ago > 0) & (ago <= 91), "net"].sum() / r["key_spend"] - r["past_h"]) < 1e-8
        assert abs(own.loc[(ago > 0) & (ago <= 365), "net"].sum() / r["key_spend"] - r["past_365"]) < 1e-8
        for t in (60, 180, 365):
            faded = (own["net"] * np.exp(-ago / t)).sum()
            assert abs(faded / r["key_spend"] - r[f"decay_{t}"]) < 1e-8


if __name__ == "__main__":
    (HERE / "scores.csv").write_text(_scores(), encoding="utf-8")
    (HERE / "standing.csv").write_text(_standing(), encoding="utf-8")
    predict(PIPELINE, AS_OFS[1], _bundle(), HERE / "out")
    (HERE / "out" / "growth_list.csv").replace(HERE / "growth_list.csv")
    for file in (HERE / "out").iterdir():
        file.unlink()
    (HERE / "out").rmdir()
