"""Read a source into order lines: every line is accepted, or rejected under exactly one counted reason."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import PipelineError
from smartaccounts.orders.contract import COLUMNS, OrderLines
from smartaccounts.orders.intake import check_currencies, intake
from smartaccounts.orders.ledger.lines import read_ledger
from smartaccounts.orders.staging import MARKS, stage, stage_rejected

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
    taken = intake(pipeline, engine, staged)
    if "currency" in staged.provided:
        check_currencies(pipeline, engine, staged.table)
    if taken.rejected:
        engine.run(f"DELETE FROM {staged.table} WHERE reason IS NOT NULL")
    for column in MARKS:
        engine.run(f"ALTER TABLE {staged.table} DROP COLUMN {column}")
    whole(engine, staged.table, held=staged.held)
    first, last = engine.rows(f"SELECT min(day), max(day) FROM {TABLE}")[0]
    return OrderLines(engine, TABLE, staged.provided, first, last, taken)


def _from_ledger(pipeline: Pipeline, engine: Engine, *, today: date) -> OrderLines:
    kept = read_ledger(pipeline, engine, today=today)
    provided = frozenset(pipeline.columns.mapped())
    if "currency" in provided:
        check_currencies(pipeline, engine, f"(SELECT market, currency, NULL AS reason FROM ({kept.sql}))")
    whole(engine, f"({kept.sql})", held=kept.held)
    return OrderLines(engine, TABLE, provided, kept.first_day, kept.last_day, kept.intake)


def whole(engine: Engine, table: str, *, held: Collection[str]) -> None:
    """Make the view `TABLE` of every contract column out of a table that holds some; the others are null.

    A column that the source lacks costs no memory in a view.
    """
    columns = [c.held_as if c.held_as in held else f"CAST(NULL AS {c.sql_type}) AS {c.held_as}" for c in COLUMNS]
    engine.run(f"CREATE OR REPLACE VIEW {TABLE} AS SELECT {', '.join(columns)} FROM {table}")


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
