"""Whether the proposed length of a list pays: realised profit on past dates, against rankings by past spend.

    python -m benchmarks.profit [--history online_retail] [--cost 0.01] [--capacity 50] [--out DIR]

Everything is in units of K, the spend of a key account in a horizon, so that markets can be added up. An account that
is worked brings MARGIN of what it spends more in the horizon than in the one before, and costs `--cost`. Every
ranking's length is chosen before the outcome, by its own profit curve (growth_list.capacity) from its own calibrated
chances, never longer than `--capacity`. `all worked` counts the change of every worked account, the many that shrink by
season or chance too; `grown alone` only that of those that became key accounts. `--out` keeps chances and outcomes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.recipe import CUT_OFFS

from smartaccounts.config import Costs, Pipeline, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import Backtest, backtest
from smartaccounts.evaluation.served import SERVED, backtest_served, plain_fit
from smartaccounts.growth_list.capacity import profit_curve
from smartaccounts.growth_list.costs import gain
from smartaccounts.orders.read import read
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND

PIPELINES = Path(__file__).parent.parent / "pipelines"
MARGIN = 0.2


def main() -> None:
    """Print one table per history."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", choices=[*CUT_OFFS], action="append")
    parser.add_argument("--cost", type=float, action="append", help="of working one account, as a share of K (0.01)")
    parser.add_argument("--capacity", type=int, default=50, help="no list is longer")
    parser.add_argument("--served", action="store_true", help="also what the gate would have served: twice as long")
    parser.add_argument("--out", type=Path, help="a folder to keep chances and outcomes in, or to take them from")
    asked = parser.parse_args()
    for history in asked.history or CUT_OFFS:
        kept = None if asked.out is None else asked.out / f"{history}_worked.parquet"
        if kept is not None and kept.is_file():
            worked = pd.read_parquet(kept)
        else:
            pipeline = read_pipeline(PIPELINES / f"{history}.yaml")
            worked = outcomes(tested(pipeline, CUT_OFFS[history], walk=backtest_served if asked.served else backtest))
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                worked.to_parquet(kept)
        first = worked[(worked["ranker"] == worked["ranker"].iloc[0]) & (worked["target"] == 1)]["ahead"]
        print(f"{history}: {len(first)} became key accounts, reached {first.median():.2f} K (mean {first.mean():.2f})")
        for cost in asked.cost or [0.01]:
            table = realised(worked, Costs(margin_share=MARGIN, worked_account=cost), capacity=asked.capacity)
            print(f"{history}, an account costs {cost} K\n{table.to_string()}\n", flush=True)


@dataclass(frozen=True)
class Calibrated:
    """A ranking by past spend with probabilities."""

    name: str

    def fit(self, panel: Panel) -> Fitted:
        """Calibrate it on a panel."""
        return plain_fit(self.name, panel)


def tested(pipeline: Pipeline, dates: Sequence[date], *, walk: Callable[..., Backtest]) -> Backtest:
    """Backtest the growth model and the rankings by past spend with their chances."""
    with Engine() as engine:
        rankers = [Growth(pipeline.model), *(Calibrated(name) for name in BY_PAST_SPEND)]
        return walk(read(pipeline, engine), dates, pipeline, rankers)


def outcomes(result: Backtest) -> pd.DataFrame:
    """Return one row per (as_of, ranker, account), in rank order: chances, and spend before and after over K."""
    parts = []
    for at in result.judged:
        key, before = at.rows["key_spend"], at.scores["past_h"].score  # spend of the last horizon over K
        frame = pd.DataFrame(
            {
                "as_of": str(at.fold.test), "key_spend": 1.0, "spend_h": before,
                "ahead": at.rows["spend_ahead"] / key, "target": at.rows["target"],
                "potential": np.nan, "margin_share_365d": np.nan,
            }
        )  # fmt: skip
        for name, s in at.scores.items():
            chances = {"probability": s.probability, "probability_low": s.low, "probability_high": s.high}
            order = np.argsort(-s.score, kind="stable")
            parts.append(frame.assign(ranker=name, **chances).iloc[order])
    return pd.concat(parts, ignore_index=True)


def realised(worked: pd.DataFrame, costs: Costs, *, capacity: int) -> pd.DataFrame:
    """Return one row per ranker: lengths, expected and realised profit, summed over the dates, in units of K."""
    lengths: dict[tuple[str, str], int] = {}
    rows: dict[str, list[dict[str, float]]] = {}
    for (as_of, ranker), accounts in worked.groupby(["as_of", "ranker"], sort=False):
        curve = profit_curve(accounts, costs, shown=capacity)
        lengths[as_of, ranker] = n = 0 if curve is None else min(curve.best, capacity)
        of_model = lengths[as_of, "growth"]  # the growth model comes first at every date
        expected = float(accounts["probability"].head(n) @ gain(accounts).head(n))
        rows.setdefault(ranker, []).append(
            {
                "worked": n,
                "grown": accounts["target"].head(n).sum(),
                "expected": MARGIN * expected - n * (costs.worked_account or 0.0),
                "all worked": profit(accounts, n, costs),
                "grown alone": profit(accounts, n, costs, grown_alone=True),
                "all worked, as long as growth": profit(accounts, of_model, costs),
                f"all worked, {capacity} long": profit(accounts, capacity, costs),
            }
        )
    table = pd.DataFrame({ranker: pd.DataFrame(r).sum() for ranker, r in rows.items()}).T
    return table.loc[[n for n in ("growth", SERVED, *BY_PAST_SPEND) if n in table.index]].round(2)


def profit(accounts: pd.DataFrame, n: int, costs: Costs, *, grown_alone: bool = False) -> float:
    """Return what working the first n accounts brought, less what it cost."""
    first = accounts.head(n)
    more = first["ahead"] - first["spend_h"]
    if grown_alone:
        more = more * first["target"]
    return float(MARGIN * more.sum() - len(first) * (costs.worked_account or 0.0))


if __name__ == "__main__":
    main()
