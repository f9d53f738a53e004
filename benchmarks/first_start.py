"""What the first command of an installation takes, which compiles, beside the second, which loads what was compiled.

    python -m benchmarks.first_start [--customers 800] [--repeats 3]

`smartaccounts features` at twelve as_of dates of a small simulated supplier, each time with an empty folder for
compiled code and then with what it left there: seconds by the clock, the start of Python included, medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.performance import PRODUCT, cost
from benchmarks.supplier import AS_OFS, supplier

from smartaccounts.engine.threads import threads


def main() -> None:
    """Simulate, and run the command by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with TemporaryDirectory() as made:
        folder = Path(made)
        pipeline, lines = supplier(folder, customers=asked.customers, years=2)
        out = folder / "features.parquet"
        command = [PRODUCT, "features", str(pipeline), *AS_OFS, "--out", str(out)]
        first, second = [], []
        for i in range(asked.repeats):
            os.environ["NUMBA_CACHE_DIR"] = str(folder / f"compiled{i}")
            first.append(cost(command).clock)
            second.append(cost(command).clock)
    one, other = statistics.median(first), statistics.median(second)
    print(f"{lines.line_count:,} lines, {len(AS_OFS) // 2} as_of dates, {threads()} threads")
    print(f"first start: {one:.1f} s; second: {other:.1f} s")


if __name__ == "__main__":
    main()
