"""What features cost beside the floor: reading the columns once, and one group-by.

    python -m benchmarks.performance [--customers 500000] [--years 2] [--repeats 3] [--threads 1]

simulates order lines (500,000 customers in two years: about 20 million) and runs by turns, each in a process of its
own: the floor (DuckDB: SUM(HASH(column)) of every column, and SUM, COUNT, MAX by customer), `smartaccounts features` at
1 and at 12 monthly cut-offs, parquet written, and PyArrow that does nothing but write as many rows as those of 12
cut-offs (the first 65,536 of them over and over, as `features` writes them, and without compression). Prints medians of
CPU seconds (user + system, start included), their ratios to the floor, and the largest peak of memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from smartaccounts.orders.simulate import simulate
from smartaccounts.timeline import firsts_of_months

END = date(2025, 1, 1)
DATES = [str(d) for d in firsts_of_months(END - timedelta(days=365), END)][-12:]


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU seconds, peak of memory in GB; and what it said."""

    cpu: float
    memory: float
    said: str


def cost(command: Sequence[str]) -> Cost:
    """Run a command to its end; SystemExit where it fails."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, said)


def floor(path: str, threads: str) -> None:
    """Read every column once, and group once by customer."""
    con = duckdb.connect(config={"threads": int(threads)})
    columns = ", ".join(f"SUM(HASH({name})::HUGEINT)" for name in pq.read_schema(path).names)
    con.execute(f"SELECT {columns} FROM read_parquet($path)", {"path": path}).fetchall()
    grouped = "SELECT customer_id, SUM(amount), COUNT(*), MAX(order_date) FROM read_parquet($path) GROUP BY 1"
    con.execute(grouped, {"path": path}).fetchall()


def write(path: str, *, compression: str) -> None:
    """Write the first row group of a snapshot as often as it has rows for."""
    file = pq.ParquetFile(path)
    table = file.read_row_group(0)
    texts = [f.name for f in table.schema if pa.types.is_string(f.type)]
    with pq.ParquetWriter(f"{path}.again", table.schema, compression=compression, use_dictionary=texts) as writer:
        for _ in range(round(file.metadata.num_rows / table.num_rows)):
            writer.write_table(table)
    Path(f"{path}.again").unlink()


def commands(folder: Path, lines: Path, threads: int) -> dict[str, list[str]]:
    """Return the commands by name."""
    columns = {name: name for name in pq.read_schema(lines).names}
    pipeline = folder / "speed.yaml"
    pipeline.write_text(yaml.safe_dump({"name": "speed", "source": {"path": lines.name}, "columns": columns}))
    product = [str(Path(sys.executable).with_name("smartaccounts")), "features", str(pipeline)]

    def features(some: Sequence[str]) -> list[str]:
        return [*product, *(part for d in some for part in ("--as-of", d)), "--out", str(folder / "features.parquet")]

    again = [sys.executable, "-m", "benchmarks.performance", "--threads", str(threads)]
    writing = [*again, "--write", str(folder / "features.parquet"), "--compression"]
    return {
        "floor": [*again, "--floor", str(lines)],
        "1 cut-off": features(DATES[-1:]),
        "12 cut-offs": features(DATES),
        "to write 12": [*writing, "snappy"],
        "uncompressed": [*writing, "none"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=500_000)
    parser.add_argument("--years", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--floor", help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--compression", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        write(asked.write, compression=asked.compression)
        return
    if asked.floor:
        floor(asked.floor, asked.threads)
        return
    os.environ["SMARTACCOUNTS_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = END - timedelta(days=int(365 * asked.years))
        made = simulate(folder / "orders.parquet", customers=asked.customers, years=asked.years, markets=3, start=start)
        machine = f"{platform.machine()}, {os.cpu_count()} cores, {asked.threads} used"
        print(f"{machine}; {made.line_count:,} lines, {made.customers:,} customers")
        found: dict[str, list[Cost]] = {}
        for _ in range(asked.repeats):
            for what, command in commands(folder, made.lines, asked.threads).items():
                found.setdefault(what, []).append(cost(command))
    least = statistics.median(c.cpu for c in found["floor"])
    for what, costs in found.items():
        cpu = statistics.median(c.cpu for c in costs)
        print(f"{what:12} {cpu:6.1f} CPU s = {cpu / least:5.2f} x floor, {max(c.memory for c in costs):.1f} GB")


if __name__ == "__main__":
    main()
