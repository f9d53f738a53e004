"""The SQL of one file, layer by layer: its own columns, the contract's columns, and the reason to reject a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine, quoted
from smartaccounts.errors import InputError
from smartaccounts.orders import mapping
from smartaccounts.orders.contract import COLUMNS
from smartaccounts.orders.expression import nearest
from smartaccounts.orders.keep import columns_of
from smartaccounts.orders.source import File
from smartaccounts.timeline import day_number

REASONS = (
    "no customer",
    "no date",
    "date not readable",
    "known date not readable",
    "date before 1900",
    "date in the future",
    "no amount",
    "amount not a number",
    "amount not finite",
    "amount beyond 1e15",
    "not kept",
    "duplicate",
)
"""Why a line can be rejected: under the first that holds. In SQL a reason is its place in here, from 0."""

_EARLIEST = day_number(date(1900, 1, 1))
_KIND = {c.name: c.kind for c in COLUMNS}
_SHOWN = ("order_date", "customer_id", "order_id", "product_id", "quantity", "unit_price", "amount", "known_date")


def columns_needed(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the contract columns that a stage holds: the mapped ones and those that something stands in for."""
    names = {*pipeline.columns.mapped(), "market", "order_id", "known_date", "amount"}
    return tuple(c.name for c in COLUMNS if c.name in names)


