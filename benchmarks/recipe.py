"""What each part of the growth model's recipe gives: mean average precision over the cut-offs of both real histories.

    python benchmarks/recipe.py [--history online_retail] [--as-of D ...] [--order] [KEY=VALUE ...]

Without KEY=VALUE the variants below are compared; every one is a backtest of its own, as
`smartaccounts backtest PIPELINE --as-of ... --set model.KEY=VALUE` runs it.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from smartaccounts.config import read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import BAR, backtest
from smartaccounts.orders.read import read
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND, PLAIN

CUT_OFFS = {
    "online_retail": [date(2011, month, 1) for month in range(1, 7)],
    "iowa_suppliers": [
        *(date(year, month, 1) for year in (2014, 2015, 2016, 2017) for month in (1, 7) if (year, month) != (2014, 1)),
    ],
}
VARIANTS = [
    [],
    ["model.seed=1"],
    ["model.seed=2"],
    ["model.curve_strength=0"],
    ["model.curve_strength=1e12"],
    ["model.random_splits=false"],
    ["model.rows_per_bag=20000"],
    ["model.rounds=200"],
    ["model.weight_not_eligible=0.3"],
    ["model.weight_not_eligible=0"],
    ["model.season=false"],
    ["model.monotone=false"],
    ["model.bags=4"],
]


def main() -> None:
    """Print one row per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", choices=[*CUT_OFFS], action="append")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--as-of", type=date.fromisoformat, action="append", help="other dates than the usual ones")
    parser.add_argument("--order", action="store_true", help="the order alone, without probabilities: a third faster")
    asked = parser.parse_args()
    variants = [[], asked.settings] if asked.settings else VARIANTS
    folder = Path(__file__).parent.parent / "pipelines"
    for history in asked.history or CUT_OFFS:
        with Engine() as engine:
            lines = read(read_pipeline(folder / f"{history}.yaml"), engine)
            for variant in variants:
                pipeline = read_pipeline(folder / f"{history}.yaml", overrides=variant)
                rankers = [Growth(pipeline.model, calibrate=not asked.order), *(PLAIN[name] for name in BY_PAST_SPEND)]
                result = backtest(lines, asked.as_of or CUT_OFFS[history], pipeline, rankers)
                asked_for = (BAR, "auc") if asked.order else (BAR, "auc", "ece", "expected_over_observed", "skill")
                growth = {m: result.mean("growth", m).value for m in asked_for}
                best = result.mean(result.best_plain or "", BAR).value
                said = "  ".join(f"{name} {value:.4f}" for name, value in growth.items())
                print(
                    f"{history:15} {' '.join(variant) or 'as it is':32} {growth[BAR] / best:5.2f} x  {said}", flush=True
                )


if __name__ == "__main__":
    main()
