"""Read a source with Spark: the same SQL as in `read`, run by the embedded engine inside Spark's workers, part by part.

Whether a line is accepted is told from that line alone, so any part of a source can be mapped and checked by itself.
Lines that are alike in every column belong to one customer, so duplicates are found where a customer's lines are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders import layers
from smartaccounts.orders.contract import COLUMNS, Intake, OrderLines
from smartaccounts.orders.intake import check_currencies, intake_of, merged_sql, tally_sql
from smartaccounts.orders.read import TABLE, clock, whole
from smartaccounts.orders.row_groups import read_row_groups, row_groups
from smartaccounts.orders.source import File, where
from smartaccounts.orders.staging import PASSING, Also, explained, held_columns, staged, without_duplicates
from smartaccounts.timeline import day_number, from_day_number

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Frame, Spark

_SOURCE, _STAGE, _TALLIES = "source_part", "stage_part", "tallies"
_AT_ONCE, _SPLIT_AT_ONCE = 1 << 17, 1 << 20
"""Lines that are mapped, and lines that are split into parts, at once."""
PACKED = pa.schema([("part", pa.int32()), ("kind", pa.string()), ("content", pa.binary())])
"""Tables of Arrow as bytes, for Spark to carry: it is slow at columns. Lines lie in the parts of their customers."""
_TALLY = pa.schema(
    [
        ("reason", pa.int8()),
        ("rows", pa.int64()),
        ("examples", pa.list_(pa.string())),
        ("culprits", pa.list_(pa.string())),
        ("doubted", pa.list_(pa.int64())),
    ]
)
_SEEN = {
    "days": "SELECT known_day, min(day) AS first, max(day) AS last FROM {} GROUP BY known_day",
    "currencies": "SELECT DISTINCT market, currency FROM {}",
}
"""What is noted down of accepted lines as they come."""


@dataclass(frozen=True)
class SparkLines:
    """Accepted order lines on a cluster, all lines of a customer in the same part.

    frame: packed tables of the contract columns that the source has or something stands in for (`held`), as
    `OrderLines` has them. days: each known_day, the first and the last order day of its lines. engine: of this
    process, for what is brought here. The rest is as there.
    """

    engine: Engine
    frame: Frame
    held: tuple[str, ...]
    provided: frozenset[str]
    days: tuple[tuple[int, int, int], ...]
    intake: Intake

    @property
    def first_day(self) -> int:
        """Return the least day over all lines."""
        return min(first for _, first, _ in self.days)

    @property
    def last_day(self) -> int:
        """Return the greatest day over all lines."""
        return max(last for *_, last in self.days)

    def first_day_known(self, before: date) -> int | None:
        """Return the first order day among the lines known before a date; None where none was."""
        return min((first for day, first, _ in self.days if day < day_number(before)), default=None)

    def first_known(self, before: date) -> date:
        """Return the first order day among the lines known before a date; that of all lines where none was."""
        known = self.first_day_known(before)
        return from_day_number(self.first_day if known is None else known)

    def last_known(self, before: date) -> date:
        """Return the last order day among the lines known before a date; the first of all lines where none was."""
        known = [last for day, _, last in self.days if day < day_number(before)]
        return from_day_number(max(known, default=self.first_day))

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
    tables = unpacked(batches)
    if not tables:
        yield None
        return
    with Engine() as engine:
        engine.load("part_lines", pa.concat_tables(tables))
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
def read_on_spark(
    pipeline: Pipeline, spark: Spark, engine: Engine, *, today: date | None = None
) -> Iterator[SparkLines]:
    """Read the source of a pipeline; the lines stay on the cluster inside the block. Errors as in `read`."""
    source, plan = planned(pipeline, spark, today=today or clock())
    laid = laid_apart(pipeline, spark, source, plan, _mapped)
    if plan.drops:
        laid = laid.mapped(partial(_without_duplicates, plan=plan), PACKED)
    with laid.kept():
        told = laid.where("kind <> 'lines'").arrow()
        engine.load(_TALLIES, of_kind(told, "tally", _TALLY))
        tally = engine.rows(f"{merged_sql(_TALLIES, len(plan.doubts))} ORDER BY reason")
        taken = intake_of(pipeline, tally, doubts=plan.doubts)
        if "currency" in plan.held:
            engine.load("currencies", of_kind(told, "currencies"))
            check_currencies(pipeline, engine, "(SELECT DISTINCT *, NULL AS reason FROM currencies)")
        engine.load("days", of_kind(told, "days"))
        days = engine.rows("SELECT known_day, min(first), max(last) FROM days GROUP BY known_day ORDER BY known_day")
        lines, provided = laid.where("kind = 'lines'"), frozenset(pipeline.columns.mapped())
        yield SparkLines(engine, lines, plan.held, provided, tuple(days), taken)


@dataclass(frozen=True)
class Plan:
    """What a worker must know: `sql` stages the rows of `source_part`, which has the `columns` of the source.

    drops: SQL that marks duplicates among `part_lines`, '' where none are dropped.
    """

    columns: tuple[str, ...]
    sql: str
    held: tuple[str, ...]
    doubts: tuple[str, ...]
    drops: str
    where: str


def planned(pipeline: Pipeline, spark: Spark, *, today: date, for_check: bool = False) -> tuple[Frame, Plan]:
    """Return the source of a pipeline and how it is mapped; columns and conditions are checked as those of files are.

    for_check: as in `staging.stage`.
    """
    source = spark.table(pipeline.source.table) if pipeline.source.table else spark.parquet(where(pipeline))
    mapped, place = pipeline.columns.mapped(), where(pipeline)
    drops = pipeline.source.duplicates == "drop"
    whole_row = drops or for_check
    with Engine() as engine:
        engine.load(_SOURCE, source.select(source.names).schema.empty_table())
        file = File(place, _SOURCE, engine.columns(_SOURCE), untyped=False)
        used = layers.check_conditions(pipeline, layers.typed(pipeline, file), engine) | {*mapped.values()}
        columns = tuple(c for c in file.columns if whole_row or c in used)
        read = File(place, _SOURCE, {c: file.columns[c] for c in columns}, untyped=False)
        every = staged(pipeline, engine, read, today=today, also=Also(row=whole_row))
        # a number of 128 bits: Arrow has none, and to write one in decimals takes 0.1 ms
        row = ["hex(source_row) AS source_row"] if whole_row else []
        hidden = ", ".join([*([] if for_check else PASSING), *(["source_row"] if row else [])])
        sql = f"SELECT {', '.join([f'* EXCLUDE ({hidden})', *row])} FROM ({every})"
    held = held_columns(pipeline)
    plan = Plan(
        columns=columns,
        sql=sql,
        held=tuple(c.held_as for c in COLUMNS if c.held_as in held),
        doubts=layers.doubts_said(pipeline),
        drops=without_duplicates("SELECT * FROM part_lines", pipeline) if drops else "",
        where=place,
    )
    return source, plan


class _Mapping(Protocol):
    """What is made of some lines of a source: rows of `PACKED`."""

    def __call__(
        self, number: int, batches: Iterator[pa.RecordBatch], /, *, plan: Plan, parts: int
    ) -> Iterable[pa.Table]: ...


def laid_apart(pipeline: Pipeline, spark: Spark, source: Frame, plan: Plan, mapping: _Mapping) -> Frame:
    """Map a source, and lay what came of it into the parts that the rows say."""
    rows = source.rows()
    parts = pipeline.spark.partitions or spark.parts(rows)
    asked = source.select(plan.columns)
    groups = None if pipeline.source.table else row_groups(source.local_files(), asked.schema)
    if groups is None or pc.sum(groups["lines"]).as_py() != rows:
        mapped = asked.mapped(partial(mapping, plan=plan, parts=parts), PACKED)
    else:
        tasks = spark.made(groups).apart("task", parts=groups["task"][-1].as_py() + 1)
        read = partial(_read, schema=asked.schema, mapping=partial(mapping, plan=plan, parts=parts))
        mapped = tasks.mapped(read, PACKED)
    return mapped.apart("part", parts=parts)


def _read(
    number: int, groups: Iterator[pa.RecordBatch], *, schema: pa.Schema, mapping: Callable[..., Iterable[pa.Table]]
) -> Iterable[pa.Table]:
    return mapping(number, read_row_groups(groups, schema=schema, lines_at_once=_AT_ONCE))


def _mapped(_: int, batches: Iterator[pa.RecordBatch], *, plan: Plan, parts: int) -> Iterator[pa.Table]:
    """Map and check: the accepted lines, split into parts, and at the end what was counted and noted of them."""
    more = ["example", "doubts", "source_row"] if plan.drops else []
    marks = [f"CAST(hash(market, customer_id) % {parts} AS INTEGER) AS part", *plan.held, *more]
    only = "WHERE reason IS NOT NULL" if plan.drops else ""  # the accepted ones are counted without their duplicates
    with Engine() as engine:
        engine.load(_TALLIES, _TALLY.empty_table())
        accepted = f"(SELECT * FROM {_STAGE} WHERE reason IS NULL)"
        seen: dict[str, list[pa.Table]] = {
            kind: [] for kind in _SEEN if kind != "currencies" or "currency" in plan.held
        }
        held: list[pa.Table] = []
        for _staged in _stages(engine, batches, plan):
            held.append(engine.arrow(f"SELECT {', '.join(marks)} FROM {accepted}"))
            if sum(t.num_rows for t in held) >= _SPLIT_AT_ONCE:
                yield _split(pa.concat_tables(held))
                held = []
            counted = tally_sql(f"(SELECT * FROM {_STAGE} {only})", len(plan.doubts))
            engine.run(f"INSERT INTO {_TALLIES} {counted}")
            for kind, tables in seen.items():
                tables.append(engine.arrow(_SEEN[kind].format(accepted)))
        if held:
            yield _split(pa.concat_tables(held))
        yield one_row("tally", _tally(engine, merged_sql(_TALLIES, len(plan.doubts))))
        for kind, tables in seen.items():
            if tables:
                yield one_row(kind, pa.concat_tables(tables))


def _without_duplicates(part: int, batches: Iterator[pa.RecordBatch], *, plan: Plan) -> Iterator[pa.Table]:
    """Leave one of equal lines, count the others, and hand on what was counted before."""
    lines: list[pa.Table] = []
    for batch in batches:
        carried = pa.Table.from_batches([batch])
        yield carried.filter(pc.not_equal(carried["kind"], "lines"))
        lines += unpacked(carried.filter(pc.equal(carried["kind"], "lines")).to_batches())
    if not lines:
        return
    with Engine() as engine:
        engine.load(_SOURCE, pa.concat_tables(lines))
        marks = "*, CAST(NULL AS TINYINT) AS reason, CAST(NULL AS VARCHAR) AS culprit"
        engine.run(f"CREATE TABLE part_lines AS SELECT {marks} FROM {_SOURCE}")
        engine.run(f"CREATE TABLE marked AS {plan.drops}")
        left = engine.arrow(f"SELECT {', '.join(plan.held)} FROM marked WHERE reason IS NULL")
        for first in range(0, left.num_rows, _SPLIT_AT_ONCE):
            yield one_row("lines", left.slice(first, _SPLIT_AT_ONCE), part=part)
        yield one_row("tally", _tally(engine, tally_sql("marked", len(plan.doubts))))


def staged_part(batches: Iterable[pa.RecordBatch], plan: Plan, sql: str) -> Iterator[pa.Table]:
    """Yield lines as a stage has them, split into the parts that the first column of `sql` says ({}: the stage)."""
    held: list[pa.Table] = []
    with Engine() as engine:
        for _staged in _stages(engine, batches, plan):
            held.append(engine.arrow(sql.format(_STAGE)))
            if sum(t.num_rows for t in held) >= _SPLIT_AT_ONCE:
                yield _split(pa.concat_tables(held))
                held = []
    if held:
        yield _split(pa.concat_tables(held))


def _tally(engine: Engine, sql: str) -> pa.Table:
    found = engine.arrow(sql)
    return pa.table([found[f.name].cast(f.type) for f in _TALLY], schema=_TALLY)


def _stages(engine: Engine, batches: Iterable[pa.RecordBatch], plan: Plan) -> Iterator[None]:
    """Stage some lines after others, each in the place of those before."""
    for table in _tables(batches):
        with engine.lent(_SOURCE, table), explained([plan.where]):
            engine.run(f"CREATE OR REPLACE TABLE {_STAGE} AS {plan.sql}")
        yield


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


def _split(lines: pa.Table) -> pa.Table:
    """Pack lines, those of each part together; `part` is their first column."""
    part = lines["part"].to_numpy()
    order = np.argsort(part, kind="stable")
    begins = np.flatnonzero(np.diff(part[order], prepend=-1))
    laid = lines.drop_columns(["part"]).take(order)
    ends = np.append(begins, len(order))[1:]
    carried = [
        one_row("lines", laid.slice(a, b - a), part=int(part[order[a]])) for a, b in zip(begins, ends, strict=True)
    ]
    return pa.concat_tables(carried) if carried else PACKED.empty_table()


def one_row(kind: str, table: pa.Table, *, part: int = 0) -> pa.Table:
    """Return a table as one row."""
    return pa.table([[part], [kind], [packed(table)]], schema=PACKED)


def packed(table: pa.Table) -> bytes:
    """Return a table of Arrow as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table.combine_chunks())
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpacked(batches: Iterable[pa.RecordBatch]) -> list[pa.Table]:
    """Return the tables of packed rows."""
    return [table_of(content.as_buffer()) for batch in batches for content in batch["content"]]


def table_of(content: bytes | pa.Buffer) -> pa.Table:
    """Return the table that was `packed`."""
    return pa.ipc.open_stream(content).read_all()


def of_kind(carried: pa.Table, kind: str, schema: pa.Schema | None = None) -> pa.Table:
    """Return the tables of one kind as one; where there may be none, with a schema."""
    tables = unpacked(carried.filter(pc.equal(carried["kind"], kind)).to_batches())
    return pa.concat_tables(tables) if tables or schema is None else schema.empty_table()
