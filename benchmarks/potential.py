"""Whether the potential holds: out of time, on both real histories and on simulated suppliers.

    python -m benchmarks.potential [--history online_retail] [--suppliers N] [--short] [--scores DIR]

Per date and history, among the eligible: the share whose spend lay in the stated 80% range (capped by the highest that
peers ever reached), how many ended below and above it, the rank correlation of the middle with what was spent against
that of the spend of the last 365 days, the mean pinball loss of the middle and of last half year's spend, the width
of the range (both over K), and how far the two views agree: rank correlation of the middles, share of accounts whose
ranges overlap, and whose peers' middle lies in the range. `--short` judges the second year of each history in place of
the usual dates: what little history costs. With `--scores` (DIR/HISTORY/scores.parquet of `smartaccounts backtest`)
the ranges agree with the growth model's chances as on a list, and the first 50 by chance are shown, before and after.
Training is that of `smartaccounts train` as of each date.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from benchmarks.recipe import CUT_OFFS

from smartaccounts.config import Pipeline, pipeline_from, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.walk import Walk
from smartaccounts.orders.read import read
from smartaccounts.orders.simulate import simulate
from smartaccounts.panel import Panel
from smartaccounts.rankers.peers import fit_peers
from smartaccounts.rankers.potential import fit_potential
from smartaccounts.timeline import firsts_of_months
from smartaccounts.workflow.demo import PIPELINE

PIPELINES = Path(__file__).parent.parent / "pipelines"
SIMULATED = [date(2023, 3, 1), date(2023, 9, 1), date(2024, 1, 1), date(2024, 7, 1)]
SECOND_YEAR = {"online_retail": 2011, "iowa_suppliers": 2013}


def main() -> None:
    """Print one row per date, and the means of each history."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", choices=[*CUT_OFFS], action="append")
    parser.add_argument("--suppliers", type=int, default=0, help="simulated suppliers beside")
    parser.add_argument("--scores", type=Path, help="folder of backtests, one per history")
    parser.add_argument("--short", action="store_true", help="February to June of the second year of each history")
    asked = parser.parse_args()
    for name, pipeline, dates in histories(asked.history or list(CUT_OFFS), asked.suppliers, short=asked.short):
        with Engine() as engine:
            walk = Walk(read(pipeline, engine), dates, pipeline, ())
            rows = [judged(walk, day, pipeline, scores=asked.scores and asked.scores / name) for day in dates]
        table = pd.DataFrame(rows, index=pd.Index([str(d) for d in dates], name=name))
        print(table.round(3).to_string())
        print(f"{name}: " + "  ".join(f"{k} {v:.4f}" for k, v in table.mean().items()), flush=True)


def histories(names: Sequence[str], suppliers: int, *, short: bool) -> Iterator[tuple[str, Pipeline, list[date]]]:
    """Yield the real histories, then the simulated suppliers (four years from 2021 on)."""
    for name in names:
        second = firsts_of_months(date(SECOND_YEAR[name], 2, 1), date(SECOND_YEAR[name], 6, 1))
        yield name, read_pipeline(PIPELINES / f"{name}.yaml"), list(second) if short else CUT_OFFS[name]
    for seed in range(suppliers):
        with TemporaryDirectory() as folder:
            simulate(Path(folder) / "orders.parquet", customers=3000, years=4.0, seed=1000 + seed)
            dates = list(firsts_of_months(date(2022, 2, 1), date(2022, 6, 1))) if short else SIMULATED
            yield f"simulated {seed}", pipeline_from(PIPELINE, folder=Path(folder)), dates


def judged(walk: Walk, day: date, pipeline: Pipeline, *, scores: Path | None) -> dict[str, float]:
    """Train as of a date and compare with what came."""
    fold = walk.fold(day)
    learned, came = walk.learned(fold), test_rows(walk, day)
    started = time.process_time()
    model, peers = fit_potential(learned, pipeline.model), fit_peers(learned, season=pipeline.model.season)
    seconds = time.process_time() - started
    frame, spend = came.snapshot.frame, came.outcome["spend_ahead"].to_numpy(dtype=float)
    beside = peers.of(frame)
    key, highest = frame["key_spend"].to_numpy(dtype=float), beside["peer_highest"].to_numpy()
    told = model.predict(frame).capped(highest)
    more: dict[str, float] = {}
    if scores is not None:
        chance = chances(scores, day, frame)
        first, alone = np.argsort(-chance, kind="stable")[:50], told
        told = model.predict(frame).reaching(key, chance, highest)
        for name, ends in (("alone", alone), ("agreeing", told)):
            more[f"first_50_held_{name}"] = ((ends.low <= spend) & (spend <= ends.high))[first].mean()
            more[f"first_50_pinball_{name}"] = float(np.mean((np.abs(spend - ends.middle) / key / 2)[first]))
    held = (told.low <= spend) & (spend <= told.high)
    views = pd.DataFrame({"middle": told.middle, "peers": beside["peer_middle"]})
    views = views.assign(spend=spend, past=frame["spend_365d"])
    ranks = views.corr(method="spearman")
    best = np.argsort(-told.middle / key, kind="stable")[: len(key) // 10]
    peer_held = (beside["peer_low"] <= spend) & (spend <= beside["peer_high"])
    return {
        "eligible": len(spend), "held": held.mean(), "below": (spend < told.low).mean(),
        "above": (spend > told.high).mean(),
        "held_first_tenth": held[best].mean(), "peers_held": peer_held.mean(), "rank": ranks.loc["middle", "spend"],
        "rank_365d": ranks.loc["past", "spend"], "rank_peers": ranks.loc["peers", "spend"],
        "pinball": np.abs(spend - told.middle).dot(0.5 / key) / len(key),
        "pinball_past_h": np.abs(spend - frame["spend_h"]).dot(0.5 / key) / len(key),
        "width": ((told.high - told.low) / key).mean(), "views_rank": ranks.loc["middle", "peers"],
        "views_overlap": ((told.low <= beside["peer_high"]) & (beside["peer_low"] <= told.high)).mean(),
        "peer_middle_within": ((told.low <= beside["peer_middle"]) & (beside["peer_middle"] <= told.high)).mean(),
        "cpu_s": seconds, **more,
    }  # fmt: skip


def chances(scores: Path, day: date, frame: pd.DataFrame) -> np.ndarray:
    """Return the growth model's chance of each row."""
    found = pd.read_parquet(scores / "scores.parquet")
    found = found[(found["ranker"] == "growth") & (found["as_of"].astype(str) == str(day))]
    keyed = found.set_index(["market", "customer_id"])["probability"]
    return keyed.reindex(pd.MultiIndex.from_frame(frame[["market", "customer_id"]])).to_numpy(dtype=float)


def test_rows(walk: Walk, day: date) -> Panel:
    """Return the eligible rows of a date with what came, all lines known."""
    found = walk.panel([day], known_before=None)
    return found.rows(found.snapshot.frame["eligible"])


if __name__ == "__main__":
    main()
