"""Parquet files that Spark's workers read themselves, row group by row group.

Spark reads columns, hands rows on, and makes columns of them again for Python; a worker reads columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from smartaccounts.errors import InputError

TASK_LINES = 1 << 20
"""Lines of a task, about."""

_GROUPS = pa.schema([("task", pa.int32()), ("file", pa.string()), ("row_group", pa.int32()), ("lines", pa.int64())])


def row_groups(files: Sequence[str], columns: Sequence[str]) -> pa.Table | None:
    """Return the row groups of files, one row each: the task that reads it, file, number, lines.

    None where there are none, a column is not in every file (Spark fills it in, or takes it from the name of a
    folder), or a file cannot be opened: Spark says what it makes of it.
    """
    found: list[tuple[int, str, int, int]] = []
    before = 0
    try:
        for file in files:
            with pq.ParquetFile(file) as opened:
                if not set(columns) <= set(opened.schema_arrow.names):
                    return None
                for group in range(opened.num_row_groups):
                    lines = opened.metadata.row_group(group).num_rows
                    found.append((before // TASK_LINES, file, group, lines))
                    before += lines
    except (OSError, pa.ArrowException):
        return None
    rows = [dict(zip(_GROUPS.names, row, strict=True)) for row in found]
    return pa.Table.from_pylist(rows, schema=_GROUPS) if rows else None


def read_row_groups(
    asked: Iterator[pa.RecordBatch], *, schema: pa.Schema, lines_at_once: int
) -> Iterator[pa.RecordBatch]:
    """Yield the lines of some of `row_groups`, with the columns of a schema; InputError where a file is another now."""
    for row in (row for batch in asked for row in batch.to_pylist()):
        try:
            with pq.ParquetFile(row["file"]) as opened:
                if opened.metadata.row_group(row["row_group"]).num_rows != row["lines"]:
                    raise IndexError
                for batch in opened.iter_batches(lines_at_once, [row["row_group"]], schema.names):
                    yield batch.select(schema.names).cast(schema)
        except (OSError, IndexError, pa.ArrowException) as error:
            raise InputError(
                f"Expected files that stay as they are while they are read, got {error or 'other lines'} in "
                f"{row['file']}.",
                hint="Run the command again when the file is complete.",
            ) from error
