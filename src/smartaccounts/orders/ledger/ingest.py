"""Read one file of a source, or what it grew by, into the ledger's own files.

Whether a line is accepted is told from that line alone, with two exceptions that are left to the reading of the ledger:
a day that has not come yet may have come by then, and a duplicate may stand in another file. Both bear what it takes.
"""

from __future__ import annotations

import codecs
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.scratch import Scratch
from smartaccounts.errors import InputError
from smartaccounts.orders import layers
from smartaccounts.orders.contract import COLUMNS, every_column
from smartaccounts.orders.digest import hashed
from smartaccounts.orders.intake import tally_sql
from smartaccounts.orders.ledger.access import drops
from smartaccounts.orders.ledger.files import Looked, check_unchanged, digest, grown_to
from smartaccounts.orders.ledger.manifest import PARTS, Entry, Part, Segment
from smartaccounts.orders.source import File, is_utf8, opened
from smartaccounts.orders.staging import PASSING, Also, explained, held_columns, staged

_STAGE = "ledger_stage"
_LONGEST_HEADER = 1 << 20
_ENCODINGS = {"utf-8", "utf-8-sig", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-8, else windows-1252"}
"""In these a line ends with the same byte wherever it stands."""
MARKS = ("reason", "example", "culprit", "doubts")
ROW = {
    "row_high": "CAST(source_row >> 64 AS UBIGINT)",
    "row_low": "CAST(source_row & CAST(18446744073709551615 AS UHUGEINT) AS UBIGINT)",
}
"""`source_row` as Parquet can hold it."""
SOURCE_ROW = "(CAST(row_high AS UHUGEINT) << 64) + row_low AS source_row"


def whole(pipeline: Pipeline, engine: Engine, found: Looked, folder: Path, *, today: date) -> Entry:
    """Read a file of the source; its parts are written into the ledger's folder. Errors as in `read`."""
    content = digest(found.file)
    with opened(pipeline, engine, files={found.file: found.file}) as (file,):
        segment = _segment(pipeline, engine, file, folder, today=today)
    check_unchanged(found)
    return Entry(
        path=found.path,
        size=found.size,
        mtime_ns=found.mtime_ns,
        read_ns=found.at_ns,
        digest=content,
        header=_header(file, pipeline),
        columns=file.columns,
        untyped=file.untyped,
        guessed=file.guessed,
        mixed=file.mixed,
        segments=(segment,),
    )


def grown(
    pipeline: Pipeline, engine: Engine, found: Looked, before: Entry, folder: Path, *, today: date
) -> Entry | None:
    """Read the lines that a csv grew by; None where it did more than grow, or they cannot be read by themselves."""
    content = grown_to(before, found)
    if content is None:
        return None
    try:
        with _tail(found.file, before) as tail, opened(pipeline, engine, files={found.file: tail}) as (file,):
            segment = _segment(pipeline, engine, file, folder, today=today)
    except InputError:
        return None  # said of the whole file, the error is about what the user has
    check_unchanged(found)
    return replace(
        before,
        size=found.size,
        mtime_ns=found.mtime_ns,
        read_ns=found.at_ns,
        digest=content,
        guessed=file.guessed if file.mixed else before.guessed,
        mixed=before.mixed + file.mixed,
        segments=(*before.segments, segment),
    )


@contextmanager
def _tail(file: Path, before: Entry) -> Iterator[Path]:
    """Yield a file with the header and what stands behind the bytes that were read before."""
    with Scratch() as folder:
        copy = folder / "tail.csv"
        with file.open("rb") as source, copy.open("wb") as target:
            target.write(source.read(before.header))
            source.seek(before.size)
            target.write(source.read(2).lstrip(b"\r\n"))
            while chunk := source.read(1 << 20):
                target.write(chunk)
        yield copy


def _header(file: File, pipeline: Pipeline) -> int:
    """Return how many bytes the header of a csv takes; 0 where what is appended cannot be read by itself."""
    if not file.untyped or (file.guessed or _codec(pipeline)) not in _ENCODINGS:
        return 0
    with Path(file.path).open("rb") as content:
        line = content.readline(_LONGEST_HEADER)
    # a line that is not utf-8 is counted, and the header is read with every tail
    is_whole = line.endswith(b"\n") and line.count(b'"') % 2 == 0 and (not file.guessed or is_utf8(line))
    return len(line) if is_whole else 0


def _codec(pipeline: Pipeline) -> str:
    return codecs.lookup(pipeline.source.encoding or "utf-8").name


def _segment(pipeline: Pipeline, engine: Engine, file: File, folder: Path, *, today: date) -> Segment:
    sql = staged(pipeline, engine, file, today=today, also=Also(row=drops(pipeline), later=True))
    with explained([file.path]):
        engine.run(f"CREATE OR REPLACE TABLE {_STAGE} AS SELECT * EXCLUDE ({', '.join(PASSING)}) FROM ({sql})")
    rows = list(ROW) if drops(pipeline) else []
    held = [c.held_as for c in COLUMNS if c.held_as in held_columns(pipeline)]
    stage = f"SELECT *{''.join(f', {sql} AS {name}' for name, sql in ROW.items()) if rows else ''} FROM {_STAGE}"
    marks = ["example", "doubts", *rows] if rows else []
    lines = f"SELECT {', '.join([*held, *marks])} FROM ({stage}) WHERE reason IS NULL AND NOT later"
    later = f"SELECT {', '.join([*held, *MARKS, *rows])} FROM ({stage}) WHERE later"
    doubts = len(layers.doubts_said(pipeline))
    tally = engine.rows(tally_sql(f"(SELECT * FROM {_STAGE} WHERE NOT later)", doubts) + " ORDER BY reason")
    return Segment(
        today=str(today),
        lines=_written(engine, lines, folder, held=held, sort="market, customer_id, day"),
        later=_written(engine, later, folder, held=held, sort="day"),
        tally=tuple((reason, rows, None if reason is None else some, *more) for reason, rows, some, *more in tally),
    )


def _written(engine: Engine, sql: str, folder: Path, *, held: Sequence[str], sort: str) -> Part | None:
    every = f"SELECT {every_column(held)} FROM ({sql})"
    rows, last, total = engine.rows(f"SELECT count(*), max(known_day), {hashed()} FROM ({every})")[0]
    if not rows:
        return None
    file = folder / PARTS / f"{secrets.token_hex(12)}.parquet"
    engine.write_parquet(f"{sql} ORDER BY {sort}", file)
    return Part(file.name, rows, file.stat().st_size, last, int(total))
