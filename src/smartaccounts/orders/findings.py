"""What the lines of a source show: one frozen record per question.

Each is made in two steps: a query over some of the lines of a stage, all those of a customer and all equal ones among
them, and one over what that query found of all parts. Unless said otherwise, lines are all lines of the source, before
`keep`; money is in the currency of the source.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.layers import REASONS

_NO_CUSTOMER = f"coalesce(reason = {REASONS.index('no customer')}, FALSE)"
_FINITE = "amount IS NOT NULL AND isfinite(amount)"
ODDITIES, CODES, DAYS, CUSTOMERS, CANCELLED, PAIRS, MARKETS = (
    "found_oddities", "found_codes", "found_days", "found_customers", "found_cancelled", "found_pairs", "found_markets",
)  # fmt: skip
"""Tables of what was found of all parts."""
_MOST_PAIRS = 5


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


def of_part(table: str, held: Collection[str], *, marked: bool) -> dict[str, str]:
    """Return the queries over a part of a stage, by the table that their answers go to.

    held: the columns of the stage. marked: the source says which lines cancel. MARKETS, for which the last day must be
    known, is asked for by `markets_of_part`.
    """
    negative = "count(*) FILTER (quantity < 0 AND NOT cancels)" if "quantity" in held else "CAST(NULL AS BIGINT)"
    zero_price, negative_price = ("CAST(NULL AS BIGINT)",) * 2
    if "unit_price" in held:
        zero_price, negative_price = ("count(*) FILTER (unit_price = 0)", "count(*) FILTER (unit_price < 0)")
    accepted = f"FROM {table} WHERE reason IS NULL"
    queries = {
        ODDITIES: f"SELECT count(*) - count(DISTINCT source_row) AS duplicates, {negative} AS negative, "
        f"{zero_price} AS zero_price, {negative_price} AS negative_price, count(*) FILTER (amount = 0) AS zero, "
        "count(*) FILTER (amount < 0) AS below, count(*) FILTER (amount = 0 AND reason IS NULL) AS accepted_zero, "
        f"count(*) FILTER ({_NO_CUSTOMER}) AS unowned, count(*) AS lines, "
        f"sum(amount) FILTER ({_NO_CUSTOMER} AND {_FINITE}) AS unowned_amount, "
        f"sum(amount) FILTER ({_FINITE}) AS amount FROM {table}",
        DAYS: f"SELECT day, sum(amount) AS amount {accepted} GROUP BY day",
        CUSTOMERS: f"SELECT DISTINCT market, customer_id {accepted}",
    }
    if marked:
        queries[CANCELLED] = f"SELECT count(*) FILTER (cancels) AS lines FROM {table}"
    if "product_id" in held:
        queries[CODES] = (
            "SELECT product_id, count(*) AS lines, count(*) FILTER (reason IS NULL) AS accepted, "
            f"coalesce(sum(amount) FILTER ({_FINITE}), 0) AS amount FROM {table} WHERE product_id IS NOT NULL "
            "GROUP BY product_id"
        )
    if marked and {"quantity", "product_id"} <= set(held):
        queries[PAIRS] = (
            "SELECT *, count(*) OVER () AS matched, "
            "row_number() OVER (ORDER BY pieces DESC, bought, product_id, minutes) AS place "
            f"FROM ({_pairs(table)}) QUALIFY place <= {_MOST_PAIRS}"
        )
    return queries


def _pairs(table: str) -> str:
    """Match cancellations to the latest purchase at or before them."""
    line = "market, customer_id, product_id, quantity, moment"
    return (
        "SELECT b.product_id, b.quantity AS pieces, CAST(b.moment AS VARCHAR) AS bought, "
        "datediff('minute', b.moment, c.moment) AS minutes "
        f"FROM (SELECT {line} FROM {table} WHERE cancels AND quantity < 0) c "
        f"ASOF JOIN (SELECT {line} FROM {table} WHERE NOT cancels AND quantity > 0) b "
        "ON c.market = b.market AND c.customer_id = b.customer_id AND c.product_id = b.product_id "
        "AND -c.quantity = b.quantity AND c.moment >= b.moment"
    )


def markets_of_part(table: str, *, end: int, horizon_days: int) -> dict[str, str]:
    """Return the query for MARKETS; active is counted over `[end - horizon_days, end)`."""
    recent = f"day >= {end - horizon_days} AND day < {end}"
    by_customer = (
        "SELECT market, customer_id, count(*) AS lines, sum(amount) AS spend, "
        f"sum(amount) FILTER ({recent}) AS recent FROM {table} WHERE reason IS NULL GROUP BY market, customer_id"
    )
    return {
        MARKETS: "SELECT market, CAST(sum(lines) AS BIGINT) AS lines, count(*) AS customers, "
        f"count(*) FILTER (round(recent, 6) > 0) AS active, sum(spend) AS spend FROM ({by_customer}) GROUP BY market"
    }


def cancellations(engine: Engine, found: Collection[str]) -> Cancellations:
    """Return what was found of cancellations."""
    if CANCELLED not in found:
        return Cancellations(None, None, ())
    lines = engine.rows(f"SELECT CAST(sum(lines) AS BIGINT) FROM {CANCELLED}")[0][0]
    if PAIRS not in found:
        return Cancellations(lines, None, ())
    matched = engine.rows(f"SELECT CAST(coalesce(sum(matched) FILTER (place = 1), 0) AS BIGINT) FROM {PAIRS}")[0][0]
    largest = engine.rows(
        "SELECT product_id, pieces, bought, minutes "
        f"FROM {PAIRS} ORDER BY pieces DESC, bought, product_id, minutes LIMIT {_MOST_PAIRS}"
    )
    return Cancellations(lines, matched, tuple(Pair(*row) for row in largest))


def oddities(engine: Engine) -> Oddities:
    """Return how many lines are no plain sale."""
    counts = ("duplicates", "negative", "zero_price", "negative_price", "zero", "below", "accepted_zero")
    row = engine.rows(
        f"SELECT {', '.join(f'CAST(sum({c}) AS BIGINT)' for c in counts)}, "
        "CAST(sum(unowned) AS BIGINT) / greatest(CAST(sum(lines) AS BIGINT), 1), "
        f"coalesce(sum(unowned_amount) / nullif(sum(amount), 0), 0) FROM {ODDITIES}"
    )[0]
    return Oddities(*row)


def odd_codes(engine: Engine, found: Collection[str], *, most: int = 8, examples: int = 12) -> tuple[OddCodes, ...]:
    """Return shapes of product codes with under 1 % of the lines, or without a digit where most codes have one."""
    if CODES not in found:
        return ()
    shape = r"regexp_replace(regexp_replace(product_id, '\p{L}+', 'A', 'g'), '[0-9]+', '9', 'g')"
    rows = engine.rows(
        f"WITH code AS (SELECT product_id, {shape} AS shape, sum(lines) AS lines, sum(accepted) AS accepted, "
        f"sum(amount) AS amount FROM {CODES} GROUP BY product_id), "
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


def calendar(engine: Engine) -> Calendar:
    """Describe the months of the accepted lines; a last month cut off ends more than five days early."""
    rows = engine.rows(
        "SELECT year(d) * 12 + month(d) - 1, round(sum(amount), 2), min(d), max(d) FROM "
        f"(SELECT DATE '1970-01-01' + day AS d, amount FROM {DAYS}) GROUP BY 1 ORDER BY 1"
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


def markets(engine: Engine) -> tuple[Market, ...]:
    """Describe each market, the largest spend first."""
    rows = engine.rows(
        "SELECT market, CAST(sum(lines) AS BIGINT), CAST(sum(customers) AS BIGINT), CAST(sum(active) AS BIGINT), "
        f"round(sum(spend), 2) FROM {MARKETS} GROUP BY market ORDER BY 5 DESC, market"
    )
    return tuple(Market(*row) for row in rows)


def customers(engine: Engine) -> tuple[int, int]:
    """Return how many customers have accepted lines, and how many of them in more than one market."""
    row = engine.rows(
        "SELECT count(*), count(*) FILTER (markets > 1) FROM (SELECT count(DISTINCT market) AS markets "
        f"FROM {CUSTOMERS} GROUP BY customer_id)"
    )[0]
    return row[0], row[1]
