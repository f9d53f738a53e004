"""What memory customers take beside `--memory`, however few their lines are: the peak of `smartaccounts features`.

    python -m benchmarks.many_customers [--customers 2000000 6000000] [--memory 400MB]

at one as_of date of customers with one line each, for each number of customers; SMARTACCOUNTS_THREADS says in how
many threads.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from benchmarks.performance import PRODUCT, cost

from smartaccounts.engine.threads import threads

LINES = """SELECT 'C' || lpad(i::VARCHAR, 8, '0') AS customer_id, 'O' || i AS order_id,
  DATE '2024-01-01' + (hash(i) % 700)::INT AS order_date, 'P' || hash(i + 7) % 5000 AS product_id,
  1 + (hash(i + 3) % 20)::INT AS quantity, round(1 + (hash(i + 5) % 100000) / 100.0, 2) AS amount
FROM range({customers}) t(i)"""
PIPELINE = """name: many
source: {path: orders.parquet}
columns: {customer_id: customer_id, order_id: order_id, order_date: order_date, product_id: product_id,
          quantity: quantity, amount: amount}
"""


def main() -> None:
    """Make the lines, and run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[2_000_000, 6_000_000])
    parser.add_argument("--memory", default="400MB")
    asked = parser.parse_args()
    peaks = []
    for customers in asked.customers:
        with TemporaryDirectory() as made:
            folder = Path(made)
            duckdb.execute(f"COPY ({LINES.format(customers=customers)}) TO '{folder / 'orders.parquet'}'")
            (folder / "many.yaml").write_text(PIPELINE)
            out = str(folder / "features.parquet")
            command = [PRODUCT, "features", str(folder / "many.yaml"), "--as-of", "2025-10-01", "--out", out]
            peaks.append(cost([*command, "--memory", asked.memory]).memory)
        print(f"{customers:,} customers, {threads()} threads: {peaks[-1]:.2f} GB with {asked.memory}", flush=True)
    for (few, many), (less, more) in zip(pairwise(asked.customers), pairwise(peaks), strict=True):
        print(f"a customer more: {(more - less) * 1e9 / (many - few):.0f} bytes")


if __name__ == "__main__":
    main()
