"""DuckDB in this process: the only file that imports it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
from pyarrow import default_memory_pool as arrow_memory

from smartaccounts.engine.interrupt import heed, pressed
from smartaccounts.engine.memory import Room, disk_full, memory_bytes
from smartaccounts.engine.scratch import Scratch
from smartaccounts.engine.threads import threads
from smartaccounts.errors import InputError, PipelineError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


_ROWS = 1 << 16


class Engine:
    """One private in-memory database that spills to a folder of its own, held open until `close`.

    `room` is where arrays lie that are made of its answers.
    """

    def __init__(self, memory: str | None = None) -> None:
        """Open it with `threads()` threads and no access to extensions from the network.

        memory: about how much the whole process may use, as in `memory_bytes`; a third each for the database and the
        room. Results that are handed on, and libraries, take what they need.
        """
        cores, share = threads(), memory_bytes(memory) // 3  # may be refused: before anything is made
        self._spill = Scratch()
        self.room = Room(share, self._spill.path)
        self._con = duckdb.connect(
            config={
                "memory_limit": f"{share // 1000}KB",
                "threads": cores,
                "temp_directory": str(self._spill.path),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": True,
                "preserve_insertion_order": False,
            }
        )
        self._con.execute("SET TimeZone='UTC'")
        # a bar would be drawn on stdout, into what --json prints; a notebook without ipywidgets has none, and no SET
        if self._con.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
            self._con.execute("SET enable_progress_bar=false")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Drop every table and the spill folder; what Arrow keeps of the memory of answers goes back too."""
        self._con.close()
        self._spill.close()
        arrow_memory().release_unused()

    def run(self, sql: str, values: Sequence[object] = ()) -> None:
        """Execute one statement."""
        with _interruptible():
            self._con.execute(sql, list(values))

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the answer of one statement as tuples."""
        with _interruptible():
            return self._con.execute(sql, list(values)).fetchall()

    def frame(self, sql: str, values: Sequence[object] = ()) -> pd.DataFrame:
        """Return the answer of one statement as a pandas frame."""
        with _interruptible():
            return self._con.execute(sql, list(values)).df()

    def arrow(self, sql: str, values: Sequence[object] = ()) -> pa.Table:
        """Return the answer of one statement as an Arrow table."""
        with _interruptible():
            return self._con.sql(sql, params=list(values)).to_arrow_table()

    def arrow_in_room(self, sql: str) -> pa.Table:
        """Return the answer of one statement as an Arrow table that lies in the room."""
        with _interruptible():
            return self.room.arrow(self._con.sql(sql).to_arrow_reader(_ROWS))

    def frame_in_room(self, sql: str) -> pd.DataFrame:
        """Return the answer of one statement as a frame whose texts lie in the room."""
        with _interruptible():
            return self.room.frame(self._con.sql(sql).to_arrow_reader(_ROWS))

    def batches(self, sql: str, *, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the answer of one statement in Arrow batches of about so many rows."""
        with _interruptible():
            yield from self._con.sql(sql).to_arrow_reader(rows)

    def load(self, name: str, data: pd.DataFrame | pa.Table) -> None:
        """Copy a frame or an Arrow table into the table `name`, replacing it."""
        with self.lent("_incoming", data):
            self.run(f"CREATE OR REPLACE TABLE {quoted(name)} AS SELECT * FROM _incoming")

    @contextmanager
    def lent(self, name: str, data: pd.DataFrame | pa.Table) -> Iterator[None]:
        """Know a frame or an Arrow table by a name inside the block, where it is; nothing is copied."""
        with _interruptible():
            self._con.register(name, data)
        try:
            yield
        finally:
            self._con.unregister(name)

    def columns(self, relation: str) -> dict[str, str]:
        """Return name -> SQL type of the columns of a table name or of a table function call."""
        return {row[0]: row[1] for row in self.rows(f"DESCRIBE SELECT * FROM {relation}")}

    def write_parquet(self, sql: str, path: Path) -> None:
        """Write the answer of one statement as Parquet: beside, then renamed."""
        beside = path.with_name(path.name + ".partial")
        try:
            self.run(f"COPY ({sql}) TO {text(str(beside))} (FORMAT parquet, COMPRESSION zstd)")
            heed()
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make KeyboardInterrupt of Ctrl-C again, which comes out of DuckDB as an error of its own, or not at all."""
    heed()
    try:
        yield
    except (duckdb.Error, RuntimeError, OSError) as error:  # what goes wrong late in a stream is an OSError of Arrow's
        if pressed() or isinstance(error, duckdb.InterruptException) or str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        if str(error).startswith("Out of Memory"):
            raise _without_room(error) from error
        raise


def _without_room(error: Exception) -> PipelineError:
    """Return the error of a statement that had too little room: on disk, or in memory."""
    said = str(error).splitlines()[0]
    if "offload" in said:
        return disk_full("what does not fit into memory", Path(tempfile.gettempdir()))
    return PipelineError(
        f"Expected memory for what the database must hold at once, got too little: {said}.",
        hint="Allow more --memory; on Spark, set spark.partitions to more than there are.",
    )


@contextmanager
def reading(explain: Callable[[str], InputError]) -> Iterator[None]:
    """Turn an error of DuckDB inside the block into the InputError that `explain` makes of its text."""
    try:
        yield
    except duckdb.Error as error:
        raise explain(str(error)) from error


def first_line(said: str) -> InputError:
    """Return an error of DuckDB's as the first line of its text: the others show the statement."""
    return InputError(" ".join(said.splitlines()[0].split()))


def quoted(name: str) -> str:
    """Return an SQL identifier.

    >>> quoted('a "b"')
    '"a ""b""\"'
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return an SQL string.

    >>> text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"
