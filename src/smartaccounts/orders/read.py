"""Read a source into order lines: every line is accepted, or rejected under exactly one counted reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError, culprits
from smartaccounts.orders.contract import OrderLines, every_column
from smartaccounts.orders.intake import check_currencies, counted
from smartaccounts.orders.layers import Known
from smartaccounts.orders.ledger.lines import read_ledger
from smartaccounts.orders.source import File, parquet
from smartaccounts.orders.staging import MARKS, explained, plain_texts, stage, stage_in_place, stage_rejected

TABLE = "order_lines"


def read(pipeline: Pipeline, engine: Engine, *, today: date | None = None) -> OrderLines:
    """Read the source of a pipeline, or its ledger, as `order_lines` of the engine, replacing what was read before.

    One row per accepted line; see `OrderLines`. Dates after `today` (default: the clock's) are rejected. InputError
    where the source cannot be read, lacks a column, holds two currencies in a market, has no acceptable line, or has
    dates or amounts that mostly cannot be read, and where the ledger does not hold the source as it is; PipelineError
    where a condition of the pipeline file is wrong.
    """
    engine.run(f"DROP VIEW IF EXISTS {TABLE}")
    if pipeline.ledger is not None:
        return _from_ledger(pipeline, engine, today=today or clock())
    staged = stage(pipeline, engine, table=f"{TABLE}_held", today=today or clock())
    found = counted(pipeline, engine, staged)
    if "currency" in staged.provided:
        check_currencies(pipeline, engine, staged.table)
    if found.intake.rejected:
        engine.run(f"DELETE FROM {staged.table} WHERE reason IS NOT NULL")
    for column in MARKS:
        engine.run(f"ALTER TABLE {staged.table} DROP COLUMN {column}")
    whole(engine, staged.table, held=staged.held)
    return OrderLines(engine, TABLE, staged.provided, found.first_day, found.last_day, found.intake)


@contextmanager
def read_in_place(
    pipeline: Pipeline, engine: Engine, *, today: date | None = None, least: int = 0
) -> Iterator[OrderLines]:
    """Read as `read` does, for one answer: each statement inside the block reads the columns of Parquet that it needs.

    Lines that come as CSV, or without duplicates, are copied, and so are fewer than `least`; those of a ledger lie in
    place anyway. InputError also where a file changes inside the block.
    """
    apart = pipeline.ledger is not None or pipeline.source.duplicates == "drop"
    files = () if apart else parquet(pipeline, engine)
    if not files or _fewer(engine, files, least):
        yield read(pipeline, engine, today=today)
        return
    before, day, view = _states(files), today or clock(), f"{TABLE}_in_place"
    engine.run(f"DROP VIEW IF EXISTS {TABLE}")
    with explained([file.path for file in files]):
        known = Known(plain=plain_texts(pipeline, engine, files))
        staged = stage_in_place(pipeline, engine, files, view=view, today=day, known=known)
        found = counted(pipeline, engine, staged)
        if "currency" in staged.provided:
            check_currencies(pipeline, engine, view)
        known = replace(known, reasons=frozenset(r.reason for r in found.intake.rejected))
        stage_in_place(pipeline, engine, files, view=view, today=day, known=known)
        whole(engine, f"{view} WHERE reason IS NULL" if known.reasons else view, held=staged.held)
        yield OrderLines(engine, TABLE, staged.provided, found.first_day, found.last_day, found.intake)
    changed = [str(file.path) for file, one, two in zip(files, before, _states(files), strict=True) if one != two]
    if changed:
        raise InputError(
            f"Expected files that stay as they are while they are read, got a change in {culprits(changed)}.",
            hint="Run the command again when the file is complete.",
        )


def _fewer(engine: Engine, files: Sequence[File], least: int) -> bool:
    """Say whether files of Parquet hold fewer lines than that; their own counts tell."""
    if not least:
        return False
    with explained([file.path for file in files]):
        return sum(int(engine.rows(f"SELECT count(*) FROM {file.relation}")[0][0]) for file in files) < least


def _states(files: Sequence[File]) -> list[tuple[int, ...]]:
    """Return what changes when a file is written or replaced."""
    found = [Path(file.path).stat() for file in files]
    return [(f.st_dev, f.st_ino, f.st_size, f.st_mtime_ns) for f in found]


def _from_ledger(pipeline: Pipeline, engine: Engine, *, today: date) -> OrderLines:
    kept = read_ledger(pipeline, engine, today=today)
    provided = frozenset(pipeline.columns.mapped())
    if "currency" in provided:
        check_currencies(pipeline, engine, f"(SELECT market, currency, NULL AS reason FROM ({kept.sql}))")
    whole(engine, f"({kept.sql})", held=kept.held)
    return OrderLines(engine, TABLE, provided, kept.first_day, kept.last_day, kept.intake, kept.stored)


def whole(engine: Engine, table: str, *, held: Collection[str]) -> None:
    """Make the view `TABLE` of every contract column out of a table that holds some; the others are null.

    A column that the source lacks costs no memory in a view.
    """
    engine.run(f"CREATE OR REPLACE VIEW {TABLE} AS SELECT {every_column(held)} FROM {table}")


def write_rejected(pipeline: Pipeline, engine: Engine, path: Path, *, today: date | None = None) -> int:
    """Write the rejected lines as Parquet: the source's columns as text, and `rejected_because`; return how many.

    The file is written beside and renamed. Errors as in `read`, except that many rejected lines are none.
    """
    table = f"{TABLE}_rejected"
    stage_rejected(pipeline, engine, table=table, today=today or clock())
    if not path.parent.is_dir() or path.is_dir():
        raise PipelineError(
            f"Expected a file in a folder that exists, got {path} in --rejected.", hint="Make it first."
        )
    engine.write_parquet(f"SELECT * FROM {table} ORDER BY ALL", path)
    rows = int(engine.rows(f"SELECT count(*) FROM {table}")[0][0])
    engine.run(f"DROP TABLE {table}")
    return rows


def clock() -> date:
    """Return today (UTC): the only use of the clock in reading."""
    return datetime.now(tz=UTC).date()
