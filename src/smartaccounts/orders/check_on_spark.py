"""The quality report of a source on Spark: the queries of `findings`, run in the workers on one part after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.check import Quality, quality
from smartaccounts.orders.intake import intake_of, merged_sql, tally_sql, without_lines
from smartaccounts.orders.on_spark import PACKED, Plan, laid_apart, of_kind, one_row, planned, staged_part, unpacked
from smartaccounts.orders.read import clock

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Spark

_TABLE, _TALLIES = "part_checked", "found_tallies"


def check_on_spark(
    pipeline: Pipeline, spark: Spark, *, as_of: date | None = None, today: date | None = None
) -> Quality:
    """Report on the source of a pipeline as `check` does."""
    source, plan = planned(pipeline, spark, today=today or clock(), for_check=True)
    laid = laid_apart(pipeline, spark, source, plan, _staged)
    with laid.kept(), Engine() as engine:

        def ask(queries: Mapping[str, str]) -> None:
            told = laid.mapped(partial(_asked, plan=plan, queries=queries), PACKED).arrow()
            if not told.num_rows:
                raise without_lines(pipeline)
            for name in queries:
                engine.load(name, of_kind(told, name))

        ask({_TALLIES: tally_sql(_TABLE, len(plan.doubts))})
        tally = engine.rows(f"{merged_sql(_TALLIES, len(plan.doubts))} ORDER BY reason")
        taken = intake_of(pipeline, tally, doubts=plan.doubts)
        return quality(pipeline, engine, taken, ask, table=_TABLE, as_of=as_of)


def _staged(_: int, batches: Iterator[pa.RecordBatch], *, plan: Plan, parts: int) -> Iterator[pa.Table]:
    """Map and check lines; those of a customer go to the same part, and so do equal ones."""
    part = f"hash(CASE WHEN customer_id IS NULL THEN hash(source_row) ELSE hash(market, customer_id) END) % {parts}"
    yield from staged_part(batches, plan, f"SELECT CAST({part} AS INTEGER) AS part, * FROM {{}}")


def _asked(_: int, batches: Iterator[pa.RecordBatch], *, plan: Plan, queries: Mapping[str, str]) -> Iterator[pa.Table]:
    """Return the answers to some queries over a part."""
    lines = unpacked(batches)
    if lines:
        with Engine() as engine:
            engine.load("part_lines", pa.concat_tables(lines))
            kind, sql = ("TABLE", plan.drops) if plan.drops else ("VIEW", "SELECT * FROM part_lines")
            engine.run(f"CREATE {kind} {_TABLE} AS {sql}")  # to find duplicates costs more than a query
            for name, sql in queries.items():
                yield one_row(name, engine.arrow(sql))
