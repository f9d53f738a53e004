"""Read a source with Spark: the same SQL as in `read`, run by the embedded engine inside Spark's workers, part by part.

Whether a line is accepted is told from that line alone, so any part of a source can be mapped and checked by itself.
Lines that are alike in every column belong to one customer, so duplicates are found where a customer's lines are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import TYPE_CHECKING

import pyarrow as pa

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders import layers
from smartaccounts.orders.contract import COLUMNS, Intake, OrderLines
from smartaccounts.orders.intake import check_currencies, intake_of, merged_sql, tally_sql
from smartaccounts.orders.read import TABLE, clock, whole
from smartaccounts.orders.source import File, where
from smartaccounts.orders.staging import Also, explained, held_columns, staged, without_duplicates
from smartaccounts.timeline import day_number, from_day_number

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Frame, Spark

_SOURCE, _STAGE, _TALLIES = "source_part", "stage_part", "tallies"
_AT_ONCE = 1 << 17
_TYPES = {"string": pa.string(), "day": pa.int32(), "double": pa.float64()}
_TALLY = pa.schema(
    [
        ("reason", pa.int8()),
        ("rows", pa.int64()),
        ("examples", pa.list_(pa.string())),
        ("culprits", pa.list_(pa.string())),
        ("doubted", pa.list_(pa.int64())),
    ]
)
"""Rows that are no lines: what was counted in one part. A line has no `rows`."""
_DOUBLE = pa.schema([("example", pa.string()), ("doubts", pa.int32()), ("source_row", pa.string())])
"""What a line bears until duplicates are marked."""


@dataclass(frozen=True)
class SparkLines:
    """Accepted order lines on a cluster, all lines of a customer in the same part.

    frame: the contract columns that the source has or something stands in for (`held`), as `OrderLines` has them.
    The rest is as there.
    """

    frame: Frame
    held: tuple[str, ...]
    provided: frozenset[str]
    first_day: int
    last_day: int
    intake: Intake

    def first_known(self, before: date) -> date:
        """Return the first order day among the lines known before a date; that of all lines where none was."""
        if "known_date" not in self.provided:
            return from_day_number(self.first_day)
        known = [first for day, first, _ in self._by_known_day if day < day_number(before)]
        return from_day_number(min(known, default=self.first_day))

    def last_known(self, before: date) -> date:
        """Return the last order day among the lines known before a date; the first of all lines where none was."""
        known = [last for day, _, last in self._by_known_day if day < day_number(before)]
        return from_day_number(max(known, default=self.first_day))

    @cached_property
    def _by_known_day(self) -> list[tuple[int, int, int]]:
        """Return each day on which lines became known, and the first and the last order day of those."""
        found = self.frame.summed(["known_day"], {"first": "min(day)", "last": "max(day)"}).arrow()
        return list(zip(*(found[c].to_pylist() for c in ("known_day", "first", "last")), strict=True))

    def over_customers(self, function: Callable[[OrderLines], pa.Table], schema: pa.Schema) -> pa.Table:
        """Return what a function makes of the lines, called in the workers for one part after another."""
        over = partial(
            _over_part, function=function, held=self.held, provided=self.provided, days=(self.first_day, self.last_day)
        )
        return self.frame.mapped(over, schema).arrow().cast(schema)


@contextmanager
def part_of_lines(
    batches: Iterable[pa.RecordBatch], *, held: Sequence[str], provided: frozenset[str], days: tuple[int, int] = (0, 0)
) -> Iterator[OrderLines | None]:
    """Yield the lines of a part in an engine of its own; None where it has none."""
    some = list(batches)
    if not some:
        yield None
        return
    with Engine() as engine:
        engine.load("part_lines", pa.Table.from_batches(some))
        whole(engine, "part_lines", held=held)
        yield OrderLines(engine, TABLE, provided, *days, Intake(0, 0, ()))


def _over_part(
    _: int,
    batches: Iterator[pa.RecordBatch],
    *,
    function: Callable[[OrderLines], pa.Table],
    held: Sequence[str],
    provided: frozenset[str],
    days: tuple[int, int],
) -> Iterator[pa.Table]:
    with part_of_lines(batches, held=held, provided=provided, days=days) as lines:
        if lines is not None:
            yield function(lines)


@contextmanager
def read_on_spark(pipeline: Pipeline, spark: Spark, *, today: date | None = None) -> Iterator[SparkLines]:
    """Read the source of a pipeline; the lines stay on the cluster inside the block. Errors as in `read`."""
    source = spark.table(pipeline.source.table) if pipeline.source.table else spark.parquet(where(pipeline))
    plan = _planned(pipeline, source, today=today or clock())
    parts = pipeline.spark.partitions or spark.parts(source.rows())
    mapped = source.select(plan.columns).mapped(partial(_mapped, plan=plan), plan.schema)
    laid = mapped.apart(["market", "customer_id"], parts=parts)
    if plan.drops:
        laid = laid.mapped(partial(_without_duplicates, plan=plan), plan.lines_schema)
    with laid.kept(), Engine() as engine:
        tallies = laid.where("rows IS NOT NULL").columns(_TALLY.names).arrow()
        engine.load(_TALLIES, tallies)
        tally = engine.rows(f"{merged_sql(_TALLIES, len(plan.doubts))} ORDER BY reason")
        taken = intake_of(pipeline, tally, doubts=plan.doubts)
        lines = laid.where("rows IS NULL").columns(plan.held)
        if "currency" in plan.held:
            engine.load(_STAGE, lines.summed(["market", "currency"], {"reason": "CAST(NULL AS INT)"}).arrow())
            check_currencies(pipeline, engine, _STAGE)
        days = lines.summed([], {"first": "min(day)", "last": "max(day)"}).arrow().to_pylist()[0]
        provided = frozenset(pipeline.columns.mapped())
        yield SparkLines(lines, plan.held, provided, days["first"], days["last"], taken)


@dataclass(frozen=True)
class _Plan:
    """What a worker must know: `sql` stages the rows of `source_part`, which has the `columns` of the source."""

    columns: tuple[str, ...]
    sql: str
    held: tuple[str, ...]
    doubts: tuple[str, ...]
    drops: str
    where: str

    @property
    def lines_schema(self) -> pa.Schema:
        """Return lines and tallies, once duplicates are gone."""
        kinds = {c.held_as: _TYPES[c.kind] for c in COLUMNS}
        return pa.schema([*((name, kinds[name]) for name in self.held), *_TALLY])

    @property
    def schema(self) -> pa.Schema:
        """Return lines and tallies as the first step leaves them."""
        return pa.schema([*self.lines_schema, *(_DOUBLE if self.drops else ())])


def _planned(pipeline: Pipeline, source: Frame, *, today: date) -> _Plan:
    """Check the columns and conditions of a pipeline against a source, as it is done with files."""
    mapped, place = pipeline.columns.mapped(), where(pipeline)
    drops = pipeline.source.duplicates == "drop"
    with Engine() as engine:
        engine.load(_SOURCE, source.select(source.names).schema.empty_table())
        file = File(place, _SOURCE, engine.columns(_SOURCE), untyped=False)
        used = layers.check_conditions(pipeline, layers.typed(pipeline, file), engine) | {*mapped.values()}
        columns = tuple(c for c in file.columns if drops or c in used)
        read = File(place, _SOURCE, {c: file.columns[c] for c in columns}, untyped=False)
        sql = staged(pipeline, engine, read, today=today, also=Also(row=drops))
    held = held_columns(pipeline)
    return _Plan(
        columns=columns,
        sql=sql,
        held=tuple(c.held_as for c in COLUMNS if c.held_as in held),
        doubts=layers.doubts_said(pipeline),
        drops=without_duplicates(f"SELECT * FROM {_STAGE}", pipeline) if drops else "",
        where=place,
    )


def _mapped(_: int, batches: Iterator[pa.RecordBatch], *, plan: _Plan) -> Iterator[pa.Table]:
    """Map and check: the accepted lines, and at the end of the part what was counted."""
    marks = [*plan.held, *(["example", "doubts", "CAST(source_row AS VARCHAR) AS source_row"] if plan.drops else [])]
    only = "WHERE reason IS NOT NULL" if plan.drops else ""  # the accepted ones are counted without their duplicates
    with Engine() as engine:
        engine.load(_TALLIES, _TALLY.empty_table())
        for table in _tables(batches):
            engine.load(_SOURCE, table)
            with explained([plan.where]):
                engine.run(f"CREATE OR REPLACE TABLE {_STAGE} AS {plan.sql}")
            lines = engine.arrow(f"SELECT {', '.join(marks)} FROM {_STAGE} WHERE reason IS NULL")
            yield _filled(lines, plan.schema)
            counted = tally_sql(f"(SELECT * FROM {_STAGE} {only})", len(plan.doubts))
            engine.run(f"INSERT INTO {_TALLIES} {counted}")
        yield _filled(engine.arrow(merged_sql(_TALLIES, len(plan.doubts))), plan.schema)


def _without_duplicates(_: int, batches: Iterator[pa.RecordBatch], *, plan: _Plan) -> Iterator[pa.Table]:
    """Leave one of equal lines, count the others, and hand on what was counted before."""
    tables = list(_tables(batches))
    if not tables:
        return
    with Engine() as engine:
        engine.load(_SOURCE, pa.concat_tables(tables))
        yield engine.arrow(f"SELECT {', '.join(plan.lines_schema.names)} FROM {_SOURCE} WHERE rows IS NOT NULL")
        marks = (
            f"* EXCLUDE ({', '.join(_TALLY.names)}), CAST(NULL AS TINYINT) AS reason, CAST(NULL AS VARCHAR) AS culprit"
        )
        engine.run(f"CREATE TABLE {_STAGE} AS SELECT {marks} FROM {_SOURCE} WHERE rows IS NULL")
        engine.run(f"CREATE TABLE marked AS {plan.drops}")
        yield _filled(
            engine.arrow(f"SELECT {', '.join(plan.held)} FROM marked WHERE reason IS NULL"), plan.lines_schema
        )
        yield _filled(engine.arrow(tally_sql("marked", len(plan.doubts))), plan.lines_schema)


def _tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the batches of a part in tables that are worth a statement."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(b.num_rows for b in held) >= _AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _filled(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with the columns of a schema; those that it lacks are null."""
    given = set(table.column_names)
    columns = [table[f.name].cast(f.type) if f.name in given else pa.nulls(table.num_rows, f.type) for f in schema]
    return pa.table(columns, schema=schema)
