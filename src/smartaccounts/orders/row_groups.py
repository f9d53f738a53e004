"""Parquet files that Spark's workers read themselves, row group by row group.

Spark reads columns, hands rows on, and makes columns of them again for Python; a worker reads columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from smartaccounts.errors import InputError

TASK_LINES = 1 << 20
"""Lines of a task, about."""

_GROUPS = pa.schema([("task", pa.int32()), ("file", pa.string()), ("row_group", pa.int32()), ("lines", pa.int64())])


def row_groups(files: Sequence[str], schema: pa.Schema) -> pa.Table | None:
    """Return the row groups of files, one row each: the task that reads it (0, 1, ...), file, number, lines.

    schema: the columns that are asked for, as Spark types them. None where there are no lines, or where Spark may see
    something else than is in the files: a column that is not in every one or is the name of a folder
    (`market=AT/lines.parquet`), a type of which the two have different ideas, a file that cannot be opened.
    """
    found: list[tuple[int, str, int, int]] = []
    task, lines = 0, 0
    try:
        for file in sorted(files):
            if not _folders_of(file).isdisjoint(name.lower() for name in schema.names):
                return None
            with pq.ParquetFile(file) as opened:
                if not _agree(opened.schema_arrow, schema):
                    return None
                for group in range(opened.num_row_groups):
                    if lines >= TASK_LINES:
                        task, lines = task + 1, 0
                    found.append((task, file, group, opened.metadata.row_group(group).num_rows))
                    lines += found[-1][-1]
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
                there = row["row_group"] < opened.num_row_groups
                lines = opened.metadata.row_group(row["row_group"]).num_rows if there else 0
                if lines != row["lines"] or not _agree(opened.schema_arrow, schema):
                    raise _changed("other lines or columns", row["file"])
                for batch in opened.iter_batches(lines_at_once, [row["row_group"]], schema.names):
                    yield batch.select(schema.names).cast(schema)
        except (OSError, pa.ArrowException) as error:
            raise _changed(str(error), row["file"]) from error


def _changed(got: str, file: str) -> InputError:
    return InputError(
        f"Expected files that are whole and stay as they are while they are read, got {got} in {file}.",
        hint="Run the command again when the file is complete.",
    )


def _folders_of(file: str) -> set[str]:
    """Return the columns that Spark takes from the names of a file's folders, in small letters."""
    return {name.partition("=")[0].lower() for name in PurePosixPath(file).parent.parts if "=" in name}


def _agree(have: pa.Schema, asked: pa.Schema) -> bool:
    """Say whether a file has the columns, of types that Spark reads as they are or makes wider."""
    return all(have.get_field_index(a.name) >= 0 and _wider(have.field(a.name).type, a.type) for a in asked)


def _wider(have: Any, asked: Any) -> bool:
    if kinds.is_dictionary(have):
        have = have.value_type
    if kinds.is_string(asked):  # not bytes, which need not be text
        return bool(kinds.is_string(have) or kinds.is_large_string(have))
    if kinds.is_timestamp(asked):  # not nanoseconds: such are not Spark's, or of an old kind that reaches further
        return kinds.is_timestamp(have) and have.unit in {"ms", "us"} and (have.tz is None) == (asked.tz is None)
    alike = any(of(have) and of(asked) for of in (kinds.is_signed_integer, kinds.is_floating))
    return bool(have.equals(asked) or (alike and have.bit_width < asked.bit_width))
