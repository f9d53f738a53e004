"""Which MLflow store: a database with artifacts beside it, below mlruns, or what MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import os
import re
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartaccounts.errors import ModelError
from smartaccounts.tracking.library import quiet

SQLITE = "sqlite:///"
DATABASES = ("postgresql", "mysql", "mssql")
SERVERS = ("http://", "https://", "databricks")
PATIENCE_SECONDS = 120
"""How long to wait while another process creates the same store: it takes 6 to 14 seconds, more on a busy machine."""


@dataclass(frozen=True)
class Store:
    """Where runs and models are kept. artifacts: URI of the folder for their files, None where a server decides."""

    uri: str
    artifacts: str | None

    @property
    def shown(self) -> str:
        """Return the URI for messages, without a password."""
        return re.sub(r"://[^/@]*@", "://***@", self.uri)

    @property
    def database(self) -> Path | None:
        """Return the file of a SQLite store, None for others."""
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    @property
    def exists(self) -> bool:
        """Say whether there is a store to look into; a server or a database server is taken to be there."""
        return self.database is None or self.database.exists()


def store_at(root: Path | None = None) -> Store:
    """Return the store of MLFLOW_TRACKING_URI or, where that is not set, `root`/mlruns (the current directory's).

    Nothing is created. ModelError for a plain folder, which MLflow no longer takes.
    """
    folder = (root or Path.cwd()).absolute() / "mlruns"
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if uri.startswith(SERVERS):
        return Store(uri, None)
    if not uri or uri.startswith(SQLITE):
        database = Path(uri.removeprefix(SQLITE)).absolute() if uri else folder / "mlflow.db"
        if re.search("[%?#]", str(database)):
            raise ModelError(
                f"Expected a folder without %, ? and # in its name, got {database} for the MLflow store.",
                hint="Such signs mean something else in a URI: run from another folder, or set MLFLOW_TRACKING_URI.",
            )
        return Store(f"{SQLITE}{database.as_posix()}", (database.parent / "artifacts").as_uri())
    if uri.startswith(DATABASES):
        return Store(uri, (folder / "artifacts").as_uri())
    raise ModelError(
        f"Expected the URI of a server or a database, got {uri!r} in MLFLOW_TRACKING_URI.",
        hint="Write for example sqlite:///mlruns/mlflow.db, or unset it to use that.",
    )


@contextmanager
def reached(store: Store) -> Iterator[tuple[Any, Any]]:
    """Yield the module `mlflow` and a client of the store, which is created where it is a file that is not there.

    ModelError, with where and what to do, where the store cannot be reached or read. Keep other work out of the block:
    warnings and log lines are silenced in it.
    """
    with quiet(uri=store.uri) as mlflow:
        broken = (mlflow.exceptions.MlflowException, _database_error(), sqlite3.Error, OSError)
        try:
            if store.database is not None:
                _create_where_absent(store.database, store.artifacts)
            elif store.uri.startswith("http"):
                _knock(store.uri)
            yield mlflow, mlflow.MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)
        except broken as error:
            raise _unusable(store, error) from error


def experiment_name(pipeline: str) -> str:
    """Return the name of the experiment that holds the runs of a pipeline."""
    return f"smartaccounts/{pipeline}"


def model_name(pipeline: str) -> str:
    """Return the name under which the models of a pipeline are registered."""
    return f"smartaccounts-{pipeline}"


def already_there(error: Exception) -> bool:
    """Say whether MLflow refused to create something because it exists: another process was faster."""
    return getattr(error, "error_code", "") == "RESOURCE_ALREADY_EXISTS"


def _create_where_absent(database: Path, artifacts: str | None) -> None:
    """Create a SQLite store beside its place, then rename it: an interruption leaves no half-made one.

    One process at a time: an exclusive transaction on a file of its own is a lock that ends with its process.
    """
    if _has_tables(database):
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    lock = database.with_name(f".{database.name}.lock")
    with closing(sqlite3.connect(lock, timeout=PATIENCE_SECONDS, isolation_level=None)) as locked:
        locked.execute("BEGIN EXCLUSIVE")
        if _has_tables(database):
            return
        beside = database.with_name(f".{database.name}.{os.getpid()}.part")
        try:
            beside.unlink(missing_ok=True)
            _migrate(beside, artifacts)
            beside.replace(database)
        finally:
            beside.unlink(missing_ok=True)


def _migrate(database: Path, artifacts: str | None) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415 - heavy

    made = SqlAlchemyStore(f"{SQLITE}{database.as_posix()}", artifacts)
    made.engine.dispose()


def _has_tables(database: Path) -> bool:
    """Say whether a database is there and begun; sqlite3.Error where the file is something else."""
    if not database.exists() or (database.is_file() and database.stat().st_size == 0):
        return False
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _knock(uri: str) -> None:
    """See within seconds whether a server answers at all; OSError where none does."""
    address = re.sub(r"://[^/@]*@", "://", uri).rstrip("/") + "/health"
    with suppress(urllib.error.HTTPError):  # it answers; whether it lets us in is MLflow's to find out
        urllib.request.urlopen(address, timeout=10).close()


def _database_error() -> type[Exception]:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - heavy; comes with mlflow

    return SQLAlchemyError  # type: ignore[no-any-return, unused-ignore]  # typed or not by release


def _unusable(store: Store, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if "out-of-date database schema" in reason:
        return ModelError(
            f"Expected an MLflow store of this version of MLflow, got an older one in {store.shown}.",
            hint=f"Back it up, then run: mlflow db upgrade {store.shown}",
        )
    hint = (
        "Move the file away to begin a new store, or name another one in MLFLOW_TRACKING_URI."
        if store.database
        else "Start the server, or unset MLFLOW_TRACKING_URI to use mlruns/mlflow.db."
    )
    return ModelError(f"Expected an MLflow store, got an error ({reason}) in {store.shown}.", hint=hint)
