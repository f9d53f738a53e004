"""What does a new week cost with a ledger, against reading all files from scratch, for the same snapshot?

    python -m benchmarks.ledger
    python -m benchmarks.ledger --lines 100000000 --customers 500000 --files 200 --repeats 1 --only-list

simulates about 2 million order lines, lays them out as 40 files of equal length by date and one more, the new week.
The ledger is made of the 40; then comes the new file. Printed are the CPU seconds (user + system, the whole process) of
each step, of `features` at one as_of and of a list (`predict`, by a model of a small supplier) from the ledger and from
the files, by turns, and their ratios. The two snapshots, and the two lists, must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from operator import sub
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml
from benchmarks.performance import PRODUCT, cost

from smartaccounts.bundle import save
from smartaccounts.config import pipeline_from
from smartaccounts.orders.simulate import simulate
from smartaccounts.workflow.train import fit

LINES_OF_A_YEAR = 18
"""Of a customer, roughly: fewer in long histories, more in short ones. The lines that came of it are printed."""


def by_date(path: Path) -> Iterator[pa.Table]:
    """Yield simulated lines month by month, ascending by date."""
    with pq.ParquetFile(path) as file:
        day = file.schema_arrow.get_field_index("order_date")
        months: dict[str, list[int]] = {}
        for group in range(file.num_row_groups):
            first = file.metadata.row_group(group).column(day).statistics.min
            months.setdefault(f"{first:%Y-%m}", []).append(group)
        for _, groups in sorted(months.items()):
            yield file.read_row_groups(groups).sort_by("order_date")


def cut(tables: Iterable[pa.Table], lengths: Iterable[int]) -> Iterator[pa.Table]:
    """Yield the same lines in tables of some lengths."""
    coming, left = iter(tables), None
    for length in lengths:
        while left is None or len(left) < length:
            more = next(coming)
            left = more if left is None else pa.concat_tables([left, more])
        yield left.slice(0, length)
        left = left.slice(length)


def laid_out(folder: Path, given: argparse.Namespace) -> tuple[Path, list[str], str]:
    """Simulate `files` files and one more; return the pipeline file, the files and the as_of after the last line."""
    kind, number = given.kind, given.files + 1
    customers = given.customers or max(100, given.lines // (4 * LINES_OF_A_YEAR))
    years = given.lines / customers / LINES_OF_A_YEAR
    start = date(2025, 1, 1) - timedelta(days=round(365 * years))
    made = simulate(folder / "orders.parquet", customers=customers, years=years, markets=3, start=start)
    print(
        f"{made.line_count:,} lines, {made.customers:,} customers, {given.files} {kind} files and a new one", flush=True
    )
    (folder / "weeks").mkdir()
    names = [f"weeks/week_{i:04}.{kind}" for i in range(number)]
    bounds = [made.line_count * i // number for i in range(number + 1)]
    for name, part in zip(names, cut(by_date(made.lines), map(sub, bounds[1:], bounds)), strict=True):
        if kind == "csv":
            pyarrow.csv.write_csv(part, folder / name)
        else:
            pq.write_table(part, folder / name, compression="zstd")
    (folder / names[-1]).rename(folder / "next")
    as_of = part["order_date"][-1].as_py() + timedelta(days=1)
    columns = {name: name for name in part.column_names}
    source = {"path": f"weeks/*.{kind}", "duplicates": given.duplicates}
    said = {"name": "weeks", "source": source, "columns": columns, "ledger": "ledger"}
    (folder / "weeks.yaml").write_text(yaml.safe_dump(said))
    made.lines.unlink()
    return folder / "weeks.yaml", names, str(as_of)


def megabytes(folder: Path) -> float:
    """Return how large the files in a folder are."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def measured(
    folder: Path, pipeline: Path, names: Sequence[str], as_of: str, *, repeats: int, only_list: bool
) -> dict[str, float]:
    """Return the CPU seconds of every step, medians where it is repeated."""
    update = [PRODUCT, "ledger", "update", str(pipeline)]
    found = {"ledger of all files but the new": cost(update).cpu}
    (folder / "next").rename(folder / names[-1])
    found["ledger update with the new file"] = cost(update).cpu
    found["ledger update with nothing new"] = cost(update).cpu
    features = [PRODUCT, "features", str(pipeline), "--as-of", as_of]
    predict = [PRODUCT, "predict", str(pipeline), "--as-of", as_of, "--model", str(modelled(folder, as_of))]
    files = ["--set", "ledger=null"]
    sides = {
        "features from the ledger": [*features, "--out", str(folder / "a.parquet")],
        "features from the files": [*features, *files, "--out", str(folder / "b.parquet")],
        "a list from the ledger": [*predict, "--out", str(folder / "a")],
        "a list from the files": [*predict, *files, "--out", str(folder / "b")],
    }
    if only_list:
        sides = {side: words for side, words in sides.items() if side.startswith("a list")}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, words in sides.items():
            seconds[side].append(cost(words).cpu)
            print(f"{seconds[side][-1]:7.1f} CPU s  {side}", flush=True)
    lists = ("a/growth_list.parquet", "b/growth_list.parquet")
    for one, other in [lists] if only_list else [("a.parquet", "b.parquet"), lists]:
        if not pq.read_table(folder / one).equals(pq.read_table(folder / other)):
            raise SystemExit(f"{one} and {other} differ.")
    return found | {side: statistics.median(s) for side, s in seconds.items()}


def modelled(folder: Path, as_of: str) -> Path:
    """Train a growth model for the pipeline on a small supplier; what it costs to apply is the same."""
    small, day = folder / "small", date.fromisoformat(as_of)
    small.mkdir()
    simulate(small / "orders.parquet", customers=1500, years=2.0, markets=3, start=day - timedelta(days=2 * 365))
    said = yaml.safe_load((folder / "weeks.yaml").read_text())
    settings = {"source": {"path": "orders.parquet"}, "ledger": None, "model": {"training_dates": 12}}
    made = fit(pipeline_from(said | settings, folder=small), day)
    if made.model is None:
        raise SystemExit("Expected a growth model, got none: the simulated supplier is too small.")
    save(made.model, folder / "model")
    return folder / "model"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lines", type=int, default=2_000_000)
    options.add_argument("--customers", type=int, help="so many, over more years; default: as many as take four years")
    options.add_argument("--only-list", action="store_true", help="no features by themselves")
    options.add_argument("--files", type=int, default=40)
    options.add_argument("--kind", choices=["csv", "parquet"], default="csv")
    options.add_argument("--duplicates", choices=["keep", "drop"], default="keep")
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    os.environ.setdefault("SMARTACCOUNTS_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline, names, as_of = laid_out(folder, given)
        found = measured(folder, pipeline, names, as_of, repeats=given.repeats, only_list=given.only_list)
        said = json.loads(
            subprocess.run(
                [PRODUCT, "ledger", "show", str(pipeline), "--json"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        print(f"files {megabytes(folder / 'weeks'):.1f} MB, ledger {said['bytes'] / 1e6:.1f} MB")
    for step, seconds in found.items():
        print(f"{seconds:7.2f} CPU s  {step}")
    new = found["ledger update with the new file"]
    for what in ["a list"] if given.only_list else ["features", "a list"]:
        whole, once = found[f"{what} from the files"], found[f"{what} from the ledger"]
        print(f"{what}, over that from the files: {once / whole:.3f} x")
        print(f"{what}, with the update, over that from the files: {(once + new) / whole:.3f} x")


if __name__ == "__main__":
    main()
