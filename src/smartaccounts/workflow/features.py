"""Compute a snapshot and write it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.written import written_beside
from smartaccounts.errors import PipelineError
from smartaccounts.features.extra import absent_extra
from smartaccounts.features.on_spark import snapshot_on_spark
from smartaccounts.features.snapshot import CATALOGUE, absent_features, snapshot_tables
from smartaccounts.orders.read import read_in_place
from smartaccounts.outputs.staged import folder_beside
from smartaccounts.outputs.tables import PART, Parts, gather_parts, write_part
from smartaccounts.timeline import from_day_number, too_short
from smartaccounts.workflow.extra import checked_extra
from smartaccounts.workflow.lines import spark_lines


@dataclass(frozen=True)
class Written:
    """What `write_features` wrote; `absent` are the features that are null for want of columns."""

    rows: int
    dates: tuple[date, ...]
    features: int
    absent: tuple[str, ...]


def write_features(
    pipeline: Pipeline,
    as_ofs: Sequence[date],
    out: Path,
    *,
    double: bool = False,
    memory: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write the snapshot of `as_ofs` as Parquet: one row per (market, customer_id, as_of), in that order.

    Features that are no money are float32; with `double` float64. memory: as in `engine.memory.memory_bytes`.
    With engine: spark, `out` is a folder of such files, which every worker must see, and memory is Spark's.
    HistoryError where no as_of has enough history, PipelineError where `out` cannot be written.
    """
    if pipeline.engine == "spark":
        return _on_spark(pipeline, as_ofs, out, double=double, step=step)
    if not out.parent.is_dir() or out.is_dir():
        raise PipelineError(
            f"Expected a file in a folder that exists, got {out} in --out.", hint="Make the folder first."
        )
    extra = checked_extra(pipeline)
    with Engine(memory) as engine, written_beside(out) as beside, read_in_place(pipeline, engine) as lines:
        step("order lines read")
        rows, seen = 0, set()
        with Parts(beside) as parts:
            for table in snapshot_tables(lines, as_ofs, pipeline.target, extra=extra, double=double):
                parts.write(table)
                rows += table.num_rows
                seen |= set(table["as_of"].unique().to_pylist())
                step(f"{rows:,} rows")
        if not rows:
            first = from_day_number(lines.first_day)
            raise too_short(as_ofs[-1], first_day=first, horizon_days=pipeline.target.horizon_days)
        absent = (*absent_features(lines.provided), *absent_extra(extra, lines.provided))
    return Written(rows, tuple(sorted(seen)), len(CATALOGUE) + len(extra), absent)


def _on_spark(
    pipeline: Pipeline, as_ofs: Sequence[date], out: Path, *, double: bool, step: Callable[[str], None]
) -> Written:
    replace = (out / "_SUCCESS").is_file()  # what was written on Spark before
    if not out.parent.is_dir() or (out.exists() and not replace):
        raise PipelineError(
            f"Expected a new folder in a folder that exists, got {out} in --out.",
            hint="On Spark it is a folder of files.",
        )
    extra = checked_extra(pipeline)
    with spark_lines(pipeline) as lines:
        step("order lines read")
        with snapshot_on_spark(lines, as_ofs, pipeline.target, extra=extra, double=double) as made:
            if not made.rows:
                first = from_day_number(lines.first_day)
                raise too_short(as_ofs[-1], first_day=first, horizon_days=pipeline.target.horizon_days)
            step(f"{sum(made.rows.values()):,} rows")
            with folder_beside(out.absolute()) as beside:
                writing = beside / "writing"
                writing.mkdir()
                gather_parts(made.finished(partial(write_part, folder=str(writing)), PART).arrow(), writing, beside)
                shutil.rmtree(writing)  # with what lost workers wrote
                (beside / "_SUCCESS").touch()
    return Written(sum(made.rows.values()), tuple(sorted(made.rows)), len(CATALOGUE) + len(extra), made.absent)
