"""Read a source into order lines: every line is accepted, or rejected under exactly one counted reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError, culprits
from smartaccounts.orders.contract import COLUMNS, Intake, OrderLines, Rejection
from smartaccounts.orders.layers import REASONS, amount_parts
from smartaccounts.orders.source import place
from smartaccounts.orders.staging import MARKS, Stage, stage, stage_rejected

TABLE = "order_lines"


def read(pipeline: Pipeline, engine: Engine, *, today: date | None = None) -> OrderLines:
    """Read the source of a pipeline as `order_lines` of the engine, replacing what was read before.

    One row per accepted line; see `OrderLines`. Dates after `today` (default: the clock's) are rejected. InputError
    where the source cannot be read, lacks a column, holds two currencies in a market, has no acceptable line, or has
    dates or amounts that mostly cannot be read; PipelineError where a condition of the pipeline file is wrong.
    """
    engine.run(f"DROP VIEW IF EXISTS {TABLE}")
    staged = stage(pipeline, engine, table=f"{TABLE}_held", today=today or clock())
    taken = intake(pipeline, engine, staged)
    _check_currencies(pipeline, engine, staged)
    if taken.rejected:
        engine.run(f"DELETE FROM {staged.table} WHERE reason IS NOT NULL")
    for column in MARKS:
        engine.run(f"ALTER TABLE {staged.table} DROP COLUMN {column}")
    # a column that the source lacks costs no memory in a view
    columns = [c.held_as if c.held_as in staged.held else f"CAST(NULL AS {c.sql_type}) AS {c.held_as}" for c in COLUMNS]
    engine.run(f"CREATE VIEW {TABLE} AS SELECT {', '.join(columns)} FROM {staged.table}")
    first, last = engine.rows(f"SELECT min(day), max(day) FROM {TABLE}")[0]
    return OrderLines(engine, TABLE, staged.provided, first, last, taken)


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


def intake(pipeline: Pipeline, engine: Engine, staged: Stage) -> Intake:
    """Count accepted and rejected lines; InputError where nothing is left or most dates or amounts are unreadable."""
    counted = engine.rows(
        f"SELECT reason, count(*), min(example, 3), min(culprit, 3) FROM {staged.table} GROUP BY reason ORDER BY reason"
    )
    rows_in = sum(rows for _, rows, _, _ in counted)
    rejected = tuple(Rejection(REASONS[r], n, tuple(examples)) for r, n, examples, _ in counted if r is not None)
    values = {REASONS[r]: (n, tuple(found or ())) for r, n, _, found in counted if r is not None}
    _check_readable(pipeline, values, rows_in)
    rows_out = rows_in - sum(r.rows for r in rejected)
    where = place(pipeline)
    if not rows_in:
        raise InputError(f"Expected order lines, got columns without a line in {where}.")
    if not rows_out:
        reasons = ", ".join(f"{r.rows:,} {r.reason}" for r in rejected)
        raise InputError(
            f"Expected at least one acceptable line, got none of {rows_in:,} ({reasons}) in {where}.",
            hint=f"One of them: {rejected[0].examples[0]}.",
        )
    return Intake(rows_in, rows_out, rejected, (*staged.notes, *_doubts(engine, staged)))


def _check_readable(pipeline: Pipeline, values: dict[str, tuple[int, tuple[str, ...]]], rows_in: int) -> None:
    """Refuse a source of which most dates or amounts are unreadable: that is a setting, not dirt."""
    columns, source = pipeline.columns, pipeline.source
    parts = " x ".join(repr(columns.mapped()[p]) for p in amount_parts(pipeline))
    formats = source.date_format or "ISO dates (2011-12-09)"
    expected = {
        "date not readable": (
            f"dates as {formats}",
            repr(columns.order_date),
            "Say how they are written in source.date_format, for example '%d.%m.%Y'.",
        ),
        "amount not a number": (
            f"numbers with the decimal separator {source.decimal!r}",
            parts,
            f"Is source.decimal: {',' if source.decimal == '.' else '.'!r} right?",
        ),
    }
    for reason, (what, column, hint) in expected.items():
        rows, found = values.get(reason, (0, ()))
        if 2 * rows > rows_in:
            where = place(pipeline)
            raise InputError(
                f"Expected {what}, got {culprits(found)} in {rows:,} of {rows_in:,} lines, column {column} of {where}.",
                hint=hint,
            )


def _doubts(engine: Engine, staged: Stage) -> list[str]:
    bits = [f"count(*) FILTER (doubts & {1 << i} > 0)" for i in range(len(staged.doubts))]
    counts = engine.rows(f"SELECT {', '.join(bits)} FROM {staged.table} WHERE reason IS NULL")[0]
    return [f"{rows:,} lines: {said}." for rows, said in zip(counts, staged.doubts, strict=True) if rows]


def _check_currencies(pipeline: Pipeline, engine: Engine, staged: Stage) -> None:
    if "currency" not in staged.provided:
        return
    mixed = engine.rows(
        f"SELECT market, list_sort(list(DISTINCT currency)) FROM {staged.table} "
        "WHERE reason IS NULL AND currency IS NOT NULL "
        "GROUP BY market HAVING count(DISTINCT currency) > 1 ORDER BY market"
    )
    if mixed:
        found = "; ".join(f"{culprits(currencies)} in the market {market!r}" for market, currencies in mixed[:5])
        raise InputError(
            f"Expected one currency in each market, got {found} of {place(pipeline)}.",
            hint="Convert the amounts first, or map the currency (or a column made with it) to columns.market.",
        )
