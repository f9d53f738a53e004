"""Bring every line of a source into one table of the engine, each marked with the reason to reject it, if any."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine, quoted, reading, text
from smartaccounts.errors import InputError
from smartaccounts.orders import layers, mapping
from smartaccounts.orders.contract import COLUMNS
from smartaccounts.orders.layers import NOTHING, REASONS, Known
from smartaccounts.orders.source import File, opened
from smartaccounts.timeline import day_number

MARKS = ("reason", "example", "culprit", "doubts")
"""Columns of a stage beside the contract's: see `stage`."""

PASSING = ("cancels", "moment")
"""Marks that only some ask for."""

_STAND_INS = {
    "market": ("''", "coalesce(market, '')"),
    "order_id": ("{iso}", "coalesce(order_id, {iso})"),
    "known_date": ("order_date", "coalesce(known_date, order_date)"),
}
_ISO = "CAST(DATE '1970-01-01' + order_date AS VARCHAR)"
_DATES = ", ".join(str(REASONS.index(r)) for r in ("date not readable", "date before 1900", "date in the future"))
_AMOUNTS = ", ".join(str(REASONS.index(r)) for r in ("amount not a number", "amount not finite"))


@dataclass(frozen=True)
class Stage:
    """A table or view with every line of a source; `held` are its contract columns, under the names of the table.

    `doubts` are texts; bit i of the column of that name says that text i is true of the line.
    """

    table: str
    held: frozenset[str]
    provided: frozenset[str]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Also:
    """Further marks of the lines of a file.

    row: `source_row`, by which duplicates are told. later: no line is rejected for lying after `today`, but bears
    `later` where nothing before that is wrong with it: another day will tell.
    """

    row: bool = False
    later: bool = False


NO_MORE = Also()


def stage(pipeline: Pipeline, engine: Engine, *, table: str, today: date, for_check: bool = False) -> Stage:
    """Read every line of the source into `table`, replacing it: one row per line.

    Beside the contract columns it has: `reason`, the place in `REASONS`, null where the line is accepted; of rejected
    lines `example`, the line as `column=value` texts, and `culprit`, the value that could not be read; `doubts`, see
    `Stage`. With `for_check` also `cancels` (source.cancelled holds), `moment` (the order date as a timestamp, with the
    time where the source has one) and `source_row`, a hash of all columns of the source.
    """
    with opened(pipeline, engine) as files:
        with_row = for_check or pipeline.source.duplicates == "drop"
        selects = [staged(pipeline, engine, f, today=today, also=Also(row=with_row)) for f in files]
        sql = without_duplicates("\nUNION ALL\n".join(selects), pipeline)
        hidden = [] if for_check else [*PASSING, *(["source_row"] if with_row else [])]
        shown = f"* EXCLUDE ({', '.join(hidden)})" if hidden else "*"
        with explained([f.path for f in files]):
            engine.run(f"CREATE OR REPLACE TABLE {table} AS SELECT {shown} FROM ({sql})")
        return _stage(pipeline, table, files)


def stage_in_place(
    pipeline: Pipeline,
    engine: Engine,
    files: Sequence[File],
    *,
    view: str,
    today: date,
    known: Known = NOTHING,
) -> Stage:
    """Make a view with the rows and columns that `stage` gives its table; nothing is read yet.

    The files are Parquet, and duplicates are kept.
    """
    selects = [staged(pipeline, engine, f, today=today, known=known) for f in files]
    sql = "\nUNION ALL\n".join(selects)
    engine.run(f"CREATE OR REPLACE VIEW {view} AS SELECT * EXCLUDE ({', '.join(PASSING)}) FROM ({sql})")
    return _stage(pipeline, view, files)


def plain_texts(pipeline: Pipeline, engine: Engine, files: Sequence[File]) -> frozenset[str]:
    """Return the contract columns, of those worth a look, whose texts have no blanks around them in any of the files.

    A column at a time: the engine then looks at each text of a dictionary just once.
    """

    def has_blanks(layer: layers.Typed, name: str) -> bool:
        condition = layers.blanks(pipeline, layer)[name]
        return bool(engine.rows(f"SELECT 1 FROM ({layer.sql}) WHERE {condition} LIMIT 1"))

    seen = [layers.typed(pipeline, file) for file in files]
    names = layers.blanks(pipeline, seen[0]) if seen else {}
    return frozenset(name for name in names if not any(has_blanks(layer, name) for layer in seen))


def _stage(pipeline: Pipeline, table: str, files: Sequence[File]) -> Stage:
    return Stage(
        table,
        held=held_columns(pipeline),
        provided=frozenset(pipeline.columns.mapped()),
        doubts=layers.doubts_said(pipeline),
        notes=tuple(file.note for file in files if file.note),
    )


def held_columns(pipeline: Pipeline) -> frozenset[str]:
    """Return the contract columns that a stage of a pipeline holds, under the names of the table."""
    return frozenset(c.held_as for c in COLUMNS if c.name in layers.columns_needed(pipeline))


