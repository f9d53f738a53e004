"""What the lines of a source show: one frozen record per question, each made by one query over a stage.

Unless said otherwise, lines are all lines of the source, before `keep`; money is in the currency of the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.layers import REASONS

_NO_CUSTOMER = REASONS.index("no customer")
_FINITE = "amount IS NOT NULL AND isfinite(amount)"


@dataclass(frozen=True)
class Pair:
    """A purchase and its cancellation: how many pieces of which product, bought when, cancelled how long after."""

    product_id: str
    pieces: float
    bought: str
    minutes_between: int


@dataclass(frozen=True)
class Cancellations:
    """Lines that cancel another; `matched` have an earlier purchase of the same customer, product and quantity.

    Counts and pairs are null or empty where the source does not say which lines cancel, or has no quantity or product.
    """

    lines: int | None
    matched: int | None
    largest: tuple[Pair, ...]


@dataclass(frozen=True)
class Oddities:
    """Counts of lines that are no plain sale; null where the source lacks the column.

    `duplicates` are lines equal to another in every column of the source, one of each group not counted.
    `negative_quantities` are those of lines that cancel nothing.
    """

    duplicates: int
    negative_quantities: int | None
    zero_prices: int | None
    negative_prices: int | None
    zero_amounts: int
    negative_amounts: int
    accepted_zero_amounts: int
    share_of_lines_without_customer: float
    share_of_spend_without_customer: float


@dataclass(frozen=True)
class OddCodes:
    """Product codes of a shape unlike the rest (runs of digits as 9, of letters as A), the most frequent first."""

    shape: str
    codes: int
    lines: int
    accepted_lines: int
    amount: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Calendar:
    """Accepted lines over time: days included, months as YYYY-MM.

    `season` is calendar month (1 to 12) -> its spend over the mean month's, from whole years of full months; empty
    where the source has no such year. `cut_off` is the last month, where it ends early.
    """

    first_day: date
    last_day: date
    months: int
    empty_months: tuple[str, ...]
    cut_off: str | None
    season: dict[int, float]


@dataclass(frozen=True)
class Market:
    """Accepted lines of one market; `active` customers have spend above 0 in the last horizon."""

    market: str
    lines: int
    customers: int
    active: int
    spend: float


def cancellations(engine: Engine, table: str, *, marked: bool, most: int = 5) -> Cancellations:
    """Match cancellations to the latest purchase at or before them; `marked`: the source says which lines cancel."""
    if not marked:
        return Cancellations(None, None, ())
    lines = engine.rows(f"SELECT count(*) FROM {table} WHERE cancels")[0][0]
    if not {"quantity", "product_id"} <= engine.columns(table).keys():
        return Cancellations(lines, None, ())
    line = "market, customer_id, product_id, quantity, moment"
    pairs = (
        f"SELECT b.product_id, b.quantity AS pieces, b.moment AS bought, c.moment AS cancelled "
        f"FROM (SELECT {line} FROM {table} WHERE cancels AND quantity < 0) c "
        f"ASOF JOIN (SELECT {line} FROM {table} WHERE NOT cancels AND quantity > 0) b "
        "ON c.market = b.market AND c.customer_id = b.customer_id AND c.product_id = b.product_id "
        "AND -c.quantity = b.quantity AND c.moment >= b.moment"
    )
    matched = engine.rows(f"SELECT count(*) FROM ({pairs})")[0][0]
    largest = engine.rows(
        "SELECT product_id, pieces, CAST(bought AS VARCHAR), datediff('minute', bought, cancelled) AS minutes "
        f"FROM ({pairs}) ORDER BY pieces DESC, bought, product_id, minutes LIMIT {most}"
    )
    return Cancellations(lines, matched, tuple(Pair(*row) for row in largest))


def oddities(engine: Engine, table: str) -> Oddities:
    """Count lines that are no plain sale."""
    has = engine.columns(table)
    negative = "count(*) FILTER (quantity < 0 AND NOT cancels)" if "quantity" in has else "NULL"
    zero_price, negative_price = ("NULL", "NULL")
    if "unit_price" in has:
        zero_price, negative_price = ("count(*) FILTER (unit_price = 0)", "count(*) FILTER (unit_price < 0)")
    no_customer = f"coalesce(reason = {_NO_CUSTOMER}, FALSE)"
    row = engine.rows(
        f"SELECT count(*) - count(DISTINCT source_row), {negative}, {zero_price}, {negative_price}, "
        "count(*) FILTER (amount = 0), count(*) FILTER (amount < 0), "
        "count(*) FILTER (amount = 0 AND reason IS NULL), "
        f"count(*) FILTER ({no_customer}) / greatest(count(*), 1), "
        f"coalesce(sum(amount) FILTER ({no_customer} AND {_FINITE}) / nullif(sum(amount) FILTER ({_FINITE}), 0), 0) "
        f"FROM {table}"
    )[0]
    return Oddities(*row)


def odd_codes(engine: Engine, table: str, *, most: int = 8, examples: int = 12) -> tuple[OddCodes, ...]:
    """Find shapes of product codes with under 1 % of the lines, or without a digit where most codes have one."""
    if "product_id" not in engine.columns(table):
        return ()
    shape = r"regexp_replace(regexp_replace(product_id, '\p{L}+', 'A', 'g'), '[0-9]+', '9', 'g')"
    rows = engine.rows(
        f"WITH code AS (SELECT product_id, {shape} AS shape, count(*) AS lines, "
        "count(*) FILTER (reason IS NULL) AS accepted, "
        f"coalesce(sum(amount) FILTER ({_FINITE}), 0) AS amount "
        f"FROM {table} WHERE product_id IS NOT NULL GROUP BY ALL), "
        "shape AS (SELECT shape, count(*) AS codes, sum(lines) AS lines, sum(accepted) AS accepted, "
        "round(sum(amount), 2) AS amount, "
        f"list(product_id ORDER BY lines DESC, product_id)[1:{examples}] AS examples FROM code GROUP BY shape) "
        "SELECT shape, codes, CAST(lines AS BIGINT), CAST(accepted AS BIGINT), amount, examples FROM shape, "
        "(SELECT sum(lines) AS everything FROM shape) "
        "WHERE lines < 0.01 * everything OR (NOT contains(shape, '9') AND lines < 0.2 * everything) "
        f"ORDER BY lines DESC, shape LIMIT {most}"
    )
    return tuple(
        OddCodes(shape, codes, lines, accepted, amount, tuple(found))
        for shape, codes, lines, accepted, amount, found in rows
    )


def calendar(engine: Engine, table: str) -> Calendar:
    """Describe the months of the accepted lines; a last month cut off ends more than five days early."""
    rows = engine.rows(
        "SELECT year(d) * 12 + month(d) - 1, round(sum(amount), 2), min(d), max(d) FROM "
        f"(SELECT DATE '1970-01-01' + day AS d, amount FROM {table} WHERE reason IS NULL) GROUP BY 1 ORDER BY 1"
    )
    spend = {month: amount for month, amount, _, _ in rows}
    first_month, last_month, first, last = rows[0][0], rows[-1][0], rows[0][2], rows[-1][3]
    ends = _first_of(last_month + 1)
    is_cut = (ends - last).days > 6
    full_from = first_month + (first.day > 6)
    full_to = last_month - is_cut
    return Calendar(
        first_day=first,
        last_day=last,
        months=last_month - first_month + 1,
        empty_months=tuple(_name(m) for m in range(first_month, last_month + 1) if m not in spend),
        cut_off=_name(last_month) if is_cut else None,
        season=_season(spend, full_from, full_to),
    )


def _season(spend: dict[int, float], first: int, last: int) -> dict[int, float]:
    years = (last - first + 1) // 12
    months = range(last - 12 * years + 1, last + 1)
    total = sum(spend.get(m, 0.0) for m in months)
    if years < 1 or total <= 0:
        return {}
    by_month = {c: sum(spend.get(m, 0.0) for m in months if m % 12 == c - 1) for c in range(1, 13)}
    return {c: round(12 * amount / total, 3) for c, amount in by_month.items()}


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _name(month: int) -> str:
    return f"{month // 12}-{month % 12 + 1:02d}"


def markets(engine: Engine, table: str, *, end: int, horizon_days: int) -> tuple[Market, ...]:
    """Describe each market, the largest spend first; active is counted over `[end - horizon_days, end)`."""
    recent = f"day >= {end - horizon_days} AND day < {end}"
    by_customer = (
        "SELECT market, customer_id, count(*) AS lines, sum(amount) AS spend, "
        f"sum(amount) FILTER ({recent}) AS recent FROM {table} WHERE reason IS NULL GROUP BY market, customer_id"
    )
    rows = engine.rows(
        "SELECT market, CAST(sum(lines) AS BIGINT), count(*), count(*) FILTER (round(recent, 6) > 0), "
        f"round(sum(spend), 2) FROM ({by_customer}) GROUP BY market ORDER BY 5 DESC, market"
    )
    return tuple(Market(*row) for row in rows)


def customers(engine: Engine, table: str) -> tuple[int, int]:
    """Return how many customers have accepted lines, and how many of them in more than one market."""
    row = engine.rows(
        "SELECT count(*), count(*) FILTER (markets > 1) FROM (SELECT count(DISTINCT market) AS markets "
        f"FROM {table} WHERE reason IS NULL GROUP BY customer_id)"
    )[0]
    return row[0], row[1]
