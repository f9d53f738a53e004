"""The figures of docs/performance.md that have a bound, each with what it is measured against in the same run.

    python -m benchmarks.figures [--only spark ...] [--list]

runs the benchmarks one after the other at the size that the figures are asked for (20 and 100 million order lines;
some four hours on two cores, 40 GB of disk where TMPDIR points, 16 GB of memory), shows what they print, and ends
with a table in Markdown: asked, measured, reached or not, command. What `train` takes at that size and CatBoost,
which takes hours, are left out (`benchmarks.training --way "CatBoost's defaults"`). The real order histories and Java
are needed for `training` and `spark`; `peers` makes an environment with pip. Exit 1 where a benchmark failed or
printed no such figure; a figure that is not reached is no failure.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.machine import machine


@dataclass(frozen=True)
class Figure:
    """A figure that was asked for, and where it stands in what the command prints: the group of a pattern."""

    what: str
    asked: float
    printed: str
    at_least: bool = False

    def row(self, said: str) -> str | None:
        """Return the cells of the table; None where the figure was not printed."""
        found = re.search(self.printed, said, re.MULTILINE)
        if found is None:
            return None
        value = float(found[1])
        reached = value >= self.asked if self.at_least else value <= self.asked
        bound = f"{'at least' if self.at_least else 'at most'} {self.asked:g}"
        return f"{self.what} | {bound} | **{found[1]}** | {'reached' if reached else 'not reached'}"


def _alike(history: str) -> tuple[Figure, Figure]:
    line = rf"^{history} +same rows, same rounds .*?"
    return (
        Figure(
            f"{history}: one bag at K with the settings, CPU seconds over LightGBM's defaults",
            0.85,
            line + r"([\d.]+) x LightGBM",
        ),
        Figure("the same: average precision over theirs", 1.0, line + r"AP [\d.]+ = ([\d.]+) x", at_least=True),
    )


TRAINED = "LightGBM's defaults", "same rows, same rounds", "the recipe", "XGBoost's defaults"
"""The ways of `benchmarks.training` that are run."""

RUNS: dict[str, tuple[Figure, ...]] = {
    "performance --large 2300000": (
        Figure("12 cut-offs, 20 million lines, over the floor", 3, r"^12 cut-offs +.*= +([\d.]+) x floor"),
        Figure("1 cut-off, over the floor", 2, r"^1 cut-off +.*= +([\d.]+) x floor"),
        Figure("12 cut-offs over 1", 2.5, r"^12 cut-offs against 1: ([\d.]+) x"),
        Figure("CPU seconds at 100 million lines over 20 million", 6.5, r"times the lines: ([\d.]+) x"),
        Figure("peak of memory, 20 million lines, GB", 1.5, r"^12, within 1500MB .* ([\d.]+) GB"),
        Figure("peak of memory, 100 million lines, GB", 3, r"^12, large, within 3GB .* ([\d.]+) GB"),
        Figure("two threads, faster by the clock", 1.7, r"^two threads .*: ([\d.]+) x faster", at_least=True),
    ),
    "features_speed --customers 265000 --repeats 1": (
        Figure("straightforward pandas, 20 million lines x 12, over ours", 12, r"^ratio: ([\d.]+)", at_least=True),
    ),
    "peers --sample 2000": (
        Figure("Featuretools over ours, per value", 1000, r"^Featuretools .* ([\d.]+) x$", at_least=True),
    ),
    shlex.join(["training", "--repeats", "1", *(word for way in TRAINED for word in ("--way", way))]): (
        *_alike("online_retail"),
        *_alike("iowa_suppliers"),
    ),
    "list_speed --customers 500000 --listed 1000 --repeats 1": (
        Figure("predict, 500,000 customers, over features and bare predictions", 1.5, r"^list .* s, .*: ([\d.]+) x$"),
    ),
    "ledger --lines 148000000 --customers 500000 --files 200 --repeats 1 --only-list": (
        Figure("a week into a ledger and a list, over a list from all files", 0.15, r"^a list, with .*: ([\d.]+) x"),
    ),
    "first_start": (
        Figure("the first start, which compiles, seconds", 10, r"^first start: ([\d.]+) s"),
    ),
    "spark": (
        Figure("Spark over embedded, 20 million lines, start-up apart", 4, r"([\d.]+) x without start-up"),
    ),
}  # fmt: skip


def said_by(command: list[str]) -> tuple[str, bool]:
    """Run a benchmark, show what it prints as it comes; return it, and whether it went well."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout or ():
        print("   ", line, end="", flush=True)
        lines.append(line)
    return "".join(lines), process.wait() == 0


def main() -> int:
    """Run the benchmarks, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [run.split()[0] for run in RUNS]
    parser.add_argument("--only", choices=names, action="append", help="some of the benchmarks")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    asked = parser.parse_args()
    table, missing = ["| what | asked | measured | | command |", "|---|---|---|---|---|"], []
    for name, (run, figures) in zip(names, RUNS.items(), strict=True):
        if asked.only and name not in asked.only:
            continue
        print(f"python -m benchmarks.{run}", flush=True)
        if asked.list:
            continue
        said, well = said_by([sys.executable, "-u", "-m", *shlex.split(f"benchmarks.{run}")])
        if not well:
            missing.append(f"benchmarks.{name} failed")
        for figure in figures:
            row = figure.row(said)
            if row is None:
                missing.append(figure.what)
            else:
                table.append(f"| {row} | `python -m benchmarks.{run}` |")
    if not asked.list:
        print(f"\n{machine()}\n", *table, sep="\n")
    for what in missing:
        print(f"missing: {what}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
