"""From order lines to the small tables that every family reads: the lines are scanned here, and only here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from smartaccounts.engine.sql import LOG_SCALE, NARROW, NARROW_LIMIT, WIDE, scaled
from smartaccounts.features.channels import is_digital
from smartaccounts.features.sweep.measures import COSTED, LISTED
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number


def _log(value: str) -> str:
    """A log as an integer of 1e-9; null where the value is not above zero."""
    return f"CASE WHEN {value} > 0 THEN CAST(ROUND(LN({value}) * {LOG_SCALE}) AS BIGINT) END"


def build(lines: OrderLines) -> None:
    """Scan the lines once into customer_code, orders, items and category_items in the engine.

    orders: one row per (c, order_id, day, known_day); is_order is 1 on the row that was known first, so that an order
    counts once however many days it spans. items: one row per (c, p, day, known_day), purchases only. c and p are
    numbers of (market, customer_id) and (market, product_id), in that order; they never reach a result. purchase_days:
    one row per (c, day) with a purchase, known_day the first on which one of that day was known. Tables lie in
    the order of c: rows that are summed together are read together.
    """
    run, source, integer = lines.engine.run, lines.table, _integer(lines)

    def money(value: str, condition: str = "") -> str:
        total = (
            scaled(value, integer)
            if not condition
            else f"CASE WHEN {condition} THEN {scaled(value, integer)} ELSE 0 END"
        )
        return f"CAST(SUM({total}) AS {integer})"

    run(f"""CREATE OR REPLACE TABLE customer_code AS
        SELECT market, customer_id, CAST(ROW_NUMBER() OVER (ORDER BY market, customer_id) AS INTEGER) AS c
        FROM (SELECT DISTINCT market, customer_id FROM {source}) keys""")
    run(f"""CREATE OR REPLACE TABLE orders AS
        SELECT c, day, known_day, amount, gross, returned, lines, return_lines, list_value, list_paid, cost_value, cost_paid,
          gross_channel, gross_digital,
          CASE WHEN ROW_NUMBER() OVER (PARTITION BY c, order_id ORDER BY known_day, day) = 1 THEN 1 ELSE 0 END AS is_order
        FROM (
          SELECT k.c, l.order_id, l.day, l.known_day,
            {money("l.amount")} AS amount,
            {money("l.amount", "l.amount > 0")} AS gross,
            {money("-l.amount", "l.amount < 0")} AS returned,
            COUNT(*) AS lines,
            CAST(SUM(CASE WHEN l.amount < 0 THEN 1 ELSE 0 END) AS BIGINT) AS return_lines,
            {money("l.list_price * l.quantity", LISTED)} AS list_value,
            {money("l.amount", LISTED)} AS list_paid,
            {money("l.cost * l.quantity", COSTED)} AS cost_value,
            {money("l.amount", COSTED)} AS cost_paid,
            {money("l.amount", "l.channel IS NOT NULL AND l.amount > 0")} AS gross_channel,
            {money("l.amount", f"{is_digital('l.channel')} AND l.amount > 0")} AS gross_digital
          FROM {source} l JOIN customer_code k ON k.market = l.market AND k.customer_id = l.customer_id
          GROUP BY k.c, l.order_id, l.day, l.known_day) by_order
        ORDER BY c, day""")
    run("""CREATE OR REPLACE TABLE purchase_days AS
        SELECT c, day, MIN(known_day) AS known_day FROM orders WHERE gross > 0 GROUP BY c, day ORDER BY c, day""")
    run(f"""CREATE OR REPLACE TABLE product_code AS
        SELECT market, product_id, CAST(ROW_NUMBER() OVER (ORDER BY market, product_id) AS INTEGER) AS p
        FROM (SELECT DISTINCT market, product_id FROM {source} WHERE product_id IS NOT NULL) keys""")
    run(f"""CREATE OR REPLACE TABLE items AS
        SELECT k.c, q.p, l.day, l.known_day, COUNT(*) AS lines, {money("l.amount")} AS gross,
          CAST(SUM({_log("l.unit_price")}) AS BIGINT) AS ln_price, COUNT({_log("l.unit_price")}) AS prices,
          CAST(SUM({_log("l.quantity")}) AS BIGINT) AS ln_quantity, COUNT({_log("l.quantity")}) AS quantities
        FROM {source} l
        JOIN customer_code k ON k.market = l.market AND k.customer_id = l.customer_id
        JOIN product_code q ON q.market = l.market AND q.product_id = l.product_id
        WHERE l.amount > 0 GROUP BY k.c, q.p, l.day, l.known_day
        ORDER BY c, p""")
    run(f"""CREATE OR REPLACE TABLE category_items AS
        SELECT k.c, l.category, l.day, l.known_day, {money("l.amount")} AS gross
        FROM {source} l JOIN customer_code k ON k.market = l.market AND k.customer_id = l.customer_id
        WHERE l.amount > 0 AND l.category IS NOT NULL GROUP BY k.c, l.category, l.day, l.known_day""")


def _integer(lines: OrderLines) -> str:
    """Return the narrowest integer type that holds every sum of money of these lines, of whichever of them."""
    largest = lines.engine.rows(
        f"""SELECT GREATEST(COALESCE(SUM(ABS(amount)), 0), COALESCE(SUM(ABS(list_price * quantity)), 0),
              COALESCE(SUM(ABS(cost * quantity)), 0)) FROM {lines.table}"""
    )[0][0]
    return NARROW if largest < NARROW_LIMIT else WIDE


def see(lines: OrderLines, as_ofs: Sequence[date], *, horizon_days: int) -> None:
    """Lay out what was known at each as_of: seen, seen_orders, baskets, product_standing, basket_market, seen_categories.

    seen: one row per (as_of, c) with a line known before as_of, none at an as_of with less history than `horizon_days`.
    Ages are as_of - day, 1 for the day before as_of.
    """
    engine = lines.engine
    run = engine.run
    engine.load("as_ofs", pd.DataFrame({"as_of": pd.array([day_number(d) for d in as_ofs], dtype="int32")}))
    run(f"""CREATE OR REPLACE TABLE seen AS
        SELECT s.as_of, s.c, k.market, k.customer_id, s.first_day, s.last_day, h.history_days
        FROM (SELECT a.as_of, o.c, MIN(CASE WHEN o.gross > 0 AND o.day < a.as_of THEN o.day END) AS first_day,
                MAX(CASE WHEN o.gross > 0 AND o.day < a.as_of THEN o.day END) AS last_day
              FROM orders o CROSS JOIN as_ofs a WHERE o.known_day < a.as_of GROUP BY a.as_of, o.c) s
        JOIN (SELECT a.as_of, a.as_of - MIN(o.day) AS history_days
              FROM orders o CROSS JOIN as_ofs a WHERE o.known_day < a.as_of GROUP BY a.as_of) h ON h.as_of = s.as_of
        JOIN customer_code k ON k.c = s.c
        WHERE h.history_days >= {horizon_days}""")
    run("""CREATE OR REPLACE TABLE seen_orders AS
        SELECT s.as_of, s.as_of - o.day AS age, o.*, s.first_day, s.last_day, s.history_days
        FROM orders o JOIN seen s ON s.c = o.c WHERE o.known_day < s.as_of AND o.day < s.as_of""")
    run(f"""CREATE OR REPLACE TABLE baskets AS
        SELECT a.as_of, i.c, i.p, a.as_of - MIN(i.day) AS first_age, a.as_of - MAX(i.day) AS last_age, SUM(i.lines) AS lines,
          SUM(i.gross) AS gross, CAST(SUM(i.ln_price) AS DOUBLE) / SUM(i.prices) / {LOG_SCALE} AS ln_price,
          CAST(SUM(i.ln_quantity) AS DOUBLE) / SUM(i.quantities) / {LOG_SCALE} AS ln_quantity,
          SUM(i.ln_price) AS sum_price, SUM(i.prices) AS prices, SUM(i.ln_quantity) AS sum_quantity, SUM(i.quantities) AS quantities
        FROM items i CROSS JOIN as_ofs a
        WHERE i.known_day < a.as_of AND i.day < a.as_of AND i.day >= a.as_of - 365
        GROUP BY a.as_of, i.c, i.p""")
    run("""CREATE OR REPLACE TABLE basket_buyers AS
        SELECT b.as_of, b.c, s.market,
          CASE WHEN PERCENT_RANK() OVER (PARTITION BY b.as_of, s.market ORDER BY b.gross) >= 0.9 THEN 1 ELSE 0 END AS is_large
        FROM (SELECT as_of, c, SUM(gross) AS gross FROM baskets GROUP BY as_of, c) b
        JOIN seen s ON s.as_of = b.as_of AND s.c = b.c""")
    run("""CREATE OR REPLACE TABLE basket_market AS
        SELECT as_of, market, CAST(SUM(is_large) AS DOUBLE) / COUNT(*) AS large_share
        FROM basket_buyers GROUP BY as_of, market""")
    run(f"""CREATE OR REPLACE TABLE product_standing AS
        SELECT *, PERCENT_RANK() OVER (PARTITION BY as_of, market ORDER BY buyers DESC) AS popularity
        FROM (
          SELECT b.as_of, b.p, u.market, COUNT(*) AS buyers, SUM(u.is_large) AS large_buyers,
            CAST(SUM(b.sum_price) AS DOUBLE) / SUM(b.prices) / {LOG_SCALE} AS ln_price,
            CAST(SUM(b.sum_quantity) AS DOUBLE) / SUM(b.quantities) / {LOG_SCALE} AS ln_quantity
          FROM baskets b JOIN basket_buyers u ON u.as_of = b.as_of AND u.c = b.c
          GROUP BY b.as_of, b.p, u.market) by_product""")
    run("""CREATE OR REPLACE TABLE seen_categories AS
        SELECT a.as_of, i.c, i.category, a.as_of - MAX(i.day) AS last_age, SUM(i.gross) AS gross
        FROM category_items i CROSS JOIN as_ofs a
        WHERE i.known_day < a.as_of AND i.day < a.as_of AND i.day >= a.as_of - 365
        GROUP BY a.as_of, i.c, i.category""")
