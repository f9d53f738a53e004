"""What the outcomes of past dates cost: one look at the lines for all of them, beside a look for each.

    SMARTACCOUNTS_THREADS=1 python -m benchmarks.outcomes [--customers 500000]

simulates order lines of two years, and prints CPU seconds: of the snapshot at 12 dates, of the one look, and per past
date of the panel out of it and of a look of its own. Exit 1 where the two differ in a bit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from benchmarks.supplier import END, supplier

from smartaccounts.config import read_pipeline
from smartaccounts.evaluation.outcomes import Outcomes
from smartaccounts.features.snapshot import snapshot
from smartaccounts.panel import panel
from smartaccounts.target import outcome
from smartaccounts.timeline import firsts_of_months
from smartaccounts.workflow.lines import order_lines


@contextmanager
def timed(said: str) -> Iterator[None]:
    """Print the CPU seconds that the block took."""
    started = time.process_time()
    yield
    print(f"{said:<40}{time.process_time() - started:>8.1f} CPU s", flush=True)


def main() -> int:
    """Measure, print and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=500_000)
    asked, alike = parser.parse_args(), True
    with tempfile.TemporaryDirectory() as name:
        file, made = supplier(Path(name), customers=asked.customers, years=2)
        pipeline = read_pipeline(file)
        horizon = pipeline.target.horizon_days
        ends = firsts_of_months(END - timedelta(days=184), END)
        dates = [d for d in firsts_of_months(END - timedelta(days=546), END) if d <= END - timedelta(days=horizon)]
        print(f"{made.line_count:,} lines, {made.customers:,} customers, {len(dates)} dates")
        with order_lines(pipeline) as lines:
            with timed("snapshot"):
                seen = snapshot(lines, dates, pipeline.target)
            with timed("one look for all"):
                outcomes = Outcomes(lines, seen, ends)
            for end in ends:
                over = [d for d in dates if d + timedelta(days=horizon) <= end]
                with timed(f"known before {end}: panel out of it"):
                    out_of_it = outcomes.panel(over, known_before=end)
                with timed(f"known before {end}: a look of its own"):
                    found = outcome(lines, over, horizon_days=horizon, known_before=end)
                    apart = panel(seen.at(over), found, over)
                alike &= out_of_it.outcome.equals(apart.outcome)
    print("equal to the last bit" if alike else "DIFFERENT")
    return not alike


if __name__ == "__main__":
    sys.exit(main())
