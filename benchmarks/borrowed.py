"""What borrowed experience gives a supplier whose history is short.

    python benchmarks/borrowed.py simulated     two simulated suppliers: with and without borrowing, over several seeds
    python benchmarks/borrowed.py hindsight     iowa_suppliers teaches online_retail, although it lies later in time

The second breaks the calendar rule, which the product never does: it says how far experience carries over, not what a
list would have been worth. `--seeds` and `--enough` (own key accounts from which on borrowed rows weigh less) vary it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml

from smartaccounts.config import Pipeline, pipeline_from, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import Backtest, backtest
from smartaccounts.evaluation.lending import Lending, lenders
from smartaccounts.evaluation.metrics import auc, average_precision
from smartaccounts.evaluation.walk import Walk
from smartaccounts.orders.read import read
from smartaccounts.orders.simulate import simulate
from smartaccounts.panel import Panel
from smartaccounts.rankers import pool
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND, PLAIN
from smartaccounts.workflow.demo import PIPELINE

PIPELINES = Path(__file__).parent.parent / "pipelines"
BEGINS = date(2022, 11, 1)
"""Of the borrower's lines nothing earlier is kept."""

DATES = [date(2023, 7, 1), date(2023, 10, 1), date(2024, 1, 1), date(2024, 7, 1), date(2025, 1, 1)]
"""8, 11, 14, 20 and 26 months of the borrower's history; own training dates from the third on."""

QUICK = {"bags": 2, "training_dates": 24}
"""Settings of the simulated pairs, for time; with and without borrowing alike."""

RETAIL = [date(2011, month, 1) for month in range(1, 7)]
AFTER_ALL = date(2018, 1, 1)
"""When the last line of iowa_suppliers is known."""


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["simulated", "hindsight"])
    parser.add_argument("--seeds", type=int, default=6, help="pairs of simulated suppliers")
    parser.add_argument("--enough", type=float, help="own key accounts from which on borrowed rows weigh less")
    asked = parser.parse_args()
    pool.ENOUGH = pool.ENOUGH if asked.enough is None else asked.enough
    rows = pd.concat(
        pd.DataFrame(found) for found in (simulated(asked.seeds) if asked.what == "simulated" else hindsight())
    )
    means = rows.groupby("ranker")["average_precision"].mean()
    best = means[list(BY_PAST_SPEND)].idxmax()  # known only afterwards: a hard bar
    rows = rows[~rows["ranker"].isin([n for n in BY_PAST_SPEND if n != best])]
    with pd.option_context("display.float_format", "{:.3f}".format, "display.width", 200):
        for measure in ("average_precision", "auc"):
            table = rows.pivot_table(values=measure, index="as_of", columns="ranker", margins=True, margins_name="mean")
            print(f"\n{measure}\n{table.to_string()}")
        print(f"\n{rows.groupby('as_of')['key_accounts'].mean().to_string()}")


Row = dict[str, object]


def simulated(seeds: int) -> Iterator[list[Row]]:
    """Yield the measures of each pair of suppliers: the lender with 4,000 customers, the borrower with 1,500."""
    for seed in range(seeds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            simulate(folder / "lender.parquet", customers=4000, years=5.0, seed=2000 + seed, start=date(2020, 1, 1))
            simulate(folder / "borrower.parquet", customers=1500, years=5.5, seed=3000 + seed, start=date(2020, 1, 1))
            lines = pd.read_parquet(folder / "borrower.parquet")
            lines[pd.to_datetime(lines["order_date"]) >= pd.Timestamp(BEGINS)].to_parquet(folder / "borrower.parquet")
            of_lender = PIPELINE | {"name": "lender", "source": PIPELINE["source"] | {"path": "lender.parquet"}}
            (folder / "lender.yaml").write_text(yaml.safe_dump(of_lender))
            said = {"name": "borrower", "source": PIPELINE["source"] | {"path": "borrower.parquet"}}
            made = pipeline_from(PIPELINE | said | {"model": QUICK | {"borrow": ["lender.yaml"]}}, folder=folder)
            found = list(_measures(_walked(made)))
        print(f"seed {seed}: {_short(found)}", flush=True)
        yield found


def _walked(pipeline: Pipeline) -> Backtest:
    alone = pipeline.model.model_copy(update={"borrow": ()})
    rankers = [Growth(pipeline.model, name="borrows"), Growth(alone, name="alone")]
    with Engine() as engine, lenders(pipeline) as others:
        plain = [PLAIN[n] for n in BY_PAST_SPEND]
        return backtest(read(pipeline, engine), DATES, pipeline, [*rankers, *plain], lenders=others)


def _measures(result: Backtest) -> Iterator[Row]:
    """Yield one row per date and ranker."""
    for tested in result.judged:
        y = tested.rows["target"].to_numpy(dtype=int)
        scores = {name: s.score for name, s in tested.scores.items()}
        yield from _rows(tested.fold.test, y, scores)


def _rows(as_of: date, y: np.ndarray, scores: dict[str, np.ndarray]) -> Iterator[Row]:
    for name, score in scores.items():
        yield {
            "as_of": str(as_of), "ranker": name, "key_accounts": int(y.sum()),
            "average_precision": average_precision(y, score).value, "auc": auc(y, score).value,
        }  # fmt: skip


def hindsight() -> Iterator[list[Row]]:
    """Yield the measures on online_retail of a model taught by iowa_suppliers as it was known six years later."""
    own = read_pipeline(PIPELINES / "online_retail.yaml", overrides=["model.borrow=[iowa_suppliers.yaml]"])
    alone = own.model.model_copy(update={"borrow": ()})
    with Engine() as engine, lenders(own) as others:
        walk = Walk(read(own, engine), RETAIL, own)
        later = Lending([replace(a, most=24) for a in others], [AFTER_ALL]).loans(AFTER_ALL)
        stranger = None
        for as_of in RETAIL:
            fold = walk.fold(as_of)
            learned, nothing = walk.learned(fold), walk.panel([], known_before=as_of)
            stranger = stranger or Growth(own.model).fit(_lent(nothing, later))
            tested = walk.panel([as_of], known_before=None)
            tested = tested.rows(tested.snapshot.frame["eligible"])
            frame, y = tested.snapshot.frame, tested.outcome["target"].to_numpy(dtype=int)
            fitted = {
                "iowa alone (hindsight)": stranger,
                "own and iowa (hindsight)": Growth(own.model).fit(_lent(learned, later)),
                "alone": Growth(alone).fit(learned),
            }
            scores = {n: f.score(frame).score for n, f in fitted.items()}
            scores |= {n: PLAIN[n].score(frame).score for n in BY_PAST_SPEND}
            found = list(_rows(as_of, y, scores))
            print(f"{as_of}: {_short(found)}", flush=True)
            yield found


def _lent(panel: Panel, loans: tuple[object, ...]) -> Panel:
    return replace(panel, loans=loans)


def _short(found: list[Row]) -> str:
    means = pd.DataFrame(found).groupby("ranker", sort=False)["average_precision"].mean()
    return ", ".join(f"{name} {value:.3f}" for name, value in means.items())


if __name__ == "__main__":
    main()
