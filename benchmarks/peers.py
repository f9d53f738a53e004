"""What a feature value costs with other tools: Polars, DuckDB's SQL, getML, Featuretools.

    python -m benchmarks.peers [--customers 26500] [--years 4] [--sample 200]

simulates about 2 million order lines and computes 12 monthly snapshots, each tool in a process of its own, those of
others in an environment that is made for them (pip). Every tool computes what it is made for: the product its 132
features, DuckDB the same by the SQL that is the product's oracle, Polars 34 windowed sums and counts as one would write
them, getML's FastProp its aggregates over the same windows, Featuretools its own synthesis over them, of a sample of
the customers. So what is compared is the CPU time (user + system, start, reading and writing included) per feature
value.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from benchmarks.performance import PRODUCT, cost
from benchmarks.supplier import AS_OFS, DATES, supplier

from smartaccounts.config import read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features import by_sql
from smartaccounts.features.families import CATALOGUE
from smartaccounts.orders.read import read

WANTED = ("polars", "featuretools", "getml", "pandas<3", "pyarrow")


def environment(folder: Path) -> Path:
    """Make an environment with the peers; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *WANTED], check=True)
    return python


def by_oracle(pipeline: str) -> int:
    """Compute the snapshots by SQL; return how many values there are."""
    days = [date.fromisoformat(d) for d in DATES]
    with Engine() as engine:
        asked = read_pipeline(Path(pipeline))
        found = by_sql.frames(read(asked, engine), days, [asked.target])
        return sum(len(frame) for _, (frame,) in found) * len(CATALOGUE)


def told(said: str) -> dict[str, float]:
    """Return what a tool says it made: values, and CPU seconds of processes that are not its own; empty if nothing."""
    last = said.strip().rsplit("\n", 1)[-1]
    found: dict[str, float] = json.loads(last) if last.startswith("{") else {}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=26_500)
    parser.add_argument("--years", type=float, default=4.0)
    parser.add_argument("--sample", type=int, default=200, help="customers for Featuretools")
    parser.add_argument("--sql", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.sql:
        print(json.dumps({"values": by_oracle(asked.sql)}))
        return
    os.environ |= {"SMARTACCOUNTS_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline, made = supplier(folder, customers=asked.customers, years=asked.years)
        print(f"{made.line_count:,} lines, {made.customers:,} customers, {len(DATES)} as_of dates")
        python = environment(folder / "environment")
        out = folder / "features.parquet"
        others = str(Path(__file__).with_name("peer_features.py"))
        commands = {
            "smartaccounts": [PRODUCT, "features", str(pipeline), *AS_OFS, "--out", str(out)],
            "DuckDB's SQL": [sys.executable, "-m", "benchmarks.peers", "--sql", str(pipeline)],
            "Polars": [str(python), others, "polars", str(made.lines), *DATES],
            "getML": [str(python), "-W", "ignore", others, "getml", str(made.lines), *DATES],
            "Featuretools": [str(python), "-W", "ignore", others, str(asked.sample), str(made.lines), *DATES],
        }
        first = 0.0
        for tool, command in commands.items():
            found = cost(command)
            said = told(found.said)
            values = said.get("values") or pq.read_metadata(out).num_rows * len(CATALOGUE)
            cpu = found.cpu + said.get("cpu_elsewhere", 0.0)
            each = cpu / values * 1e6
            first = first or each
            print(f"{tool:14} {cpu:7.1f} CPU s, {values:12,} values: {each:10.3f} us a value, {each / first:8.1f} x")


if __name__ == "__main__":
    main()
