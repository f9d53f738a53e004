"""Who buys what: the customers, products and categories of some lines, and the numbers that lines know them by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from smartaccounts.engine.duckdb import reading
from smartaccounts.engine.sql import COARSE_SCALE, MONEY_SCALE, NARROW_LIMIT
from smartaccounts.features.sweep.kept import Kept, damaged, kept
from smartaccounts.features.sweep.numbers import most
from smartaccounts.features.sweep.scatter import UNSEEN, numbered, slotted
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number

_SALTS = 16


@dataclass(frozen=True)
class Index:
    """Which number a hash stands for; a hash of null, or of what the index does not hold, for -1."""

    hashes: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.int32]

    @classmethod
    def of(cls, hashes: npt.NDArray[np.uint64]) -> Index:
        """Number some hashes, all different, from 0."""
        slots = np.full(1 << max(int(2 * len(hashes)).bit_length(), 4), UNSEEN, dtype=np.int32)
        slotted(hashes, slots)
        return cls(hashes, slots)

    def numbers(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
        """Return the number of each."""
        found = np.empty(len(hashes), dtype=np.int32)
        numbered(hashes, self.hashes, self.slots, found)
        return found


@dataclass(frozen=True)
class Keys:
    """The keys of the lines known before a day, ascending; a key's number is its place.

    customers: market, customer_id, lines, first_known (day), most (the largest sum of its money, `too_large`), person
    (equal for equal customer_ids). products: market, product_id; categories: market, category; both without nulls.
    salt: of the hashes, which are then all different.

    kept: where the numbers of some lines are, None where of none; the keys are then of all kept lines too, known by that
    day or not. `kept` of a customer says how many of its lines they are, that of a product or category whether there is
    one. source: SQL of the other lines.
    """

    source: str
    customers: pa.Table
    products: pa.Table
    categories: pa.Table
    salt: int
    kept: Kept | None = None

    @property
    def scale(self) -> str:
        """Return the finest scale at which the sums of money fit 64 bits; too coarse where none does."""
        return MONEY_SCALE if self.most < NARROW_LIMIT else COARSE_SCALE

    @property
    def most(self) -> float:
        """Return the largest sum of money over one customer."""
        return float(pc.max(self.customers["most"]).as_py() or 0)

    def indexes(self) -> tuple[Index, ...]:
        """Return an index of each kind of key, in the order of `hashes`."""
        return tuple(Index.of(t["hash"].to_numpy()) for t in (self.customers, self.products, self.categories))

    def hashes(self) -> list[str]:
        """Return SQL for the hashes of a line's keys."""
        return [f"{_hash(column, self.salt)} AS {name}" for name, column in _KEYS.items()]


_KEYS = {"c": "customer_id", "product": "product_id", "category": "category"}


def too_large(lines: OrderLines, limit: float, *, known_before: date) -> bool:
    """Say whether a sum of money over what was known of one customer by then could pass a limit."""
    largest = f"SELECT {most(lines.provided)} AS most FROM {lines.table} WHERE known_day < {day_number(known_before)}"
    asked = (largest, f"SELECT MAX(most) FROM ({largest} GROUP BY market, customer_id) sums")  # the first is cheap
    return all((lines.engine.rows(sql)[0][0] or 0) >= limit for sql in asked)


def keyed(lines: OrderLines, *, known_before: date | None) -> Keys:
    """Return the keys of the lines known before a day (None: of all); of what is kept as numbers, those numbers are not read here.

    InputError where they are not as they were written.
    """
    found = kept(lines)
    if found is not None:
        folder = found.folder
        with reading(lambda _: damaged(folder)):
            keys = _keyed(_beyond(lines, found), known_before, found)
        if keys.most < NARROW_LIMIT:  # lines of the future count here, and must not decide
            return keys
    return _keyed(lines, known_before, None)


def _beyond(lines: OrderLines, held: Kept) -> OrderLines:
    """Return the lines that are not kept."""
    view = "swept_beyond"
    lines.engine.run(f"CREATE OR REPLACE VIEW {view} AS {lines.but(held.files)}")
    return replace(lines, table=view, stored=None)


def _keyed(lines: OrderLines, known_before: date | None, held: Kept | None) -> Keys:
    engine = lines.engine
    known = "" if known_before is None else f" WHERE known_day < {day_number(known_before)}"
    source = f"(SELECT * FROM {lines.table}{known})"
    customers = f"""SELECT market, customer_id, COUNT(*) AS lines, MIN(known_day) AS first_known,
          {most(lines.provided)} AS most, 0 AS kept
        FROM {source} GROUP BY market, customer_id"""
    items = f"""SELECT GROUPING(product_id) = 1 AS is_category, market, product_id, category, FALSE AS kept
        FROM {source} GROUP BY GROUPING SETS ((market, product_id), (market, category))"""
    if held is not None:
        customers = f"""SELECT market, customer_id, SUM(lines)::BIGINT AS lines, MIN(first_known) AS first_known,
              SUM(most) AS most, SUM(kept)::BIGINT AS kept
            FROM ({customers} UNION ALL SELECT *, lines AS kept FROM {held.table("customers")})
            GROUP BY market, customer_id"""
        items = f"""SELECT is_category, market, product_id, category, BOOL_OR(kept) AS kept
            FROM ({items} UNION ALL SELECT FALSE, market, product_id, NULL, TRUE FROM {held.table("products")}
              UNION ALL SELECT TRUE, market, NULL, category, TRUE FROM {held.table("categories")})
            GROUP BY ALL"""
    engine.run(f"CREATE OR REPLACE TABLE swept_c AS {customers}")
    engine.run(f"CREATE OR REPLACE TABLE swept_items AS {items}")
    for name, where in (("product", "NOT is_category"), ("category", "is_category")):
        engine.run(
            f"CREATE OR REPLACE VIEW swept_{name} AS SELECT market, {_KEYS[name]}, kept FROM swept_items WHERE {where}"
        )
    salt = next((s for s in range(_SALTS) if not _alike(lines, s)), None)
    if salt is None:
        raise AssertionError(f"{_SALTS} hashes of 64 bits that all take two keys for one")

    def table(name: str, more: str = "") -> pa.Table:
        column = _KEYS[name]
        return engine.arrow_in_room(f"""SELECT market, {column}, {more}kept, {_hash(column, salt)} AS hash FROM swept_{name}
            WHERE {column} IS NOT NULL ORDER BY market, {column}""")

    whose = table("c", "lines, first_known, most, DENSE_RANK() OVER (ORDER BY customer_id) - 1 AS person, ")
    products, categories = table("product"), table("category")
    for made in ("VIEW swept_product", "VIEW swept_category", "TABLE swept_items", "TABLE swept_c"):
        engine.run(f"DROP {made}")
    return Keys(source, whose, products, categories, salt, held)


def _alike(lines: OrderLines, salt: int) -> bool:
    """Say whether two keys of one kind, null among them, have the same hash."""
    doubles = [
        f"SELECT COUNT(*) - COUNT(DISTINCT {_hash(column, salt)}) AS n FROM swept_{name}"
        for name, column in _KEYS.items()
    ]
    return bool(lines.engine.rows(f"SELECT SUM(n) FROM ({' UNION ALL '.join(doubles)})")[0][0])


def _hash(column: str, salt: int) -> str:
    return f"hash(market, {column}{f', {salt}' if salt else ''})"
