"""Does anything known at or after a cut-off date change what is said as of that date?

For each cut-off D the source is copied without any line known at or after D; the snapshot, the scores of every ranker,
a training for D and a growth list of D are made from the copy and from the full file, and compared.

    python -m benchmarks.leakage                                    every cut-off of both real histories
    python -m benchmarks.leakage online_retail --as-of 2011-06-01   one

Exit 1 where anything differs. The real histories are read through pipelines/ (SMARTACCOUNTS_DATA).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smartaccounts.bundle import Bundle, save
from smartaccounts.config import Pipeline, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import backtest
from smartaccounts.features.extra import extra_features
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.read import read
from smartaccounts.workflow.predict import predict
from smartaccounts.workflow.rankers import rankers
from smartaccounts.workflow.train import fit

PIPELINES = Path(__file__).parents[1] / "pipelines"
CUT_OFFS = {
    "online_retail": tuple(date(2011, m, 1) for m in range(1, 7)),
    "iowa_suppliers": tuple(
        date(y, m, 1) for y, m in ((2014, 7), (2015, 1), (2015, 7), (2016, 1), (2016, 7), (2017, 1), (2017, 7))
    ),
}
OF_THE_SOURCE = ("rows", "seconds")
"""Parts of run.json that tell of the whole file, or of the clock."""


@dataclass(frozen=True)
class Said:
    """Everything that is said as of one date.

    snapshot: its frame; scores: as in scores.parquet without the target, which lies in the future; models: bundle ->
    file -> bytes of the growth model and of the plain ranking; champion: which of them serves; verdict: why; list:
    file -> bytes of the growth list; run: run.json without OF_THE_SOURCE.
    """

    snapshot: pd.DataFrame
    scores: pd.DataFrame
    models: dict[str, dict[str, bytes]]
    champion: str
    verdict: dict[str, Any]
    list: dict[str, bytes]
    run: dict[str, Any]


def known_before(source: Path, copy: Path, column: str, as_of: date) -> int:
    """Write the lines of a parquet file that were known before `as_of`; return how many were left out."""
    table = pq.read_table(source)
    early = pc.less(table[column].cast(pa.timestamp("us")), pa.scalar(as_of).cast(pa.timestamp("us")))
    kept = table.filter(early)
    pq.write_table(kept, copy)
    return table.num_rows - kept.num_rows


def say(pipeline: Pipeline, as_of: date, folder: Path) -> Said:
    """Make everything that is said as of a date; files go into `folder`."""
    with Engine() as engine:
        lines = read(pipeline, engine)
        seen = snapshot(lines, [as_of], pipeline.target, extra=extra_features(pipeline)).frame
        scores = backtest(lines, [as_of], pipeline, rankers(pipeline)).scores().drop(columns="target")
    trained = fit(pipeline, as_of)
    bundles = {b.card.ranker: b for b in (trained.model, trained.plain) if b is not None}
    made = predict(pipeline, as_of, trained.serves, folder / "list")
    run = {k: v for k, v in json.loads((folder / "list" / "run.json").read_text()).items() if k not in OF_THE_SOURCE}
    files = {name: (folder / "list" / name).read_bytes() for name in ("growth_list.parquet", "growth_list.csv")}
    assert len(made.growth_list.frame)
    return Said(
        seen, scores, {n: _bytes(b, folder / n) for n, b in bundles.items()}, trained.serves.version,
        trained.verdict.as_json(), files, run,
    )  # fmt: skip


def _bytes(bundle: Bundle, folder: Path) -> dict[str, bytes]:
    save(bundle, folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def differences(full: Said, cut: Said) -> Iterator[str]:
    """Yield what differs: nothing, where no line known at or after the date has had a say."""
    if not full.snapshot.equals(cut.snapshot):
        same = full.snapshot.shape == cut.snapshot.shape
        columns = [c for c in full.snapshot if not full.snapshot[c].equals(cut.snapshot[c])] if same else ["its shape"]
        yield f"snapshot ({', '.join(columns)})"
    if not full.scores.equals(cut.scores):
        yield f"scores ({', '.join(_rankers_that_differ(full.scores, cut.scores))})"
    if full.models != cut.models:
        files = {(b, f) for b in {*full.models, *cut.models} for f in {*full.models.get(b, ()), *cut.models.get(b, ())}}
        other = (f"{b}/{f}" for b, f in sorted(files) if _file(full, b, f) != _file(cut, b, f))
        yield f"models ({', '.join(other)})"
    for part in ("champion", "verdict", "list", "run"):
        if getattr(full, part) != getattr(cut, part):
            yield part


def _rankers_that_differ(full: pd.DataFrame, cut: pd.DataFrame) -> list[str]:
    names = dict.fromkeys([*full["ranker"], *cut["ranker"]])
    parts = {n: [f[f["ranker"] == n].reset_index(drop=True) for f in (full, cut)] for n in names}
    return [n for n, (a, b) in parts.items() if not a.equals(b)]


def _file(said: Said, bundle: str, file: str) -> bytes | None:
    return said.models.get(bundle, {}).get(file)


def compare(pipeline: Pipeline, as_of: date, folder: Path) -> tuple[int, list[str]]:
    """Return how many lines were known too late, and what differs between the full file and the copy without them."""
    source = pipeline.resolve(pipeline.source.path)
    copy = folder / "copy.parquet"
    known = pipeline.columns.known_date or pipeline.columns.order_date
    left_out = known_before(source, copy, known, as_of)
    cut = pipeline.model_copy(update={"source": pipeline.source.model_copy(update={"path": str(copy)})})
    return left_out, list(differences(say(pipeline, as_of, folder / "full"), say(cut, as_of, folder / "cut")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line per history and cut-off."""
    parser = argparse.ArgumentParser(description="Does the future change what is said as of a date?")
    parser.add_argument("history", nargs="*", choices=[[], *CUT_OFFS], default=list(CUT_OFFS))
    parser.add_argument("--as-of", action="append", type=date.fromisoformat)
    asked = parser.parse_args(arguments)
    print(f"{'history':<16}{'as_of':<12}{'lines left out':>15}{'seconds':>9}  identical")
    worst = 0
    for name in asked.history:
        pipeline = read_pipeline(PIPELINES / f"{name}.yaml")
        for as_of in asked.as_of or CUT_OFFS[name]:
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                left_out, found = compare(pipeline, as_of, Path(folder))
            seconds = time.monotonic() - started
            said = f"no: {'; '.join(found)}" if found else "yes"
            print(f"{name:<16}{as_of!s:<12}{left_out:>15,}{seconds:>9.0f}  {said}", flush=True)
            worst |= bool(found)
    return worst


if __name__ == "__main__":
    sys.exit(main())
