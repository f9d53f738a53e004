"""What features cost beside the floor: reading the columns once, and one group-by.

    python -m benchmarks.performance [--customers 500000] [--years 2] [--repeats 3] [--threads 1] [--large 2300000]

simulates order lines (500,000 customers in two years: about 20 million) and runs by turns, each in a process of its
own: the floor (DuckDB: SUM(HASH(column)) of every column, and SUM, COUNT, MAX by customer), `smartaccounts features`
at 1 and at 12 monthly cut-offs, parquet written, those 12 with `--memory 1500MB` and on two threads; and three parts
that no way to features goes without: the numbers of all lines read once into Arrow (hashes of their keys, days,
money), the same laid out by customer (what reading them takes included), and PyArrow that does nothing but write as
many rows as those of 1 and of 12 cut-offs (the first row group of them over and over, as `features` writes them, and
without compression). Prints medians of CPU seconds (user + system, start included), their ratios to the floor,
seconds by the clock, and the largest peak of memory. With `--large`, so many customers are simulated too, and the
features of their lines computed once at the same 12 cut-offs, with `--memory 3GB`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.machine import machine
from benchmarks.supplier import AS_OFS, supplier

from smartaccounts.config import read_pipeline
from smartaccounts.engine.compiled import ready
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.features.sweep.laid_out import _batches, bounds_of, laid_out, offsets_of
from smartaccounts.orders.read import read_in_place

PRODUCT = str(Path(sys.executable).with_name("smartaccounts"))


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU seconds, peak of memory in GB, seconds by the clock; and what it said."""

    cpu: float
    memory: float
    clock: float
    said: str


def cost(command: Sequence[str]) -> Cost:
    """Run a command to its end; SystemExit where it fails."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    cpu = float(said) if "--lay" in command else usage.ru_utime + usage.ru_stime
    return Cost(cpu, usage.ru_maxrss * 1024 / 1e9, time.monotonic() - start, said)


def floor(path: str, threads: str) -> None:
    """Read every column once, and group once by customer."""
    con = duckdb.connect(config={"threads": int(threads)})
    columns = ", ".join(f"SUM(HASH({name})::HUGEINT)" for name in pq.read_schema(path).names)
    con.execute(f"SELECT {columns} FROM read_parquet($path)", {"path": path}).fetchall()
    grouped = "SELECT customer_id, SUM(amount), COUNT(*), MAX(order_date) FROM read_parquet($path) GROUP BY 1"
    con.execute(grouped, {"path": path}).fetchall()


def lay(pipeline: str, *, read_alone: bool) -> None:
    """Print the CPU seconds of reading the numbers of lines, or of laying them out; their keys come for nothing."""
    with Engine() as engine, read_in_place(read_pipeline(pipeline), engine) as lines:
        keys = keyed(lines, known_before=None)
        offsets = offsets_of(keys.customers["lines"].to_numpy())
        ready()
        start = time.process_time()
        if read_alone:
            for _ in _batches(lines, keys):
                pass
        else:
            laid_out(lines, keys, offsets, bounds_of(offsets))
        print(time.process_time() - start)


def write(path: str, *, compression: str) -> None:
    """Write the first row group of a snapshot as often as it has rows for."""
    file = pq.ParquetFile(path)
    table = file.read_row_group(0)
    texts = [f.name for f in table.schema if pa.types.is_string(f.type)]
    with pq.ParquetWriter(f"{path}.again", table.schema, compression=compression, use_dictionary=texts) as writer:
        for _ in range(round(file.metadata.num_rows / table.num_rows)):
            writer.write_table(table)
    Path(f"{path}.again").unlink()


def written(pipeline: Path) -> Path:
    """Return where the features of a pipeline go."""
    return pipeline.with_name("features.parquet")


def features(pipeline: Path, as_ofs: Sequence[str]) -> list[str]:
    """Return the command that writes the features at some dates."""
    return [PRODUCT, "features", str(pipeline), "--out", str(written(pipeline)), *as_ofs]


def commands(pipeline: Path, lines: Path, threads: int) -> dict[str, list[str]]:
    """Return the commands by name."""
    out, twelve = str(written(pipeline)), features(pipeline, AS_OFS)
    again = [sys.executable, "-m", "benchmarks.performance", "--threads", str(threads)]
    writing, laying = [*again, "--write", out, "--compression"], [*again, "--lay", str(pipeline)]
    return {
        "floor": [*again, "--floor", str(lines)],
        "to read the numbers": [*laying, "--read-alone"],
        "to lay them out": laying,
        "1 cut-off": features(pipeline, AS_OFS[-2:]),
        "to write 1": [*writing, "snappy"],
        "uncompressed, 1": [*writing, "none"],
        "12 cut-offs": twelve,
        "12, within 1500MB": [*twelve, "--memory", "1500MB"],
        "12, two threads": ["env", "SMARTACCOUNTS_THREADS=2", *twelve],
        "to write 12": [*writing, "snappy"],
        "uncompressed, 12": [*writing, "none"],
    }


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians of some runs, and the largest peak of memory."""
    cpu, clock = (statistics.median(values) for values in zip(*((c.cpu, c.clock) for c in costs), strict=True))
    return Cost(cpu, max(c.memory for c in costs), clock, "")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=500_000)
    parser.add_argument("--years", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--large", type=int, default=0, help="customers of a larger supplier, measured once")
    parser.add_argument("--floor", help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--compression", help=argparse.SUPPRESS)
    parser.add_argument("--lay", help=argparse.SUPPRESS)
    parser.add_argument("--read-alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        write(asked.write, compression=asked.compression)
        return
    if asked.lay:
        lay(asked.lay, read_alone=asked.read_alone)
        return
    if asked.floor:
        floor(asked.floor, asked.threads)
        return
    os.environ["SMARTACCOUNTS_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        pipeline, made = supplier(Path(name) / "usual", customers=asked.customers, years=asked.years)
        print(f"{machine()}, {asked.threads} used; {made.line_count:,} lines, {made.customers:,} customers", flush=True)
        runs: dict[str, list[Cost]] = {}
        for _ in range(asked.repeats):
            for what, command in commands(pipeline, made.lines, asked.threads).items():
                runs.setdefault(what, []).append(cost(command))
        found = {what: middle(costs) for what, costs in runs.items()}
        if asked.large:
            pipeline, large = supplier(Path(name) / "large", customers=asked.large, years=asked.years)
            print(f"and {large.line_count:,} lines, {large.customers:,} customers", flush=True)
            found["12, large, within 3GB"] = cost([*features(pipeline, AS_OFS), "--memory", "3GB"])
    for what, one in found.items():
        ratio = one.cpu / found["floor"].cpu
        print(f"{what:22} {one.cpu:6.1f} CPU s = {ratio:6.3f} x floor, {one.clock:6.1f} s, {one.memory:.3f} GB")
    twelve = found["12 cut-offs"]
    print(f"12 cut-offs against 1: {twelve.cpu / found['1 cut-off'].cpu:.3f} x")
    if asked.threads == 1:
        print(f"two threads against one, by the clock: {twelve.clock / found['12, two threads'].clock:.3f} x faster")
    if asked.large:
        more = found["12, large, within 3GB"].cpu / twelve.cpu
        print(f"{large.line_count / made.line_count:.2f} times the lines: {more:.3f} x the CPU seconds")


if __name__ == "__main__":
    main()