def amount_parts(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the contract columns of which the amount is made."""
    return ("amount",) if pipeline.columns.amount else ("quantity", "unit_price")


@dataclass(frozen=True)
class Typed:
    """A file whose text is number and date where the contract needs it so.

    `sql` selects the columns under their own names (conditions of the pipeline file see these) and, where a column was
    text, the text beside it; `types` is column -> SQL type; `raw` is column -> SQL for the value as the file has it.
    """

    file: File
    sql: str
    types: Mapping[str, str]
    raw: Mapping[str, str]


def typed(pipeline: Pipeline, file: File) -> Typed:
    """Return the first layer; InputError where the file lacks a mapped column or holds dates where numbers belong."""
    mapped = pipeline.columns.mapped()
    _check_columns(mapped, file)
    kinds: dict[str, set[str]] = {}
    for name, column in mapped.items():
        kinds.setdefault(column, set()).add(_KIND[name])
    types, raw, selected = dict(file.columns), {c: quoted(c) for c in file.columns}, []
    for column, sql_type in file.columns.items():
        ref, wanted = quoted(column), kinds.get(column, set())
        as_day = "day" in wanted and not mapping.is_temporal(sql_type)
        as_double = "double" in wanted and mapping.is_text(sql_type)
        if not (as_day or as_double):
            selected.append(ref)
            continue
        convert = mapping.moment if as_day else mapping.number
        types[column] = "TIMESTAMP" if as_day else "DOUBLE"
        raw[column] = quoted(f"{column} (as read)")
        selected += [f"{convert(ref, sql_type, pipeline.source)} AS {ref}", f"{ref} AS {raw[column]}"]
    return Typed(file, f"SELECT {', '.join(selected)} FROM {file.relation}", types, raw)


def _check_columns(mapped: Mapping[str, str], file: File) -> None:
    wrong = [
        InputError(
            f"Expected the column {column!r} of columns.{name}, got no such column in {file.path}.",
            hint=nearest(column, file.columns),
        )
        for name, column in mapped.items()
        if column not in file.columns
    ]
    if wrong:
        raise InputError("\n".join(str(e) for e in wrong[:5]))
    for name, column in mapped.items():
        sql_type = file.columns[column]
        if _KIND[name] == "double" and not (mapping.is_number(sql_type) or mapping.is_text(sql_type)):
            raise InputError(f"Expected numbers for {name}, got {sql_type} in the column {column!r} of {file.path}.")


def check_conditions(pipeline: Pipeline, layer: Typed, engine: Engine) -> frozenset[str]:
    """Check `keep` and `source.cancelled` against a file; return the columns they read.

    PipelineError as in `keep.columns_of`.
    """
    used: set[str] = set()
    for key, condition in (("keep", pipeline.keep), ("source.cancelled", pipeline.source.cancelled)):
        if condition is not None:
            used.update(columns_of(condition, columns=layer.types, key=f"{key} for {layer.file.path}", engine=engine))
    return frozenset(used)


@dataclass(frozen=True)
class Known:
    """What an earlier look at the same files has shown, so that it need not be looked for again.

    reasons: those that can reject a line; plain: contract columns whose texts have no blanks around them.
    """

    reasons: frozenset[str] = frozenset(REASONS)
    plain: frozenset[str] = frozenset()


NOTHING = Known()


def mapped_layer(pipeline: Pipeline, layer: Typed, *, extra: Mapping[str, str], known: Known = NOTHING) -> str:
    """Return a SELECT of the mapped contract columns, of flags that reasons need, and of `extra` (name -> SQL)."""
    mapped, optional = pipeline.columns.mapped(), _optional_numbers(pipeline)

    def value(name: str) -> str:
        column = mapped[name]
        if _KIND[name] == "day":
            return mapping.day(quoted(column))
        if _KIND[name] == "double":
            return (
                mapping.finite(f"CAST({quoted(column)} AS DOUBLE)")
                if name in optional
                else f"CAST({quoted(column)} AS DOUBLE)"
            )
        if name in known.plain:
            return f"CAST({layer.raw[column]} AS VARCHAR)"
        return mapping.identifier(layer.raw[column], layer.file.columns[column], untyped=layer.file.untyped)

    def blank(name: str) -> str:
        return mapping.blank(layer.raw[mapped[name]], layer.file.columns[mapped[name]])

    parts = amount_parts(pipeline)
    selected = {name: value(name) for name in mapped}
    if parts != ("amount",):
        selected["amount"] = f"{value('quantity')} * {value('unit_price')}"
    selected["no_date"] = blank("order_date")
    late = f"NOT {blank('known_date')} AND {value('known_date')} IS NULL" if "known_date" in mapped else "FALSE"
    selected["bad_known_date"] = late
    selected["no_amount"] = " OR ".join(blank(p) for p in parts)
    selected["kept"] = "TRUE" if pipeline.keep is None else f"coalesce((\n{pipeline.keep}\n), FALSE)"
    selected["doubts"] = _doubts(pipeline, layer, known)
    selected |= extra
    return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in selected.items())} FROM ({layer.sql})"


def doubts_said(pipeline: Pipeline) -> tuple[str, ...]:
    """Return what the bits of `doubts` say of a line, from bit 0."""
    mapped = pipeline.columns.mapped()
    unread = [
        f"{mapped[n]!r} ({n}) is no finite number below 1e9 and was taken as missing"
        for n in _optional_numbers(pipeline)
    ]
    return (*unread, f"{mapped['customer_id']!r} (customer_id) had blanks around it, which were cut off")


def blanks(pipeline: Pipeline, layer: Typed) -> dict[str, str]:
    """Return SQL by contract column, of few texts each: may a line have blanks around that text, or is it no text?

    order_id is left out: of many texts finding out costs as much as cutting off.
    """
    found = {}
    for name, column in pipeline.columns.mapped().items():
        if _KIND[name] == "string" and name != "order_id":
            is_text = mapping.is_text(layer.file.columns[column]) and not layer.file.untyped
            plain = mapping.plain(f"CAST({layer.raw[column]} AS VARCHAR)")
            found[name] = f"NOT ({plain})" if is_text else "TRUE"
    return found


def _optional_numbers(pipeline: Pipeline) -> list[str]:
    return [n for n in pipeline.columns.mapped() if _KIND[n] == "double" and n not in amount_parts(pipeline)]


def _doubts(pipeline: Pipeline, layer: Typed, known: Known) -> str:
    mapped, bits = pipeline.columns.mapped(), []
    for name in _optional_numbers(pipeline):
        column = mapped[name]
        number = f"CAST({quoted(column)} AS DOUBLE)"
        here = f"NOT {mapping.blank(layer.raw[column], layer.file.columns[column])}"
        bits.append(f"{here} AND {mapping.finite(number)} IS NULL")
    column = mapped["customer_id"]
    is_text = mapping.is_text(layer.file.columns[column]) and "customer_id" not in known.plain
    raw = f"CAST({layer.raw[column]} AS VARCHAR)"
    bits.append(f"{raw} <> {mapping.stripped(raw)}" if is_text else "FALSE")
    return " + ".join(f"CASE WHEN {bit} THEN {1 << i} ELSE 0 END" for i, bit in enumerate(bits))


def reason(*, today: date, known: Known = NOTHING) -> str:
    """Return SQL over `mapped_layer` for the place in `REASONS`; null where the line is accepted."""
    tests = {
        "no customer": "customer_id IS NULL",
        "no date": "no_date",
        "date not readable": "order_date IS NULL",
        "known date not readable": "bad_known_date",
        "date before 1900": f"order_date < {_EARLIEST}",
        "date in the future": f"order_date > {day_number(today)}",
        "no amount": "no_amount",
        "amount not a number": "amount IS NULL",
        "amount not finite": "NOT isfinite(amount)",
        "amount beyond 1e15": "abs(amount) > 1e15",
        "not kept": "NOT kept",
    }
    cases = " ".join(f"WHEN {test} THEN {REASONS.index(name)}" for name, test in tests.items() if name in known.reasons)
    return f"CAST({f'CASE {cases} END' if cases else 'NULL'} AS TINYINT)"


def shown_columns(pipeline: Pipeline) -> list[str]:
    """Return the source's columns that an example of a rejected line shows: ids, dates and numbers, never names."""
    mapped = pipeline.columns.mapped()
    return list(dict.fromkeys(mapped[n] for n in _SHOWN if n in mapped))
