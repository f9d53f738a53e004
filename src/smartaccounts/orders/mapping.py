"""SQL that maps a source's columns to the contract, one row at a time: no row changes how another one is read."""

from __future__ import annotations

from collections.abc import Mapping

from smartaccounts.config import Source
from smartaccounts.engine.duckdb import text

_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_INTEGERS = {f"{u}{t}INT" for u in ("", "U") for t in ("TINY", "SMALL", "BIG", "HUGE")} | {"INTEGER", "UINTEGER"}


def is_text(sql_type: str) -> bool:
    """Say whether a column holds text."""
    return sql_type == "VARCHAR" or sql_type.startswith("ENUM")


def is_number(sql_type: str) -> bool:
    """Say whether a column holds numbers."""
    if sql_type.endswith("]"):
        return False
    return sql_type in {"DOUBLE", "FLOAT"} or sql_type.startswith("DECIMAL") or sql_type in _INTEGERS


def is_temporal(sql_type: str) -> bool:
    """Say whether a column holds dates or timestamps."""
    return sql_type.startswith(("DATE", "TIMESTAMP"))


def plain(column: str) -> str:
    """Say whether a text begins and ends with a letter, digit or sign of ASCII: no blank needs to be cut off."""
    return f"{column} >= '!' AND {column} < chr(128) AND ({column})[-1] BETWEEN '!' AND '~'"


def stripped(column: str) -> str:
    """Return text without outer blanks; null where nothing is left."""
    # finding out that nothing needs to be cut off costs a tenth of cutting
    return f"CASE WHEN {plain(column)} THEN {column} ELSE nullif(trim({column}, {_BLANKS}), '') END"


def identifier(column: str, sql_type: str, *, untyped: bool) -> str:
    """Return an id as text: digits of an integer, whole doubles without '.0', text without outer blanks.

    In an untyped source (csv) '17850.0' is a whole number as well: so are ids written that had gaps in their column.
    """
    if is_text(sql_type):
        clean = stripped(f"CAST({column} AS VARCHAR)")
        if not untyped:
            return clean
        whole = f"ends_with({column}, '.0') AND regexp_full_match({column}, '[1-9][0-9]*[.]0')"
        return f"CASE WHEN {whole} THEN left({column}, -2) ELSE {clean} END"
    if sql_type in {"DOUBLE", "FLOAT"} or sql_type.startswith("DECIMAL"):
        finite = f"isfinite(CAST({column} AS DOUBLE))"
        whole = f"{column} = trunc({column}) AND abs({column}) < 1e38"
        digits = f"CAST(CAST({column} AS HUGEINT) AS VARCHAR)"
        return f"CASE WHEN NOT {finite} THEN NULL WHEN {whole} THEN {digits} ELSE CAST({column} AS VARCHAR) END"
    if sql_type in _INTEGERS:
        return f"CAST({column} AS VARCHAR)"
    return stripped(f"CAST({column} AS VARCHAR)")


def number(column: str, sql_type: str, source: Source) -> str:
    """Return a double; null where the column holds none.

    With a decimal comma, full stops are read as thousands only where groups of three follow them.
    """
    if not is_text(sql_type):
        return f"TRY_CAST({column} AS DOUBLE)"
    if source.decimal == ".":
        return f"TRY_CAST({column} AS DOUBLE)"
    grouped = f"regexp_full_match(trim({column}), '[+-]?[0-9]{{1,3}}([.][0-9]{{3}})+(,[0-9]+)?')"
    return (
        f"TRY_CAST(CASE WHEN NOT contains({column}, '.') THEN replace({column}, ',', '.') "
        f"WHEN {grouped} THEN replace(replace({column}, '.', ''), ',', '.') END AS DOUBLE)"
    )


def finite(number: str) -> str:
    """Return a number that can be multiplied and summed: null where it is infinite, NaN or absurd (1e9 and beyond)."""
    # isfinite has its own place: from the least and greatest value that Parquet notes down, which leave NaN out, the
    # engine takes the comparison for true of every line
    return f"CASE WHEN isfinite({number}) AND abs({number}) < 1e9 THEN {number} END"


def moment(column: str, sql_type: str, source: Source) -> str:
    """Return a timestamp; null where the column holds none.

    Without `source.date_format`: ISO, with or without a time; eight digits are year, month and day.
    """
    if is_temporal(sql_type):
        return column
    clean = stripped(f"CAST({column} AS VARCHAR)")
    if source.date_format:
        formats = [source.date_format] if isinstance(source.date_format, str) else source.date_format
        return f"try_strptime({clean}, [{', '.join(text(f) for f in formats)}])"
    digits = f"CASE WHEN regexp_full_match({clean}, '[0-9]{{8}}') THEN try_strptime({clean}, '%Y%m%d') END"
    return f"coalesce(TRY_CAST({clean} AS TIMESTAMP), {digits})"


def day(column: str) -> str:
    """Return the day number of a date or timestamp; null where it is infinite."""
    # the cast to DATE before the difference keeps the hours out
    return (
        f"CASE WHEN isfinite({column}) THEN "
        f"CAST(datediff('day', DATE '1970-01-01', CAST({column} AS DATE)) AS INTEGER) END"
    )


def blank(column: str, sql_type: str) -> str:
    """Say whether the source has no value."""
    if is_text(sql_type):
        return f"({stripped(f'CAST({column} AS VARCHAR)')}) IS NULL"
    return f"{column} IS NULL"


def whole_row(values: Mapping[str, str]) -> str:
    """Return SQL for one text of several values (name -> SQL), different where any of them differs (null is not '').

    A value that is null leaves no trace: a file without the column has the same text.
    """
    parts = [f"{text(name + '=')} || CAST({values[name]} AS VARCHAR)" for name in sorted(values)]
    return f"concat_ws(chr(31), {', '.join(parts)})"
