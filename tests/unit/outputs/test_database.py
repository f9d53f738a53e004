"""Growth lists in a real PostgreSQL: all of a list or nothing, again is the same, and no password is ever said."""

from __future__ import annotations

import re
import sys
import threading
import time
import uuid
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import psycopg
import pytest
from tests.postgres import PASSWORD, USER, Server

from smartaccounts.errors import PipelineError
from smartaccounts.outputs import database
from smartaccounts.outputs.database import Table, check_table, table_at, write_table

AS_OF = date(2024, 3, 1)


def frame_of(customers: int = 4, *, as_of: date = AS_OF, **change: Any) -> pd.DataFrame:
    n = range(customers)
    said = {
        "rank": np.arange(1, customers + 1), "market": ["m"] * customers, "customer_id": [f"{i:05d}" for i in n],
        "name": pd.Series([None, *(f"Firm {i}" for i in n)][:customers], dtype="object"),
        "probability": [np.nan, *(0.5 / (i + 1) for i in n)][:customers],
        "reasons_for": pd.Series([["Spends 1,000", 'a "b" | {c}, \\N'], *([None] * customers)][:customers]),
        "flags": pd.Series([[], *([None] * customers)][:customers], dtype="object"),
        "as_of": pd.Timestamp(as_of), "model_version": "v", "listed": [i < 2 for i in n], "spend_h": 0.1,
    }  # fmt: skip
    return pd.DataFrame(said | change)


@pytest.fixture
def table(postgres: Server) -> Table:
    """Return a table that is not there yet."""
    return table_at(postgres.url, f"lists_{uuid.uuid4().hex}")


def rows(table: Table, what: str = "*") -> list[tuple[Any, ...]]:
    with psycopg.connect(table.url) as connection:
        statement = psycopg.sql.SQL("SELECT " + what + " FROM {} t ORDER BY pipeline, as_of, market, customer_id")
        return connection.execute(statement.format(psycopg.sql.Identifier(*table.name))).fetchall()


def run(table: Table, statement: str) -> None:
    with psycopg.connect(table.url) as connection:
        connection.execute(psycopg.sql.SQL(statement).format(psycopg.sql.Identifier(*table.name)))


def write(table: Table, frame: pd.DataFrame, pipeline: str = "shop", as_of: date = AS_OF) -> int:
    return write_table(frame, table, pipeline=pipeline, as_of=as_of)


