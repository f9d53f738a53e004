"""The order-line contract as data, and what a reader of order lines hands on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from smartaccounts.engine.duckdb import Engine, text
from smartaccounts.timeline import day_number, from_day_number

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["string", "day", "double"]
Need = Literal["yes", "default", "no"]


@dataclass(frozen=True)
class Column:
    """One column of the contract.

    `kind` is how the table of `OrderLines` holds it (day: integer, days since 1970-01-01). `need`: a source must have
    it (yes), something stands in for it (default), or what is made of it is null without it (no).
    """

    name: str
    kind: Kind
    need: Need
    meaning: str

    @property
    def held_as(self) -> str:
        """Return the name of the column in the table: dates are held as day numbers under their own name."""
        return {"order_date": "day", "known_date": "known_day"}.get(self.name, self.name)

    @property
    def sql_type(self) -> str:
        """Return the SQL type of the column in the table."""
        return {"string": "VARCHAR", "day": "INTEGER", "double": "DOUBLE"}[self.kind]


COLUMNS: tuple[Column, ...] = (
    Column("market", "string", "default", "group in which spend is compared; '' where there is only one"),
    Column("customer_id", "string", "yes", "unique within its market; '00017' stays '00017'"),
    Column("order_id", "string", "default", "absent: one order per customer and day"),
    Column("order_date", "day", "yes", "day of the order or invoice"),
    Column("known_date", "day", "default", "day on which the line became known; absent: the order date"),
    Column("product_id", "string", "no", "absent: assortment features are null"),
    Column("quantity", "double", "no", "pieces; returns negative"),
    Column("amount", "double", "default", "net line amount, returns negative; absent: quantity x unit_price"),
    Column("unit_price", "double", "no", "price of one piece"),
    Column("list_price", "double", "no", "price of one piece before discount"),
    Column("discount", "double", "no", "share of the list price, 0.1 = 10 %"),
    Column("cost", "double", "no", "what one piece costs the supplier"),
    Column("channel", "string", "no", "how the order came, for the digital share"),
    Column("category", "string", "no", "group of products, for breadth"),
    Column("currency", "string", "no", "more than one in a market is an error, not a sum"),
)
"""The contract, in the order of the table of `OrderLines`."""


def every_column(held: Collection[str]) -> str:
    """Return SQL of every contract column out of a table that holds some; the others are null."""
    return ", ".join(c.held_as if c.held_as in held else f"CAST(NULL AS {c.sql_type}) AS {c.held_as}" for c in COLUMNS)


@dataclass(frozen=True)
class Rejection:
    """How many lines of the source were left out for one reason, with up to three of them as `column=value` texts."""

    reason: str
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Intake:
    """Lines in, lines out, and why they differ: `rows_in == rows_out + sum of the rejected rows`.

    `notes` says what was assumed or changed on the way in (an encoding, outer spaces).
    """

    rows_in: int
    rows_out: int
    rejected: tuple[Rejection, ...]
    notes: tuple[str, ...] = ()


class Lines(Protocol):
    """Accepted order lines, wherever they lie: the rest as in `OrderLines`."""

    @property
    def engine(self) -> Engine:
        """The engine of this process, which has room for what is made of the lines."""
        ...

    @property
    def provided(self) -> frozenset[str]:
        """The contract columns that the source really has."""
        ...

    @property
    def first_day(self) -> int:
        """The least day over all lines."""
        ...

    @property
    def last_day(self) -> int:
        """The greatest day over all lines."""
        ...

    @property
    def intake(self) -> Intake:
        """Lines in, lines out."""
        ...

    def first_known(self, before: date) -> date:
        """Return the first order day among the lines known before a date; that of all lines where none was."""
        ...

    def last_known(self, before: date) -> date:
        """Return the last order day among the lines known before a date; the first of all lines where none was."""
        ...

    def over_customers(self, function: Callable[[OrderLines], pa.Table], schema: pa.Schema) -> pa.Table:
        """Return what a function makes of the lines, in any order of rows.

        It may be called several times, each with all lines of some customers; it is pickled where the lines are
        elsewhere. schema: the columns that it returns.
        """
        ...


@dataclass(frozen=True)
class StoredFile:
    """Accepted order lines in a Parquet file that never changes, with the columns that their source has.

    name: no other is ever called so. path: as the engine reads it, no character of it being a wildcard. last_known: the
    greatest known day; hashed: as `digest.hashed` says. replaced: its lines took the place of others, and others may
    take theirs.
    """

    name: str
    path: str
    rows: int
    last_known: int
    hashed: int
    replaced: bool = False


@dataclass(frozen=True)
class Stored:
    """Where order lines are stored.

    held: the columns that the files have, as in the table. rest: SQL of these columns of the lines that are in none of
    the files, '' where there are none. beside: a folder for what is made of the files; it need not be there yet.
    """

    files: tuple[StoredFile, ...]
    held: frozenset[str]
    rest: str
    beside: Path


@dataclass(frozen=True)
class OrderLines:
    """Accepted order lines in a table of the engine.

    The table has every column of `COLUMNS` under its `held_as` name; null where the source has none, except: market is
    never null ('' by default), order_id is never null (the ISO date where the source has none), known_day is the day
    where the source has none, and day, customer_id and amount (finite) are never null. `provided` are the contract
    columns that the source really has. `first_day` and `last_day` are the least and the greatest day over all lines.
    stored: None where they are not those of some files.
    """

    engine: Engine
    table: str
    provided: frozenset[str]
    first_day: int
    last_day: int
    intake: Intake
    stored: Stored | None = None

    def but(self, names: Collection[str]) -> str:
        """Return SQL of the lines, as the table has them, without those of some of the stored files."""
        if self.stored is None:
            raise ValueError("these lines are not stored")
        held = ", ".join(c.held_as for c in COLUMNS if c.held_as in self.stored.held)
        paths = ", ".join(text(file.path) for file in self.stored.files if file.name not in names)
        files = [f"SELECT {held} FROM read_parquet([{paths}])"] if paths else []
        rest = [f"SELECT {held} FROM ({self.stored.rest})"] if self.stored.rest else []
        some = " UNION ALL ".join([*files, *rest])
        return (
            f"SELECT {every_column(self.stored.held)} FROM ({some})" if some else f"SELECT * FROM {self.table} LIMIT 0"
        )

    def first_known(self, before: date) -> date:
        """Return the first order day among the lines known before a date; that of all lines where none was."""
        if "known_date" not in self.provided:
            return from_day_number(self.first_day)
        known = f"SELECT MIN(day) FROM {self.table} WHERE known_day < {day_number(before)}"
        first = self.engine.rows(known)[0][0]
        return from_day_number(self.first_day if first is None else first)

    def last_known(self, before: date) -> date:
        """Return the last order day among the lines known before a date; the first of all lines where none was."""
        known = f"SELECT COALESCE(MAX(day), {self.first_day}) FROM {self.table} WHERE known_day < {day_number(before)}"
        return from_day_number(self.engine.rows(known)[0][0])

    def over_customers(self, function: Callable[[OrderLines], pa.Table], schema: pa.Schema) -> pa.Table:
        """Return what a function makes of the lines."""
        return function(self).cast(schema)
