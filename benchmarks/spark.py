"""Features on Spark beside the embedded engine: seconds, and whether every value is the same.

    python -m benchmarks.spark [--customers 500000] [--years 2] [--repeats 1] [--master local[2]]

simulates order lines (500,000 customers in two years: about 20 million) and runs by turns, each in a process of its
own: `smartaccounts features` at 12 monthly cut-offs, embedded and on Spark, and Spark on a supplier of 200 customers,
which is its start-up. Prints medians of seconds by the clock, those of Spark without its start-up over those of the
embedded engine, and compares the snapshots to the last bit: exit 1 where they differ.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.machine import machine
from benchmarks.performance import PRODUCT, cost
from benchmarks.supplier import AS_OFS, supplier


def features(file: Path, out: Path, *, master: str | None) -> float:
    """Run the command at all dates, on Spark where a master is given; return the seconds it took."""
    command = [PRODUCT, "features", str(file), "--out", str(out), *AS_OFS]
    if master is not None:
        memory = "spark.settings={spark.driver.memory: 6g, spark.ui.enabled: 'false'}"
        command += ["--set", "engine=spark", "--set", f"spark.master={master}", "--set", memory]
    return cost(command).clock


def rows(out: Path) -> pa.Table:
    """Return a snapshot, ascending."""
    table = pq.read_table(out)
    texts = pa.schema([f.with_type(pa.string()) if f.name in ("market", "customer_id") else f for f in table.schema])
    keys = [(k, "ascending") for k in ("as_of", "market", "customer_id")]
    return table.cast(texts).sort_by(keys).combine_chunks()


def main() -> None:
    """Measure, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=500_000)
    parser.add_argument("--years", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--master", default="local[2]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, made = supplier(folder / "large", customers=asked.customers, years=asked.years)
        small, _ = supplier(folder / "small", customers=200, years=asked.years)
        print(f"{machine()}; {made.line_count:,} lines", flush=True)
        found: dict[str, list[float]] = {}
        for _ in range(asked.repeats):
            found.setdefault("embedded", []).append(features(file, folder / "embedded.parquet", master=None))
            found.setdefault("Spark", []).append(features(file, folder / "spark.parquet", master=asked.master))
            found.setdefault("start-up", []).append(features(small, folder / "start.parquet", master=asked.master))
        took = {who: statistics.median(runs) for who, runs in found.items()}
        said = ", ".join(f"{who} {value:.1f} s" for who, value in took.items())
        print(f"{said}; {(took['Spark'] - took['start-up']) / took['embedded']:.3f} x without start-up")
        if not rows(folder / "spark.parquet").equals(rows(folder / "embedded.parquet")):
            raise SystemExit("The two snapshots differ.")
        print("every value the same")


if __name__ == "__main__":
    main()
