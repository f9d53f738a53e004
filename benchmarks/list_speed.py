"""What a list with all its files costs beside what it cannot do without: features, and LightGBM's predictions.

    python benchmarks/list_speed.py [--customers 100000] [--listed 500]

Trains on a small simulated supplier, simulates a large one, and writes its list with everything that belongs to one
(names and representatives, potential, peers, plays, costs, reasons, flags, parquet, csv, xlsx, html); then the same
order lines are read, their features computed, and the boosters of the growth model predict by
`lightgbm.Booster.predict`, no more (a list asks those of the potential too). By turns, `--repeats` times; medians of
seconds and of CPU seconds (of all threads: what others do on the machine counts less) and their ratios are printed,
and what each step of the last list took.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm as lgb

from smartaccounts.bundle import Bundle
from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.threads import threads
from smartaccounts.features.snapshot import latest
from smartaccounts.growth_list.plays import check_rules
from smartaccounts.orders.simulate import simulate
from smartaccounts.rankers.design import design, pieces
from smartaccounts.rankers.growth import GrowthModel
from smartaccounts.workflow.demo import LIST, PIPELINE
from smartaccounts.workflow.lines import order_lines
from smartaccounts.workflow.predict import predict
from smartaccounts.workflow.train import fit

AS_OF = date(2025, 1, 1)
COSTS = {"margin_share": 0.2, "per_order": 4, "per_personal_order": 6, "worked_account": 100}


def main() -> None:
    """Simulate, train, and time both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--listed", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    settings = {"customers": LIST["customers"], "growth_list": {"capacity": asked.listed, "costs": COSTS}}
    with TemporaryDirectory() as folder:
        bundle = trained(Path(folder) / "small", settings)
        large = Path(folder) / "large"
        large.mkdir()
        made = simulate(large / "orders.parquet", customers=asked.customers, years=2.0, start=date(2023, 1, 1))
        pipeline = pipeline_from(PIPELINE | settings, folder=large)
        print(f"{made.line_count:,} lines, {asked.customers:,} customers, {asked.listed} listed, {bundle.card.ranker}")
        whole, alone = [], []
        for i in range(asked.repeats):
            out = Path(folder) / f"out{i}"
            check_rules.cache_clear()  # a command checks them once
            whole.append(timed(lambda out=out: predict(pipeline, AS_OF, bundle, out)))
            alone.append(timed(lambda: scored(pipeline, bundle)))
        steps = json.loads((out / "run.json").read_text())["seconds"]
    for kind, totals, leasts in zip(("s", "CPU s"), zip(*whole, strict=True), zip(*alone, strict=True), strict=True):
        total, least = statistics.median(totals), statistics.median(leasts)
        print(
            f"list and all files {total:.1f} {kind}, features and predictions alone {least:.1f}: {total / least:.3f} x"
        )
    print("  ".join(f"{step} {seconds:.1f} s" for step, seconds in steps.items()))


def trained(folder: Path, settings: dict[str, Any]) -> Bundle:
    """Return a growth model of a small supplier with the default settings: what it costs to apply is the same."""
    folder.mkdir()
    simulate(folder / "orders.parquet", customers=2000, years=3.0, start=date(2022, 1, 1))
    made = fit(pipeline_from(PIPELINE | {"model": {"training_dates": 12}} | settings, folder=folder), AS_OF)
    return made.model or made.plain


def scored(pipeline: Pipeline, bundle: Bundle) -> None:
    """Read the lines, compute the features that a list needs, and let the boosters predict."""
    with order_lines(pipeline, once=True) as lines:
        before = AS_OF - timedelta(days=pipeline.target.horizon_days)
        _, now = latest(lines, before, AS_OF, pipeline.target)
    fitted = bundle.fitted
    if not isinstance(fitted, GrowthModel):
        raise SystemExit(f"Expected a growth model, got {fitted.name}.")
    for piece in pieces(now.eligible().frame):
        matrix = design(piece).of(fitted.columns)
        for text in fitted.boosters:
            lgb.Booster(model_str=text).predict(matrix, raw_score=True, num_threads=threads())


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that something takes, and the CPU seconds of all threads."""
    start, worked = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - start, time.process_time() - worked


if __name__ == "__main__":
    main()