@pytest.mark.parametrize("together", [1, 2])
def test_the_table_is_made_and_every_value_comes_back(
    table: Table, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartaccounts.outputs.tables.ROWS", together)
    assert write(table, frame_of(2)) == 2
    first, second = rows(table)
    assert first == (
        "shop", 1, "m", "00000", None, None, ["Spends 1,000", 'a "b" | {c}, \\N'], [], AS_OF, "v", True, 0.1,
    )  # fmt: skip
    assert second == ("shop", 2, "m", "00001", "Firm 0", 0.5, None, None, AS_OF, "v", True, 0.1)


def test_again_changes_nothing_not_even_the_row_on_disk(table: Table) -> None:
    write(table, frame_of())
    before = rows(table, "ctid, xmin, t.*")
    write(table, frame_of().sample(frac=1, random_state=1))
    assert rows(table, "ctid, xmin, t.*") == before


def test_changed_rows_change_and_those_that_are_gone_go(table: Table) -> None:
    write(table, frame_of(4))
    write(table, frame_of(3, spend_h=[0.1, 7.0, np.nan]))
    assert rows(table, "customer_id, spend_h") == [("00000", 0.1), ("00001", 7.0), ("00002", None)]


def test_other_dates_and_pipelines_stay(table: Table) -> None:
    earlier = date(2024, 2, 1)
    write(table, frame_of(2, as_of=earlier), as_of=earlier)
    write(table, frame_of(2), "other")
    write(table, frame_of(1))
    assert rows(table, "pipeline, as_of, customer_id") == [
        ("other", AS_OF, "00000"), ("other", AS_OF, "00001"), ("shop", earlier, "00000"), ("shop", earlier, "00001"),
        ("shop", AS_OF, "00000"),
    ]  # fmt: skip


def test_a_failure_leaves_the_old_rows(table: Table) -> None:
    write(table, frame_of())
    before = rows(table)
    run(table, "ALTER TABLE {} ADD CHECK (spend_h < 5)")
    with pytest.raises(PipelineError, match="violates check constraint") as error:
        write(table, frame_of(2, spend_h=[0.2, 6.0]))
    assert "Nothing was changed" in error.value.hint
    assert rows(table) == before
    with pytest.raises(PipelineError, match="NUL"):
        write(table, frame_of(2, customer_id=["a", "b\0"]))
    assert rows(table) == before


def test_a_failure_on_the_first_run_leaves_no_table(table: Table) -> None:
    with pytest.raises(PipelineError, match="NUL"):
        write(table, frame_of(1, name=["\0"]))
    with pytest.raises(psycopg.errors.UndefinedTable):
        rows(table)


def test_two_at_once_come_one_after_the_other(table: Table) -> None:
    failed: list[BaseException] = []

    def one(size: int) -> None:
        try:
            for _ in range(5):
                write(table, frame_of(size))
        except BaseException as error:  # noqa: BLE001 - of a thread
            failed.append(error)

    threads = [threading.Thread(target=one, args=[size]) for size in (3, 5, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(rows(table)) in (3, 5, 8)  # never a mixture


@pytest.mark.slow
def test_who_waits_too_long_is_told(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    write(table, frame_of())
    with psycopg.connect(table.url) as other:
        other.execute(psycopg.sql.SQL("LOCK TABLE {}").format(psycopg.sql.Identifier(*table.name)))
        with pytest.raises(PipelineError, match="Expected to be the only run that writes"):
            write(table, frame_of(1))
    assert len(rows(table)) == 4


@pytest.mark.parametrize(
    "name", ['x"; DROP TABLE y; --', "Groß & Klein", "select", "%s {} %(x)s", "incoming", "incoming_rows", "a" * 63]
)
def test_hostile_names_are_names(postgres: Server, name: str) -> None:
    table = table_at(postgres.url, name)
    write(table, frame_of(1, customer_id=["'; DROP TABLE y; --"], name=["=1+1\t\n\\."]))
    write(table, frame_of(1, customer_id=["'; DROP TABLE y; --"], name=["=1+1\t\n\\."]))
    assert rows(table, "customer_id, name") == [("'; DROP TABLE y; --", "=1+1\t\n\\.")]


def test_a_schema_can_be_named_and_must_be_there(postgres: Server) -> None:
    table = table_at(postgres.url, "Sales Ops.lists")
    with pytest.raises(PipelineError, match='schema "Sales Ops" does not exist'):
        write(table, frame_of())
    with psycopg.connect(postgres.url) as connection:
        connection.execute('CREATE SCHEMA "Sales Ops"')
    write(table, frame_of())
    assert len(rows(table)) == 4


def test_other_columns_are_named(table: Table) -> None:
    write(table, frame_of())
    before = rows(table, "pipeline, customer_id")
    run(table, "ALTER TABLE {} DROP COLUMN spend_h")
    run(table, "ALTER TABLE {} ALTER COLUMN rank TYPE text")
    run(table, "ALTER TABLE {} ADD COLUMN remark text")
    with pytest.raises(PipelineError) as error:
        write(table, frame_of())
    said = error.value.message
    assert "got no 'spend_h double precision'; others: 'rank text (expected bigint)'; beside them 'remark'" in said
    assert table.said in said
    assert rows(table, "pipeline, customer_id") == before


def test_a_table_without_the_key_is_refused(table: Table) -> None:
    write(table, frame_of())
    run(table, "ALTER TABLE {} DROP CONSTRAINT " + psycopg.sql.Identifier(f"{table.name[-1]}_pkey").as_string())
    with pytest.raises(PipelineError, match="Expected a primary key of pipeline, as_of, market, customer_id"):
        write(table, frame_of())


def test_a_user_who_may_write_but_not_create_can_write(table: Table) -> None:
    write(table, frame_of())
    run(table, "GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO PUBLIC")
    with psycopg.connect(table.url) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'clerk'").fetchone():
            connection.execute("CREATE ROLE clerk LOGIN")
    clerk = table_at(table.url.replace(f"{USER}@", "clerk@"), table.name[0])
    assert write(clerk, frame_of(1)) == 1
    with pytest.raises(PipelineError, match="permission denied"):
        write(table_at(clerk.url, "new"), frame_of(1))


def test_what_the_documentation_asks_a_table_is_answered(postgres: Server) -> None:
    table = table_at(postgres.url, "growth_lists")
    write(table, frame_of(3, spend_12m=[5.0, 6.0, 7.0]))
    text = (Path(__file__).parents[3] / "docs" / "scheduling.md").read_text(encoding="utf-8")
    asked = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    with psycopg.connect(postgres.url) as connection:
        today, often, sentences = (connection.execute(statement).fetchall() for statement in asked)
    assert today == [(1, "00000", None, None, 5.0, "Spends 1,000"), (2, "00001", "Firm 0", 50.0, 6.0, None)]
    assert often == [("m", "00000", 1, AS_OF, AS_OF), ("m", "00001", 1, AS_OF, AS_OF)]
    assert sentences == [(AS_OF, "m", "00000", 1, "Spends 1,000"), (AS_OF, "m", "00000", 2, 'a "b" | {c}, \\N')]


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_seconds(table: Table) -> None:
    wide = pd.DataFrame({f"figure_{i}": np.random.default_rng(i).uniform(size=100_000) for i in range(30)})
    frame = pd.concat([frame_of(100_000), wide], axis=1)
    for _ in range(2):
        start = time.monotonic()
        assert write(table, frame) == 100_000
        assert time.monotonic() - start < 60  # 7 where nothing else runs


# the URL, and what is never said


def with_password(postgres: Server, password: str, *, user: str = USER) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{postgres.port}/postgres"


def test_a_password_in_the_url_opens_and_is_not_shown(postgres: Server) -> None:
    table = table_at(with_password(postgres, PASSWORD), "lists")
    check_table(table)
    assert table.where == f"postgresql://{USER}:***@127.0.0.1:{postgres.port}/postgres"
    for shown in (repr(table), str(table), table.said):
        assert PASSWORD not in shown
        assert quote(PASSWORD, safe="") not in shown


def test_a_password_of_the_environment_or_the_password_file_opens(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    table = table_at(f"postgresql://{USER}@127.0.0.1:{postgres.port}/postgres", "lists")
    with pytest.raises(PipelineError, match="no password supplied"):
        check_table(table)
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        check_table(table)
        patch.setenv("PGPASSWORD", "another secret")
        with pytest.raises(PipelineError) as error:
            check_table(table)
        assert "another secret" not in str(error.value)
    (tmp_path / "pgpass").write_text("127.0.0.1:*:*:*:" + PASSWORD.replace(":", "\\:") + "\n")
    (tmp_path / "pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    check_table(table)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hush@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db?user=u&password=hush",
        "postgresql://u:hush%zz@127.0.0.1/db", "postgresql://u:hu@sh@host/db", "postgresql://u:hu/sh@host/db",
        "postgresql://u:hush", "postgresql://u:hush/db", "postgresql://u:h%75sh@h/db?nonsense=1&sslpassword=hush",
        "mysql://u:hush@host/db", "hush", "postgresql://h/db?Password=hush&x=%zz", "postgresql+psycopg://u:hush@host/db",
    ],
)  # fmt: skip
def test_no_error_says_a_password(url: str) -> None:
    with pytest.raises(PipelineError) as error:
        check_table(table_at(url, "lists"))
    for part in ("hush", "hu@sh", "hu/sh", "sh@host", "h%75sh"):
        assert part not in str(error.value)
    assert error.value.message.startswith("Expected ")
    assert error.value.__cause__ is None


def test_what_a_server_says_is_cleaned(postgres: Server) -> None:
    with pytest.raises(PipelineError, match="password authentication failed") as error:
        check_table(table_at(with_password(postgres, "hush"), "lists"))
    assert "hush" not in str(error.value)
    with pytest.raises(PipelineError) as error:  # a server that repeats it
        check_table(table_at(with_password(postgres, "hush", user="hush"), "lists"))
    assert 'user "***"' in error.value.message


@pytest.mark.parametrize("url", ["mysql://h/db", "sqlite:///x.db", "lists.db", "", "postgresql:/h/db"])
def test_other_databases_are_refused_with_what_is_supported(url: str) -> None:
    with pytest.raises(PipelineError, match=r"Expected the URL of a database as postgresql://") as error:
        table_at(url, "lists")
    assert "PostgreSQL is supported" in error.value.hint


@pytest.mark.parametrize("name", ["", ".x", "x.", "a\0b", "a" * 64, "ä" * 32])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(PipelineError, match=r"Expected a table as NAME or SCHEMA\.NAME"):
        table_at("postgresql://h/db", name)


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(PipelineError) as error:
        table_at("postgresql://h/db", "lists")
    assert "smartaccounts[postgres]" in error.value.hint
