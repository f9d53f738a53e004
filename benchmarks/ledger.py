"""What does a new week cost with a ledger, against reading all files from scratch, for the same snapshot?

    python benchmarks/ledger.py

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
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from features_speed import cpu_seconds
from smartaccounts.bundle import save
from smartaccounts.config import pipeline_from
from smartaccounts.orders.simulate import simulate
from smartaccounts.workflow.train import fit

LINES_OF_A_CUSTOMER = 62
"""In four years, about."""


def laid_out(
    folder: Path, lines: int, files: int, kind: str, *, duplicates: str = "keep"
) -> tuple[Path, list[str], str]:
    """Simulate `files` files and one more; return the pipeline file, the files and the as_of after the last line."""
    made = simulate(folder / "orders.parquet", customers=max(100, lines // LINES_OF_A_CUSTOMER), years=4.0, markets=3)
    table = pq.read_table(made.lines).sort_by("order_date")
    print(f"{made.line_count:,} lines, {made.customers:,} customers, {files} {kind} files and a new one")
    (folder / "weeks").mkdir()
    names = [f"weeks/week_{i:04}.{kind}" for i in range(files + 1)]
    bounds = [len(table) * i // (files + 1) for i in range(files + 2)]
    for name, start, end in zip(names, bounds, bounds[1:], strict=False):
        part = table.slice(start, end - start)
        if kind == "csv":
            pyarrow.csv.write_csv(part, folder / name)
        else:
            pq.write_table(part, folder / name, compression="zstd")
    (folder / names[-1]).rename(folder / "next")
    as_of = table["order_date"][-1].as_py() + timedelta(days=1)
    columns = {name: name for name in table.column_names}
    source = {"path": f"weeks/*.{kind}", "duplicates": duplicates}
    said = {"name": "weeks", "source": source, "columns": columns, "ledger": "ledger"}
    (folder / "weeks.yaml").write_text(yaml.safe_dump(said))
    made.lines.unlink()
    return folder / "weeks.yaml", names, str(as_of)


def megabytes(folder: Path) -> float:
    """Return how large the files in a folder are."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def measured(folder: Path, pipeline: Path, names: Sequence[str], as_of: str, repeats: int) -> dict[str, float]:
    """Return the CPU seconds of every step, medians where it is repeated."""
    command = [str(Path(sys.executable).with_name("smartaccounts"))]
    update = [*command, "ledger", "update", str(pipeline)]
    found = {"ledger of all files but the new": cpu_seconds(update)}
    (folder / "next").rename(folder / names[-1])
    found["ledger update with the new file"] = cpu_seconds(update)
    found["ledger update with nothing new"] = cpu_seconds(update)
    features = [*command, "features", str(pipeline), "--as-of", as_of]
    predict = [*command, "predict", str(pipeline), "--as-of", as_of, "--model", str(modelled(folder, as_of))]
    files = ["--set", "ledger=null"]
    sides = {
        "features from the ledger": [*features, "--out", str(folder / "a.parquet")],
        "features from the files": [*features, *files, "--out", str(folder / "b.parquet")],
        "a list from the ledger": [*predict, "--out", str(folder / "a")],
        "a list from the files": [*predict, *files, "--out", str(folder / "b")],
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(repeats):
        for side, words in sides.items():
            seconds[side].append(cpu_seconds(words))
        print(f"run {turn + 1}: " + ", ".join(f"{side} {s[-1]:.1f}" for side, s in seconds.items()))
    for one, other in (("a.parquet", "b.parquet"), ("a/growth_list.parquet", "b/growth_list.parquet")):
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
    options.add_argument("--files", type=int, default=40)
    options.add_argument("--kind", choices=["csv", "parquet"], default="csv")
    options.add_argument("--duplicates", choices=["keep", "drop"], default="keep")
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    os.environ.setdefault("SMARTACCOUNTS_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline, names, as_of = laid_out(folder, given.lines, given.files, given.kind, duplicates=given.duplicates)
        found = measured(folder, pipeline, names, as_of, given.repeats)
        said = json.loads(
            subprocess.run(
                [str(Path(sys.executable).with_name("smartaccounts")), "ledger", "show", str(pipeline), "--json"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        print(f"files {megabytes(folder / 'weeks'):.1f} MB, ledger {said['bytes'] / 1e6:.1f} MB")
    for step, seconds in found.items():
        print(f"{seconds:7.2f} CPU s  {step}")
    new = found["ledger update with the new file"]
    for what in ("features", "a list"):
        whole, once = found[f"{what} from the files"], found[f"{what} from the ledger"]
        print(f"{what}: from the files {whole / once:.2f} x, with the update {whole / (once + new):.2f} x")


if __name__ == "__main__":
    main()
