"""Growth lists as rows of a PostgreSQL table: all of a list, or nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import unquote, urlsplit

import pandas as pd
import pyarrow as pa

from smartaccounts.errors import PipelineError, culprits
from smartaccounts.outputs.tables import arrow, arrow_parts

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

SCHEMES = ("postgresql", "postgres")
KEY = ("pipeline", "as_of", "market", "customer_id")
"""One row per key; the other columns are those of growth_list.parquet."""

CONNECT_SECONDS, LOCK_SECONDS = 10, 60
"""So long the server may take to answer, and another run to end."""

_NAME_BYTES = 63
_KINDS: dict[pa.DataType, LiteralString] = {
    pa.string(): "text",
    pa.date32(): "date",
    pa.float64(): "double precision",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.bool_(): "boolean",
    pa.list_(pa.string()): "text[]",
}


@dataclass(frozen=True)
class Table:
    """A table of a database, checked for its form only. `where` is the URL without secrets, for people to read."""

    url: str = field(repr=False)
    name: tuple[str, ...]
    where: str

    @property
    def said(self) -> str:
        """Return what a message calls it."""
        return f"the table {'.'.join(self.name)} of {self.where}"


def table_at(url: str, name: str) -> Table:
    """Return the table `NAME` or `SCHEMA.NAME`, upper and lower case as they are, of the database at a URL.

    PipelineError where the URL is of another kind of database or cannot be read, the name is none, or psycopg is not
    installed. No message holds a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise PipelineError(
            f"Expected the URL of a database as postgresql://USER@HOST/DATABASE, got {_kind(url)} in --to.",
            hint="PostgreSQL is supported; for others load growth_list.parquet or growth_list.csv.",
        )
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    hosts = re.sub(r"\[[^]]*\]", "", authority.rpartition("@")[2]).split(",")
    ports = [port for host in hosts for port in host.split(":")[1:]]
    if rest.count("@") > 1 or "@" in rest[len(authority) :] or not all(p.isdecimal() for p in ports if p):
        raise PipelineError(
            "Expected a URL in which special characters of user and password are written as %XX, "
            f"got others in {scheme}://*** in --to.",
            hint="Write @ as %40, / as %2F, : as %3A; or leave the password to ~/.pgpass or PGPASSWORD.",
        )
    parts = tuple(name.split(".", 1))
    if not all(p and "\0" not in p and len(p.encode()) <= _NAME_BYTES for p in parts):
        raise PipelineError(
            f"Expected a table as NAME or SCHEMA.NAME of 1 to {_NAME_BYTES} bytes each, got {name!r} in --table."
        )
    _driver()
    return Table(url, parts, _masked(url))


def check_table(table: Table) -> None:
    """PipelineError where the database cannot be reached: to be said before the work, not after it."""
    with _connected(table):
        pass


def write_table(frame: pd.DataFrame, table: Table, *, pipeline: str, as_of: date) -> int:
    """Write a pipeline's growth list of one as_of, in one transaction; return how many rows it has there.

    Rows of the same key are updated where they differ, rows of the same pipeline and as_of that the list does not have
    are deleted. The table is made where it is missing, not its schema. Two runs at once come one after the other.
    PipelineError where the table has other columns or no such key, or the database refuses; nothing is changed then.
    """
    columns = {"pipeline": _KINDS[pa.string()]} | {f.name: _KINDS[f.type] for f in arrow(frame.iloc[:0]).schema}
    driver = _driver()
    with _connected(table) as connection, connection.cursor() as cursor:
        statements = _Statements(driver.sql, table, tuple(columns))
        cursor.execute(driver.sql.SQL("SET LOCAL lock_timeout = {}").format(f"{LOCK_SECONDS}s"))
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [".".join(table.name)])
        named = statements.named.as_string(cursor)
        if cursor.execute("SELECT to_regclass(%s)", [named]).fetchone() == (None,):
            cursor.execute(statements.create(columns))  # IF NOT EXISTS asks for the right to create, needed or not
        _check_columns(cursor, table, columns, named=named)
        cursor.execute(statements.incoming())
        with cursor.copy(statements.copy()) as copy:
            for part in arrow_parts(frame):
                for row in zip(*(c.to_pylist() for c in part.columns), strict=True):
                    copy.write_row((pipeline, *row))
        cursor.execute(statements.delete(pipeline, as_of))
        cursor.execute(statements.upsert())
    return len(frame)


