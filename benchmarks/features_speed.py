"""Compare the features of the product with a straightforward pandas version: the same values, how much CPU time?

    python -m benchmarks.features_speed

simulates about 2 million order lines, computes 12 monthly snapshots with `smartaccounts features` and with
pandas_features.py, by turns and each in a process of its own, and prints the largest difference between the two, the
CPU seconds (user + system, the whole process: start, reading and writing included) and their ratio. Exit 1 where a
value is null on one side only, or the difference is 1e-8 or more. Two sums that are equal but for their last digit are
a tie on one side alone: of a rank, one place is no difference, in one row of 100,000 at most.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.performance import PRODUCT, cost
from benchmarks.supplier import AS_OFS, DATES, supplier

HERE = Path(__file__).parent
CUSTOMERS, YEARS = 26_500, 4.0  # about 2 million lines
KEY = ["as_of", "market", "customer_id"]
LEAST = 1e-8
RANKS = ("rank_spend_91d", "rank_spend_365d", "rank_spend_decay_180d")
TIES = 1e-5
"""The share of rows in which a rank may differ by a place."""


def commands(
    folder: Path, customers: int, years: float, *, shared: bool
) -> tuple[dict[str, list[str]], dict[str, Path]]:
    """Simulate, write the pipeline file; return the command of each side and the file that it writes."""
    pipeline, made = supplier(folder, customers=customers, years=years)
    print(f"{made.line_count:,} lines, {made.customers:,} customers, {len(DATES)} as_of dates")
    out = {"smartaccounts": folder / "product.parquet", "pandas": folder / "pandas.parquet"}
    product = [PRODUCT, "features", str(pipeline), *AS_OFS, "--float64"]
    yardstick = [sys.executable, str(HERE / "pandas_features.py"), str(made.lines), *AS_OFS]
    return {
        "smartaccounts": [*product, "--out", str(out["smartaccounts"])],
        "pandas": [*yardstick, *(["--shared"] if shared else []), "--out", str(out["pandas"])],
    }, out


def differences(product: pd.DataFrame, yardstick: pd.DataFrame) -> pd.DataFrame:
    """Return one row per column, worst first: values null on one side only, and the largest difference.

    The difference is relative, of values below 1 absolute. SystemExit where rows or columns differ.
    """
    both = [f.assign(as_of=pd.to_datetime(f["as_of"])).set_index(KEY).sort_index() for f in (product, yardstick)]
    one, other = both
    if not one.index.equals(other.index) or set(one.columns) != set(other.columns):
        raise SystemExit(f"Rows or columns differ: {one.shape}, {other.shape}, {set(one.columns) ^ set(other.columns)}")
    others = one.groupby(["as_of", "market"])["tenure_days"].transform("size").to_numpy() - 1
    place = np.where(others > 0, 1 / np.maximum(others, 1), 0)
    found = []
    for column in one.columns:
        a, b = (f[column].to_numpy(dtype=float) for f in both)
        null = int((np.isnan(a) != np.isnan(b)).sum())
        gap = np.abs(a - b) / np.maximum(np.abs(b), 1.0)
        tied = (gap > LEAST) & (gap < 1.001 * place) & (column in RANKS)
        if tied.any() and tied.sum() <= len(gap) * TIES:
            print(f"{column}: a tie on one side alone in {tied.sum()} of {len(gap):,} rows")
            gap[tied] = 0.0
        found.append((column, null, float(np.nanmax(gap)) if (~np.isnan(gap)).any() else 0.0))
    table = pd.DataFrame(found, columns=["column", "null_on_one_side", "largest_difference"])
    return table.sort_values(["null_on_one_side", "largest_difference"], ascending=False, ignore_index=True)


def main() -> None:
    """Run both sides by turns and print what came out."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--customers", type=int, default=CUSTOMERS)
    options.add_argument("--years", type=float, default=YEARS)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--shared", action="store_true", help="let pandas make orders of lines once for all dates")
    given = options.parse_args()
    os.environ.setdefault("SMARTACCOUNTS_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        command, out = commands(Path(folder), given.customers, given.years, shared=given.shared)
        seconds: dict[str, list[float]] = {side: [] for side in command}
        for turn in range(given.repeats):
            for side, words in command.items():
                seconds[side].append(cost(words).cpu)
            print(f"run {turn + 1}: " + ", ".join(f"{side} {s[-1]:.1f} CPU s" for side, s in seconds.items()))
        found = differences(*(pd.read_parquet(p) for p in out.values()))
    worst = found.iloc[0]
    print(f"{len(found)} columns; {found['null_on_one_side'].sum()} values null on one side only")
    print(f"largest difference: {worst['largest_difference']:.2g} ({worst['column']})")
    if worst["null_on_one_side"] or found["largest_difference"].max() >= LEAST:
        raise SystemExit("The two give other values.")
    median = {side: statistics.median(s) for side, s in seconds.items()}
    print(", ".join(f"{side} {s:.1f} CPU s" for side, s in median.items()) + f" (medians of {given.repeats})")
    print(f"ratio: {median['pandas'] / median['smartaccounts']:.3f}")


if __name__ == "__main__":
    main()
