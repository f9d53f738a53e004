"""Scores and lists as parquet and csv, some rows at a time: there may be many."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from smartaccounts.engine.threads import threads
from smartaccounts.errors import PipelineError
from smartaccounts.outputs.staged import unwritable

_LIST = ("reasons_for", "reasons_against", "flags")
_TEXT = (
    "market", "customer_id", "name", "play", "model_version", "ranker", "play_rule", "play_why", "status",
    "moved_because", "segment", "region", "sales_rep",
)  # fmt: skip
ROWS = 1 << 17
"""Rows of a list that are written together: a row group of Parquet."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A text that begins so would run in a spreadsheet, were it typed."""


def _texts(frame: pd.DataFrame) -> list[str]:
    """Return the columns of texts: those known to be, and those whose type says so."""
    return [str(c) for c, kind in frame.dtypes.items() if c in _TEXT or isinstance(kind, pd.StringDtype)]


def _types(frame: pd.DataFrame) -> pa.Schema:
    """Columns have their type from the start, also where every value is null."""
    fields, texts = [], _texts(frame)
    for name in frame.columns:
        if name == "as_of":
            kind = pa.date32()
        elif name in _LIST:
            kind = pa.list_(pa.string())
        elif name in texts:
            kind = pa.string()
        elif frame[name].dtype.kind in "biu":
            kind = pa.from_numpy_dtype(frame[name].dtype)
        else:
            kind = pa.float64()
        fields.append(pa.field(name, kind))
    return pa.schema(fields)


def arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table: as_of date32, texts string, reasons and flags lists of strings, NaN null."""
    return pa.Table.from_pandas(frame, schema=_types(frame), preserve_index=False).replace_schema_metadata(None)


def arrow_parts(frame: pd.DataFrame) -> Iterator[pa.Table]:
    """Yield the rows of a frame as `arrow` tables, ROWS at a time; of a frame without rows one without."""
    for first in range(0, max(len(frame), 1), ROWS):
        yield arrow(frame.iloc[first : first + ROWS])


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as Parquet (zstd), as `arrow` has it: the same frame gives the same bytes."""
    with pq.ParquetWriter(path, _types(frame), compression="zstd") as writer:
        for part in arrow_parts(frame):
            writer.write_table(part)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as csv (UTF-8), as `arrow` has it: lists joined by " | ".

    A cell, or the name of a column, that a spreadsheet would run is made inert by a '; texts, True and False are
    quoted; a null is nothing.
    """
    heads = _cells(pa.chunked_array([[*map(str, frame.columns)]], pa.string())).to_pylist()
    cells = (pa.table([_cells(c) for c in part.columns], names=heads) for part in arrow_parts(frame))
    first = next(cells)
    with pacsv.CSVWriter(path, first.schema, write_options=pacsv.WriteOptions(quoting_style="needed")) as writer:
        writer.write_table(first)
        for part in cells:
            writer.write_table(part)


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is written: texts inert, numbers and dates as they are."""
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "True", "False")
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, " | ")
    if not pa.types.is_string(column.type):
        return column
    text = pc.replace_substring(
        pc.replace_substring(column, "\r\n", "\n"), "\r", "\n"
    )  # no reader breaks a row at a \r
    runs = pc.match_substring_regex(text, f"^[{re.escape(''.join(FORMULA_STARTS))}]")
    return pc.if_else(runs, pc.binary_join_element_wise("'", text, ""), text)


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write JSON, two spaces deep; NaN is an error."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False, default=str) + "\n", encoding="utf-8")


PART = pa.schema([("file", pa.string())])
"""What `write_part` tells."""


class Parts:
    """A Parquet file that is written in parts, one row group or more each; texts alone have dictionaries.

    With more than one thread parts are written in the background, two of them wait at most: whoever makes them goes on
    meanwhile.
    """

    def __init__(self, path: Path) -> None:
        """Open it with the first part."""
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._beside = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Write what waits, unless there was an error, and close the file."""
        try:
            while self._waiting and kind is None:
                self._waiting.popleft().result()
        finally:
            self._beside.shutdown(cancel_futures=True)
            if self._writer is not None:
                self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table, which stays as it is; all parts have the same columns."""
        if threads() == 1:
            self._write(table)
            return
        while len(self._waiting) > 1:
            self._waiting.popleft().result()
        self._waiting.append(self._beside.submit(self._write, table))

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, **_settings(table))
        self._writer.write_table(table)


def write_part(table: pa.Table, *, folder: str) -> pa.Table:
    """Write rows as a file of a folder, from wherever they lie; return its name.

    PipelineError where the folder is not to be seen from there, or cannot be written.
    """
    name = f"{uuid4().hex}.parquet"
    try:
        pq.write_table(table, Path(folder) / name, **_settings(table))
    except FileNotFoundError:
        raise _not_shared(folder) from None
    except OSError as error:
        raise unwritable(error.strerror or str(error), Path(folder)) from None
    return pa.table({"file": [name]}, schema=PART)


def gather_parts(told: pa.Table, written: Path, folder: Path) -> None:
    """Move the files that `write_part` told of from where they were written to a folder; those of lost workers stay."""
    for name in told["file"].to_pylist():
        try:
            (written / name).replace(folder / name)
        except FileNotFoundError:
            raise _not_shared(str(folder)) from None


def _not_shared(folder: str) -> PipelineError:
    return PipelineError(
        f"Expected a folder that every worker sees, got one that some do not see in {folder}.",
        hint="Choose an --out on a file system that all machines of the cluster share.",
    )


def _settings(table: pa.Table) -> dict[str, Any]:
    """Return how features are written: fast, and texts alone have dictionaries."""
    texts = [f.name for f in table.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    return {"compression": "snappy", "use_dictionary": texts}