@dataclass(frozen=True)
class _Statements:
    """The SQL of one table; every name is quoted by psycopg."""

    sql: Any
    table: Table
    columns: tuple[str, ...]

    @property
    def named(self) -> sql.Composable:
        return self.sql.Identifier(*self.table.name)

    @property
    def beside(self) -> str:
        """Return the name of the temporary table, which would hide one of the same name."""
        return "incoming" if self.table.name[-1] != "incoming" else "incoming_rows"

    def create(self, kinds: dict[str, LiteralString]) -> sql.Composable:
        columns = [self.sql.SQL("{} " + kind).format(self.sql.Identifier(c)) for c, kind in kinds.items()]
        return self._filled(
            "CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}))", columns=self.sql.SQL(", ").join(columns)
        )

    def incoming(self) -> sql.Composable:
        return self._filled("CREATE TEMPORARY TABLE {incoming} (LIKE {table}) ON COMMIT DROP")

    def copy(self) -> sql.Composable:
        return self._filled("COPY {incoming} ({all}) FROM STDIN")

    def delete(self, pipeline: str, as_of: date) -> sql.Composable:
        return self._filled(  # values as literals: beside parameters a % in the table's name would be one
            "DELETE FROM {table} t WHERE t.pipeline = {pipeline} AND t.as_of = {as_of} AND NOT EXISTS "
            "(SELECT FROM {incoming} i WHERE i.market = t.market AND i.customer_id = t.customer_id)",
            pipeline=self.sql.Literal(pipeline),
            as_of=self.sql.Literal(as_of),
        )

    def upsert(self) -> sql.Composable:
        rest = [self.sql.Identifier(c) for c in self.columns if c not in KEY]
        new = [self.sql.SQL("EXCLUDED.{}").format(c) for c in rest]
        old = [self.sql.SQL("t.{}").format(c) for c in rest]
        sets = [self.sql.SQL("{} = {}").format(c, n) for c, n in zip(rest, new, strict=True)]
        comma = self.sql.SQL(", ")
        return self._filled(
            "INSERT INTO {table} AS t ({all}) SELECT {all} FROM {incoming} ON CONFLICT ({key}) DO UPDATE SET {sets} "
            "WHERE ({old}) IS DISTINCT FROM ({new})",
            sets=comma.join(sets), old=comma.join(old), new=comma.join(new),
        )  # fmt: skip

    def _filled(self, text: LiteralString, **more: Any) -> sql.Composable:
        names = {"all": self.columns, "key": KEY}
        joined = {k: self.sql.SQL(", ").join(map(self.sql.Identifier, v)) for k, v in names.items()}
        known = {"table": self.named, "incoming": self.sql.Identifier(self.beside)} | joined | more
        return self.sql.SQL(text).format(**known)


def _check_columns(cursor: Any, table: Table, wanted: dict[str, LiteralString], *, named: str) -> None:
    """PipelineError where the table is there with other columns, or without the key."""
    have = dict(
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [named],
        ).fetchall()
    )
    lacking = [f"{c} {kind}" for c, kind in wanted.items() if c not in have]
    other = [f"{c} {have[c]} (expected {kind})" for c, kind in wanted.items() if have.get(c, kind) != kind]
    more = [c for c in have if c not in wanted]
    said = [f"{what} {culprits(names, most=50)}" for what, names in
            (("no", lacking), ("others:", other), ("beside them", more)) if names]  # fmt: skip
    if said:
        raise PipelineError(
            f"Expected the columns of growth_list.parquet and pipeline, got {'; '.join(said)} in {table.said}.",
            hint="Name a new table, which is made with the right columns, or change this one by ALTER TABLE.",
        )
    keys = cursor.execute(
        "SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
        "AND a.attnum = ANY (i.indkey) WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indpred IS NULL "
        "GROUP BY i.indexrelid",
        [named],
    ).fetchall()
    if not any(set(columns) == set(KEY) for (columns,) in keys):
        raise PipelineError(
            f"Expected a primary key of {', '.join(KEY)}, got none in {table.said}.",
            hint=f"ALTER TABLE ... ADD PRIMARY KEY ({', '.join(KEY)}), or name a new table.",
        )


@contextmanager
def _connected(table: Table) -> Iterator[psycopg.Connection]:
    """Yield a connection in a transaction, which is committed at the end and rolled back on any error."""
    driver = _driver()
    try:
        timeout = driver.conninfo.conninfo_to_dict(table.url).get("connect_timeout", CONNECT_SECONDS)
    except driver.ProgrammingError:  # its text quotes what it did not understand, the password perhaps
        raise PipelineError(
            f"Expected a URL that PostgreSQL understands, got {table.where} in --to.",
            hint="Write postgresql://USER@HOST:PORT/DATABASE; special characters as %XX.",
        ) from None
    try:
        with driver.connect(table.url, connect_timeout=timeout, application_name="smartaccounts") as connection:
            yield connection
    except driver.errors.LockNotAvailable:
        raise PipelineError(
            f"Expected to be the only run that writes, got another one at work in {table.said} (waited {LOCK_SECONDS} "
            "seconds).",
            hint="Let it end and run the command again.",
        ) from None
    except driver.Error as error:
        raise PipelineError(
            f"Expected to write into a database, got {_cleaned(str(error), table.url)} in {table.said}.",
            hint="Nothing was changed there. Check --to, --table, and what the user may do.",
        ) from None


def _driver() -> Any:
    """Return psycopg; PipelineError where it is not installed."""
    try:
        import psycopg  # noqa: PLC0415 - an extra
        import psycopg.conninfo  # noqa: PLC0415 - an extra
    except ImportError:
        raise PipelineError(
            "Expected the package psycopg for --to, got none.", hint="pip install 'smartaccounts[postgres]'"
        ) from None
    return psycopg


_SECRET = re.compile(r"([?&](?:password|sslpassword)=)[^&]*", re.IGNORECASE)


def _masked(url: str) -> str:
    """Return a URL, of which every @ belongs to its host, without passwords."""
    without = re.sub(r"^([^:]+://[^:/?#@]*):[^@/?#]*@", r"\1:***@", url)
    return _SECRET.sub(r"\1***", without)


def _cleaned(said: str, url: str) -> str:
    """Return the first line of what the database said, without passwords of the URL."""
    found = [m[0].removeprefix(m[1]) for m in _SECRET.finditer(url)]
    secrets = {s for p in (urlsplit(url).password, *found) if p for s in (p, unquote(p))}
    line = said.strip().partition("\n")[0].rstrip(".")
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, "***")
    return line


def _kind(url: str) -> str:
    """Return what a URL is of, which may hold a password."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://..." if separator else "something else"