def stage_rejected(pipeline: Pipeline, engine: Engine, *, table: str, today: date) -> None:
    """Read the rejected lines into `table`: the source's columns as text, and `rejected_because`."""
    with opened(pipeline, engine) as files:
        columns, selects = tuple(dict.fromkeys(c for f in files for c in f.columns)), []
        for file in files:
            layer = layers.typed(pipeline, file)
            layers.check_conditions(pipeline, layer, engine)
            raw = [f"{text(c)}: CAST({layer.raw.get(c, 'NULL')} AS VARCHAR)" for c in columns]
            extra = {"source_row": f"{{{', '.join(raw)}}}"}
            mapped = layers.mapped_layer(pipeline, layer, extra=extra)
            selects.append(f"SELECT source_row, {layers.reason(today=today)} AS reason FROM ({mapped})")
        sql = without_duplicates("\nUNION ALL\n".join(selects), pipeline)
        because = f"[{', '.join(text(r) for r in REASONS)}][reason + 1] AS rejected_because"
        with explained([f.path for f in files]):
            engine.run(
                f"CREATE OR REPLACE TABLE {table} AS "
                f"SELECT unnest(source_row), {because} FROM ({sql}) WHERE reason IS NOT NULL"
            )


def staged(
    pipeline: Pipeline,
    engine: Engine,
    file: File,
    *,
    today: date,
    also: Also = NO_MORE,
    known: Known = NOTHING,
) -> str:
    """Return a SELECT of one file: contract columns and marks, alike for every file, one row at a time.

    No line is a duplicate yet (`without_duplicates`). known: what an earlier look at the file has shown.
    """
    layer = layers.typed(pipeline, file)
    layers.check_conditions(pipeline, layer, engine)
    shown = layers.shown_columns(pipeline)
    mapped = pipeline.columns.mapped()
    cancelled = pipeline.source.cancelled
    # made into text further up, where the few lines that show it are known: numbers are slow to write
    extra = {f"shown_{i}": layer.raw[c] for i, c in enumerate(shown)}
    date_text, *amounts = (
        f"CAST(shown_{shown.index(mapped[name])} AS VARCHAR)" for name in ("order_date", *layers.amount_parts(pipeline))
    )
    amount_text = " || ' x ' || ".join(amounts)
    culprit = f"WHEN reason IN ({_DATES}) THEN {date_text} WHEN reason IN ({_AMOUNTS}) THEN {amount_text}"
    extra["cancels"] = "FALSE" if cancelled is None else f"coalesce((\n{cancelled}\n), FALSE)"
    extra["moment"] = f"CAST({quoted(mapped['order_date'])} AS TIMESTAMP)"
    if also.row:
        extra["source_row"] = f"md5_number({mapping.whole_row(layer.raw)})"
    columns = [_held(name, has=name in mapped) for name in layers.columns_needed(pipeline)]
    line = [f"{text(c + '=')} || left(coalesce(CAST(shown_{i} AS VARCHAR), ''), 24)" for i, c in enumerate(shown)]
    # only rejected lines are worth the text, but which ones are duplicates shows later
    worth = "TRUE" if pipeline.source.duplicates == "drop" else "(reason IS NOT NULL OR later)"
    future = REASONS.index("date in the future")
    later = f"coalesce(order_date > {day_number(today)} AND coalesce(reason > {future}, TRUE), FALSE)"
    marks = [
        "reason",
        f"CASE WHEN {worth} THEN concat_ws(', ', {', '.join(line)}) END AS example",
        f"CASE {culprit} END AS culprit",
        "doubts",
        "cancels",
        "moment",
        *(["source_row"] if also.row else []),
        *(["later"] if also.later else []),
    ]
    layers_below = layers.mapped_layer(pipeline, layer, extra=extra, known=known)
    reason = layers.reason(today=date.max if also.later else today, known=known)
    with_reason = f"SELECT *, {reason} AS reason, {later if also.later else 'FALSE'} AS later FROM ({layers_below})"
    return f"SELECT {', '.join([*columns, *marks])} FROM ({with_reason})"


def _held(name: str, *, has: bool) -> str:
    """Return SQL for a contract column of the table, with what stands in for it where the source has none."""
    held_as = next(c.held_as for c in COLUMNS if c.name == name)
    if name not in _STAND_INS:
        return f"{name} AS {held_as}"
    missing, present = _STAND_INS[name]
    return f"{(present if has else missing).format(iso=_ISO)} AS {held_as}"


def without_duplicates(sql: str, pipeline: Pipeline) -> str:
    """Mark all but one of the accepted lines that are equal in every column of the source, if the pipeline says so."""
    if pipeline.source.duplicates == "keep":
        return sql
    again = "row_number() OVER (PARTITION BY source_row) > 1"
    mark = f"coalesce(reason, CASE WHEN {again} THEN {REASONS.index('duplicate')} END)"
    return f"SELECT * REPLACE (CAST({mark} AS TINYINT) AS reason) FROM ({sql})"


def explained(places: Sequence[Path | str]) -> AbstractContextManager[None]:
    """Make of an error of the engine's an InputError that says what to do and shows no line of the source."""
    names = ", ".join(str(p) for p in places[:3]) + (", ..." if len(places) > 3 else "")

    def explain(said: str) -> InputError:
        # the original line may hold a customer's name
        said = said.split("\nLINE ", maxsplit=1)[0]
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith("Original Line")]
        hint = "Is source.delimiter right, and does every text with a delimiter in it stand in double quotes?"
        if said.startswith("Conversion Error"):
            hint = "In keep and source.cancelled write TRY_CAST(column AS DOUBLE): null where it does not fit."
        if "Failed to parse format specifier" in said:
            hint = "source.date_format is written as in strptime, for example '%d.%m.%Y'."
        said_shortly = " ".join(" ".join(lines[:3]).split())
        return InputError(f"Expected lines that can be read, got an error ({said_shortly}) in {names}.", hint=hint)

    return reading(explain)
