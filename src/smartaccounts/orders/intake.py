"""Lines in, lines out, and why they differ: counted where the lines are, and merged where they lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, culprits
from smartaccounts.orders.contract import Intake, Rejection
from smartaccounts.orders.layers import REASONS, amount_parts
from smartaccounts.orders.source import where
from smartaccounts.orders.staging import Stage

Tally = Sequence[tuple[Any, ...]]
"""Per reason, ascending: its place (null: accepted), lines, three examples and culprits, the lines of each doubt."""

_EXAMPLES = 3


def tally_sql(table: str, doubts: int, *, also: Sequence[str] = ()) -> str:
    """Return a SELECT of the tally of a stage's table, with the columns reason, rows, examples, culprits, doubted.

    also: further aggregates, which come first.
    """
    bits = ", ".join(f"count(*) FILTER (doubts & {1 << i} > 0)" for i in range(doubts))
    return (
        f"SELECT {''.join(f'{a}, ' for a in also)}reason, count(*) AS rows, min(example, {_EXAMPLES}) AS examples, "
        f"min(culprit, {_EXAMPLES}) AS culprits, [{bits}] AS doubted "
        f"FROM {table} GROUP BY reason"
    )


def merged_sql(table: str, doubts: int) -> str:
    """Return a SELECT of one tally out of a table of several, whatever the parts they were counted in."""

    def first(texts: str) -> str:
        return f"list_sort(flatten(list({texts}) FILTER ({texts} IS NOT NULL)))[:{_EXAMPLES}] AS {texts}"

    bits = ", ".join(f"CAST(sum(doubted[{i + 1}]) AS BIGINT)" for i in range(doubts))
    return (
        f"SELECT reason, CAST(sum(rows) AS BIGINT) AS rows, {first('examples')}, {first('culprits')}, "
        f"[{bits}] AS doubted FROM {table} GROUP BY reason"
    )


@dataclass(frozen=True)
class Counted:
    """What one look at all lines shows: the first and the last day of the accepted ones."""

    intake: Intake
    first_day: int
    last_day: int


def counted(pipeline: Pipeline, engine: Engine, staged: Stage) -> Counted:
    """Count accepted and rejected lines; InputError where nothing is left or most dates or amounts are unreadable."""
    also = ("min(day)", "max(day)")
    found = engine.rows(f"{tally_sql(staged.table, len(staged.doubts), also=also)} ORDER BY reason")
    taken = intake_of(pipeline, [row[2:] for row in found], doubts=staged.doubts, notes=staged.notes)
    first, last = next((first, last) for first, last, reason, *_ in found if reason is None)
    return Counted(taken, first, last)


def intake_of(pipeline: Pipeline, tally: Tally, *, doubts: Sequence[str], notes: Sequence[str] = ()) -> Intake:
    """Return what a tally says; errors as in `counted`."""
    rows_in = sum(rows for _, rows, *_ in tally)
    rejected = tuple(Rejection(REASONS[r], n, tuple(examples)) for r, n, examples, *_ in tally if r is not None)
    values = {REASONS[r]: (n, tuple(found or ())) for r, n, _, found, _ in tally if r is not None}
    _check_readable(pipeline, values, rows_in)
    rows_out = rows_in - sum(r.rows for r in rejected)
    if not rows_in:
        raise without_lines(pipeline)
    if not rows_out:
        reasons = ", ".join(f"{r.rows:,} {r.reason}" for r in rejected)
        raise InputError(
            f"Expected at least one acceptable line, got none of {rows_in:,} ({reasons}) in {where(pipeline)}.",
            hint=f"One of them: {rejected[0].examples[0]}.",
        )
    doubted = next(counts for reason, *_, counts in tally if reason is None)
    said = [f"{rows:,} lines: {doubt}." for rows, doubt in zip(doubted, doubts, strict=True) if rows]
    return Intake(rows_in, rows_out, rejected, (*notes, *said))


def without_lines(pipeline: Pipeline) -> InputError:
    """Return the error of an empty source."""
    return InputError(f"Expected order lines, got columns without a line in {where(pipeline)}.")


def _check_readable(pipeline: Pipeline, values: dict[str, tuple[int, tuple[str, ...]]], rows_in: int) -> None:
    """Refuse a source of which most dates or amounts are unreadable: that is a setting, not dirt."""
    columns, source = pipeline.columns, pipeline.source
    parts = " x ".join(repr(columns.mapped()[p]) for p in amount_parts(pipeline))
    formats = source.date_format or "ISO dates (2011-12-09)"
    expected = {
        "date not readable": (
            f"dates as {formats}",
            repr(columns.order_date),
            "Say how they are written in source.date_format, for example '%d.%m.%Y'.",
        ),
        "amount not a number": (
            f"numbers with the decimal separator {source.decimal!r}",
            parts,
            f"Is source.decimal: {',' if source.decimal == '.' else '.'!r} right?",
        ),
    }
    for reason, (what, column, hint) in expected.items():
        rows, found = values.get(reason, (0, ()))
        if 2 * rows > rows_in:
            at = where(pipeline)
            raise InputError(
                f"Expected {what}, got {culprits(found)} in {rows:,} of {rows_in:,} lines, column {column} of {at}.",
                hint=hint,
            )


def check_currencies(pipeline: Pipeline, engine: Engine, table: str) -> None:
    """InputError where accepted lines of one market have two currencies; `table` has market, currency and reason."""
    mixed = engine.rows(
        f"SELECT market, list_sort(list(DISTINCT currency)) FROM {table} "
        "WHERE reason IS NULL AND currency IS NOT NULL "
        "GROUP BY market HAVING count(DISTINCT currency) > 1 ORDER BY market"
    )
    if mixed:
        found = "; ".join(f"{culprits(currencies)} in the market {market!r}" for market, currencies in mixed[:5])
        raise InputError(
            f"Expected one currency in each market, got {found} of {where(pipeline)}.",
            hint="Convert the amounts first, or map the currency (or a column made with it) to columns.market.",
        )
