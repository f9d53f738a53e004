"""Features that a pipeline file adds: aggregates over the lines of a customer that were known before as_of.

They are computed date by date on the same order lines as the catalogue: no line of the future is in reach of the SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa

from smartaccounts.config import ExtraUnit, Pipeline
from smartaccounts.engine.duckdb import Engine, first_line, quoted, reading
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.features.aggregate import GROUPED, columns_of, exact
from smartaccounts.features.catalogue import Message
from smartaccounts.features.families import CATALOGUE
from smartaccounts.orders.contract import COLUMNS, OrderLines
from smartaccounts.timeline import day_number

TITLE = "Of the pipeline file"
SEEN = {"as_of": "INTEGER", "age": "INTEGER", "weekday": "INTEGER", "month": "INTEGER"} | {
    c.held_as: c.sql_type for c in COLUMNS
}
"""What the SQL sees of a line: name -> type. Days are numbers, 0 is 1970-01-01; age is as_of - day, 1 for the day before;
weekday is 0 on Monday; month is 1 to 12."""

_DAYS = "(DATE '1970-01-01' + day)"
_MADE = f"as_of - day AS age, (EXTRACT(isodow FROM {_DAYS}) - 1)::INTEGER AS weekday, EXTRACT(month FROM {_DAYS})::INTEGER AS month"
_LARGEST = float(np.finfo(np.float32).max)
"""Features are also held in single precision."""


@dataclass(frozen=True)
class Extra:
    """One feature of the pipeline file (config.Extra). needs: contract columns without which it is null, as `Feature`."""

    name: str
    sql: str
    unit: ExtraUnit
    meaning: str
    within_days: int | None = None
    rises: bool = False
    needs: tuple[str, ...] = ()

    @property
    def message(self) -> Message:
        """Return how it is said to a manager: in the words of its meaning."""
        return Message("own_rises" if self.rises else "own", own=self.meaning, unit=self.unit)

    @property
    def computed(self) -> tuple[object, ...]:
        """Return what its values and their use depend on: all but its words."""
        return (self.name, self.sql, self.within_days, self.unit, self.rises)


def declared(pipeline: Pipeline) -> tuple[Extra, ...]:
    """Return the features of `features.extra` as they are written; nothing is checked, `needs` are not known."""
    return tuple(
        Extra(name, said.sql, said.unit, said.meaning, said.within_days, said.direction == "rises")
        for name, said in pipeline.features.extra.items()
    )


def extra_features(pipeline: Pipeline, *, taken: Collection[str] = ()) -> tuple[Extra, ...]:
    """Return the features of `features.extra`, checked; PipelineError where a name is taken or the SQL is no aggregate."""
    if not pipeline.features.extra:
        return ()
    with Engine() as engine:
        return tuple(_checked(declared(pipeline), engine, taken))


def _checked(extra: Sequence[Extra], engine: Engine, taken: Collection[str]) -> Iterator[Extra]:
    for one in extra:
        if one.name in {*CATALOGUE, *SEEN, *taken}:
            what = "a feature" if one.name in CATALOGUE else "a column"
            raise PipelineError(
                f"Expected a name of its own, got that of {what} in features.extra.{one.name}.",
                hint="`smartaccounts features --list` names the features that there are.",
            )
        used = columns_of(one.sql, columns=SEEN, key=_key(one.name), engine=engine)
        needs = tuple(c.name for c in COLUMNS if c.need == "no" and c.held_as in used)
        yield replace(one, needs=needs)


def absent_extra(extra: Sequence[Extra], provided: frozenset[str]) -> tuple[str, ...]:
    """Return the extra features that a source with these contract columns cannot have."""
    return tuple(e.name for e in extra if not provided.issuperset(e.needs))


def extra_frame(lines: OrderLines, as_of: date, extra: Sequence[Extra]) -> pd.DataFrame:
    """Return the extra features at an as_of: one row per (market, customer_id) with a line in one of their windows.

    Columns: market, customer_id, and the features, float64; null where no line is in the window, where the source lacks
    a column, and where a value is no finite number. PipelineError where the SQL fails on a line.
    """
    windows = dict.fromkeys(e.within_days for e in extra)
    parts = [_window(lines, as_of, [e for e in extra if e.within_days == window]) for window in windows]
    keys = list(GROUPED[1:])
    found = reduce(lambda one, other: one.merge(other, how="outer", on=keys, validate="one_to_one"), parts)
    return found[[*keys, *(e.name for e in extra)]]


def extra_of(lines: OrderLines, as_of: date, extra: Sequence[Extra], customers: pa.Table) -> dict[str, pd.Series]:
    """Return the extra features at an as_of, by name, of some customers (market, customer_id), in their order."""
    keys = list(GROUPED[1:])
    asked = customers.select(keys).to_pandas()
    found = asked.merge(extra_frame(lines, as_of, extra), how="left", on=keys, validate="one_to_one")
    return {e.name: found[e.name] for e in extra}


def with_extra(
    frames: Iterator[tuple[int, list[pd.DataFrame]]], lines: OrderLines, extra: Sequence[Extra]
) -> Iterator[tuple[int, list[pd.DataFrame]]]:
    """Yield what comes, each frame of snapshot rows with the extra features behind its columns."""
    if not extra:
        yield from frames
        return
    held: dict[pd.Timestamp, pd.DataFrame] = {}
    for done, found in frames:
        days = sorted({day for frame in found for day in frame["as_of"].unique()})
        held = {day: held[day] if day in held else extra_frame(lines, day.date(), extra) for day in days}
        yield done, [beside(frame, held, extra) for frame in found]


def beside(frame: pd.DataFrame, held: Mapping[pd.Timestamp, pd.DataFrame], extra: Sequence[Extra]) -> pd.DataFrame:
    """Return rows of a snapshot with the extra features, held by as_of, behind its columns."""
    names, keys = [e.name for e in extra], list(GROUPED[1:])
    parts = [
        rows[keys]
        .merge(held[pd.Timestamp(str(day))], how="left", on=keys, validate="many_to_one")[names]
        .set_axis(rows.index)
        for day, rows in frame[list(GROUPED)].groupby("as_of")
    ]
    empty = pd.DataFrame(columns=names, index=frame.index[:0], dtype="float64")
    return pd.concat([frame, pd.concat(parts) if parts else empty], axis=1)


def _window(lines: OrderLines, as_of: date, extra: Sequence[Extra]) -> pd.DataFrame:
    """Return the features of one window."""
    day, engine, absent = day_number(as_of), lines.engine, absent_extra(extra, lines.provided)
    from_day = f" AND day >= {day - extra[0].within_days}" if extra[0].within_days else ""
    columns = [
        "CAST(NULL AS DOUBLE)"
        if e.name in absent
        else f"CAST(({exact(e.sql, key=_key(e.name), engine=engine)}) AS DOUBLE)"
        for e in extra
    ]
    named = ", ".join(f"{sql} AS {quoted(e.name)}" for sql, e in zip(columns, extra, strict=True))
    sql = f"""
        SELECT market, customer_id, {named}
        FROM (SELECT *, {_MADE} FROM (
          SELECT *, {day} AS as_of FROM {lines.table} WHERE known_day < {day} AND day < {day}{from_day}))
        GROUP BY {", ".join(GROUPED)}"""
    try:
        with reading(first_line):
            frame = engine.frame(sql)
    except InputError as error:
        if len(extra) > 1:  # which one was it
            for e in extra:
                _window(lines, as_of, [e])
        raise PipelineError(
            f"Expected an aggregate that can be computed of the lines of every customer, got {error.message} in "
            f"{' or '.join(_key(e.name) for e in extra)}.",
            hint="Guard it, for example with TRY_CAST or NULLIF.",
        ) from None
    for e in extra:
        values = frame[e.name].to_numpy(dtype="float64")
        frame[e.name] = np.where(np.abs(values) <= _LARGEST, values, np.nan)
    return frame


def _key(name: str) -> str:
    return f"features.extra.{name}.sql"
