"""Whether the product says less than it knows, and never more.

    python benchmarks/honesty.py coverage     does the stated range of key accounts in the first 50 hold?
    python benchmarks/honesty.py one-off      consumers that come and go, nobody grows: does the plain ranking serve?
    python benchmarks/honesty.py noise        outcomes shuffled within market: does the gate refuse?

`--suppliers`, `--seeds` and `--months` make it smaller; `coverage --out DIR` leaves DIR/NAME_scores.parquet of the real
histories, for an independent judge (benchmarks/iowa_monthly.toml).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from smartaccounts.config import Pipeline, pipeline_from, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import Backtest, backtest
from smartaccounts.evaluation.expectation import stated
from smartaccounts.evaluation.served import SERVED, backtest_served, past_dates, verdict_at
from smartaccounts.evaluation.walk import Walk
from smartaccounts.orders.read import read
from smartaccounts.orders.simulate import simulate
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND, FALLBACK, PLAIN, calibrated
from smartaccounts.timeline import firsts_of_months
from smartaccounts.workflow.demo import PIPELINE

PIPELINES = Path(__file__).parent.parent / "pipelines"
MONTHLY = {
    "online_retail": (date(2010, 12, 1), date(2011, 6, 1)),
    "iowa_suppliers": (date(2014, 7, 1), date(2017, 7, 1)),
}
ONE_OFF = [date(2023, 7, 1), date(2024, 1, 1), date(2024, 7, 1)]
SIMULATED = [date(2023, 3, 1), date(2023, 9, 1), date(2024, 1, 1), date(2024, 7, 1)]
"""Dates of the simulated suppliers: four years from 2021-01-01 on."""


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["coverage", "one-off", "noise"])
    parser.add_argument("--suppliers", type=int, default=20, help="simulated suppliers (coverage)")
    parser.add_argument("--months", type=int, default=1, help="every so many months of the real histories (coverage)")
    parser.add_argument("--seeds", type=int, default=20, help="shuffles (noise), populations (one-off: a tenth)")
    parser.add_argument("--out", type=Path, help="a folder for the scores of the real histories (coverage)")
    asked = parser.parse_args()
    if asked.what == "coverage":
        coverage(asked.suppliers, asked.months, asked.out)
    elif asked.what == "one-off":
        one_off(max(1, asked.seeds // 10))
    else:
        noise(asked.seeds)


@dataclass(frozen=True)
class Calibrated:
    """The plain ranking that serves while nothing is proven, with its probabilities."""

    name: str = "plain"

    def fit(self, panel: Panel) -> Fitted:
        """Calibrate it on a panel."""
        return calibrated(PLAIN[FALLBACK], panel)


def coverage(suppliers: int, months: int, out: Path | None) -> None:
    """Print per history how often the range of the first 50 held, and over all of them."""
    total: dict[str, list[bool]] = {}
    for name, result in histories(suppliers, months):
        for ranker, dates in stated(result).items():
            held = [s.first.holds(s.came_first) for s in dates]
            total.setdefault(ranker, []).extend(held)
            expected, came = sum(s.first.mean for s in dates), sum(s.came_first for s in dates)
            wide = np.mean([s.first.high - s.first.low for s in dates])
            everybody = sum(s.everybody.holds(s.came) for s in dates)
            of_all = np.mean([s.everybody.mean / max(s.came, 1) for s in dates])
            print(
                f"{name:16} {ranker:7} first {result.capacity}: held at {sum(held)} of {len(held)}, mean width "
                f"{wide:.1f}, expected {expected:.0f}, came {came}; everybody: held at {everybody}, expected over came "
                f"{of_all:.2f}",
                flush=True,
            )
        if out is not None and name in MONTHLY:
            out.mkdir(parents=True, exist_ok=True)
            result.scores().to_parquet(out / f"{name}_scores.parquet")
    for ranker, held in total.items():
        print(f"all {ranker}: {sum(held)} of {len(held)} = {np.mean(held):.0%}")


def histories(suppliers: int, months: int) -> Iterator[tuple[str, Backtest]]:
    """Yield the real histories month by month, then the simulated suppliers."""
    for name, (first, last) in MONTHLY.items():
        yield name, tested(read_pipeline(PIPELINES / f"{name}.yaml"), firsts_of_months(first, last)[::months])
    for seed in range(suppliers):
        with TemporaryDirectory() as folder:
            simulate(Path(folder) / "orders.parquet", customers=3000, years=4.0, seed=1000 + seed)
            yield f"simulated {seed}", tested(pipeline_from(PIPELINE, folder=Path(folder)), SIMULATED)


def tested(pipeline: Pipeline, dates: Sequence[date]) -> Backtest:
    """Backtest the growth model, the plain ranking that serves meanwhile, and the rankings by past spend."""
    with Engine() as engine:
        lines = read(pipeline, engine)
        bar = [PLAIN[name] for name in BY_PAST_SPEND]
        return backtest(lines, dates, pipeline, [Growth(pipeline.model), Calibrated(), *bar])


def one_off(populations: int) -> None:
    """Print what serves consumers whose purchase rate and drop-out are drawn as in BG/NBD, and how good it is."""
    columns = {"customer_id": "customer_id", "order_date": "day", "amount": "amount"}
    for seed in range(populations):
        with TemporaryDirectory() as folder:
            consumers(np.random.default_rng(seed)).to_parquet(Path(folder) / "lines.parquet")
            said = {"name": "consumers", "source": {"path": "lines.parquet"}, "columns": columns}
            pipeline = pipeline_from(said, folder=Path(folder))
            with Engine() as engine:
                rankers = [Growth(pipeline.model), *(PLAIN[name] for name in BY_PAST_SPEND)]
                result = backtest_served(read(pipeline, engine), ONE_OFF, pipeline, rankers)
        for at in result.judged:
            print(f"{seed} {at.fold.test} {at.served}")
        precision = f"precision_at_{result.capacity}"
        for name in ("average_precision", precision):
            means = {r: result.mean(r, name).value for r in ("growth", SERVED, str(result.best_plain))}
            print(f"{seed} {name}: " + ", ".join(f"{r} {v:.3f}" for r, v in means.items()), flush=True)


def consumers(rng: np.random.Generator, *, customers: int = 40_000, years: int = 4) -> pd.DataFrame:
    """Return order lines: customers enter evenly, buy at a gamma-distributed rate, and may leave after every purchase.

    Rates (per day) and drop-out are drawn as in BG/NBD (Fader, Hardie, Lee 2005: r 0.243, alpha 4.414 weeks, a 0.793,
    b 2.426); amounts as in gamma-gamma: each has its own mean, which never changes.
    """
    days, start = 365 * years, date(2021, 1, 1)
    rate, leaving = rng.gamma(0.243, 1 / (4.414 * 7), customers), rng.beta(0.793, 2.426, customers)
    level = 400 / rng.gamma(4.0, 1.0, customers)
    rows: list[tuple[str, date, float]] = []
    for c, entry in enumerate(rng.uniform(-180, days, customers)):
        at = entry
        while at < days:
            if at >= 0:
                rows.append((f"c{c:05d}", start + timedelta(days=int(at)), float(level[c] * rng.gamma(4.0, 0.25))))
            if rng.random() < leaving[c]:
                break
            at += rng.exponential(1 / rate[c]) + 1
    return pd.DataFrame(rows, columns=["customer_id", "day", "amount"])


class Shuffled(Walk):
    """A walk in which outcomes are shuffled among the eligible, and among the others, of each date and market."""

    seed = 0

    def panel(self, dates: Sequence[date], *, known_before: date | None) -> Panel:
        """Return the panel with shuffled outcomes: the same shuffle wherever a date is asked for."""
        found = super().panel(dates, known_before=known_before)
        frame = found.snapshot.frame
        place = np.arange(len(frame))
        for (as_of, *_), rows in frame.groupby(["as_of", "market", "eligible"], sort=True).indices.items():
            rng = np.random.default_rng([self.seed, int(pd.Timestamp(as_of).toordinal()), len(rows)])
            place[rows] = rng.permutation(rows)
        return Panel(found.snapshot, found.outcome.iloc[place].reset_index(drop=True))


def noise(seeds: int) -> None:
    """Print in how many of the shuffles the gate refuses the growth model."""
    as_of, refused = date(2025, 1, 1), 0
    with TemporaryDirectory() as folder, Engine() as engine:
        simulate(Path(folder) / "orders.parquet", customers=2000, years=4.0, seed=99)
        pipeline = pipeline_from(PIPELINE, folder=Path(folder))
        lines = read(pipeline, engine)
        dates = past_dates(lines, as_of, pipeline)
        walk = Shuffled(lines, dates, pipeline, taught=[as_of])
        for seed in range(seeds):
            walk.seed = seed
            walk.forget()
            verdict = verdict_at(walk, as_of, dates, Growth(pipeline.model))
            refused += verdict.better is not True
            print(f"{seed} {verdict.better} {verdict.sentence}", flush=True)
    print(f"refused in {refused} of {seeds}")


if __name__ == "__main__":
    main()
