"""Apache Spark: the only file that imports it. It is handed functions over Arrow tables, whatever they do."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from smartaccounts import errors
from smartaccounts.engine.interrupt import remember_still
from smartaccounts.engine.memory import memory_bytes

try:
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyspark import StorageLevel, TaskContext
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import functions as fn
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import BinaryType
except ImportError as missing:
    raise errors.PipelineError(
        f"Expected Apache Spark, got none ({missing}) for engine: spark.",
        hint="Install it: pip install 'smartaccounts[spark]', and Java 17.",
    ) from None

Batches = Iterator[pa.RecordBatch]
OverPart = Callable[[int, Batches], Iterable[pa.Table]]
"""What is made of one part of a frame: its number and its batches in, tables out."""

_LINES_A_PART = 500_000
_ROWS_FETCHED = 50_000
"""Of a snapshot so many rows are fetched as one part: 60 MB, of which the driver holds several copies."""
_GONE = (Py4JError, ConnectionError, EOFError)
"""What comes of Java, and what comes where it is no more."""


class Frame:
    """Rows that lie apart on a cluster."""

    def __init__(self, data: DataFrame) -> None:
        """Hold a frame of Spark's."""
        self.data = data

    @property
    def names(self) -> list[str]:
        """Return the names of the columns; no job is run for it."""
        return list(self.data.columns)

    @property
    def schema(self) -> pa.Schema:
        """Return the columns and their types as Arrow says them."""
        return self.data.limit(0).toArrow().schema

    def local_files(self) -> list[str]:
        """Return the files that the rows come from, where all lie in a file system that workers share; none otherwise.

        The rows may be fewer than those of the files.
        """
        files = [urlsplit(uri) for uri in self.data.inputFiles()]
        return [unquote(f.path) for f in files] if all(f.scheme == "file" for f in files) else []

    def select(self, columns: Sequence[str]) -> Frame:
        """Return some columns; bytes become text."""
        kinds = {field.name: field.dataType for field in self.data.schema.fields}
        named = [fn.col(f"`{c.replace('`', '``')}`") for c in columns]
        texts = [
            c.cast("string") if isinstance(kinds[n], BinaryType) else c for n, c in zip(columns, named, strict=True)
        ]
        return Frame(self.data.select(*[c.alias(n) for n, c in zip(columns, texts, strict=True)]))

    def where(self, condition: str) -> Frame:
        """Return the rows for which a condition in SQL holds."""
        return Frame(self.data.where(condition))

    def apart(self, column: str, *, parts: int) -> Frame:
        """Lay rows into the part that a column says, of so many."""
        return Frame(self.data.repartitionById(parts, fn.col(column)))

    def mapped(self, function: OverPart, schema: pa.Schema) -> Frame:
        """Return what a function makes of each part: tables with the columns of the schema."""

        def run(batches: Batches) -> Batches:
            context = TaskContext.get()
            with _one_core():
                for table in function(context.partitionId() if context else 0, batches):
                    yield from table.select(schema.names).cast(schema).to_batches()

        return Frame(self.data.mapInArrow(run, from_arrow_schema(schema)))

    def grouped(self, keys: Sequence[str], function: Callable[[pa.Table], pa.Table], schema: pa.Schema) -> Frame:
        """Return what a function makes of the rows of each key."""

        def run(rows: pa.Table) -> pa.Table:
            with _one_core():
                return function(rows).select(schema.names).cast(schema)

        return Frame(self.data.groupBy(*keys).applyInArrow(run, from_arrow_schema(schema)))

    def beside(
        self, other: Frame, key: str, function: Callable[[pa.Table, pa.Table], pa.Table | None], schema: pa.Schema
    ) -> Frame:
        """Return what a function makes, if anything, of the rows of each key in this frame and in another."""

        def run(rows: pa.Table, others: pa.Table) -> pa.Table:
            with _one_core():
                made = function(rows, others)
                return schema.empty_table() if made is None else made.select(schema.names).cast(schema)

        pairs = self.data.groupBy(key).cogroup(other.data.groupBy(key))
        return Frame(pairs.applyInArrow(run, from_arrow_schema(schema)))

    def summed(self, keys: Sequence[str], values: Mapping[str, str]) -> Frame:
        """Return one row per key: column -> an aggregate in SQL."""
        aggregates = [fn.expr(sql).alias(name) for name, sql in values.items()]
        return Frame(self.data.groupBy(*keys).agg(*aggregates))

    def arrow(self) -> pa.Table:
        """Bring all rows here; for what is small."""
        with explained():
            return self.data.toArrow()

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """Bring the rows here, one part after another; for few rows with large values."""
        with explained():
            yield from map(tuple, self.data.toLocalIterator())

    def rows(self) -> int:
        """Count the rows."""
        with explained():
            return int(self.data.count())

    def in_few(self, rows: int) -> Frame:
        """Return kept rows in one part per core, more where many `rows` are fetched at once: a part comes as a whole.

        Spark lays groups into hundreds of parts, and each look at them takes a task for every one.
        """
        return Frame(self.data.coalesce(max(_cores(self.data.sparkSession), -(-rows // _ROWS_FETCHED))))

    @contextmanager
    def kept(self) -> Iterator[Frame]:
        """Keep the rows on the cluster (memory, then disk) inside the block, so that they are computed once."""
        self.data.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            yield self
        finally:
            with suppress(*_GONE):  # what went wrong before is what is to be said
                self.data.unpersist()


class Spark:
    """A session: the active one where there is one, as in a notebook; else one of its own, stopped on `close`."""

    def __init__(self, *, master: str, settings: Mapping[str, str]) -> None:
        """Take the active session or start one; PipelineError where none can be started."""
        with _quiet():
            # another thread than the one that made a session has none active
            active = SparkSession.getActiveSession() or getattr(SparkSession, "_instantiatedSession", None)
            self._own = active is None
            self.session = active or _started(master, settings)

    def close(self) -> None:
        """Stop the session if it is an own one."""
        if self._own:
            with suppress(*_GONE):
                self.session.stop()

    def table(self, name: str) -> Frame:
        """Return a table that the session knows."""
        with explained(f"the table {name}"):
            return Frame(self.session.table(name))

    def parquet(self, path: str) -> Frame:
        """Return Parquet files: a file, a folder or a glob; columns are matched by name."""
        with explained(path):
            return Frame(self.session.read.option("mergeSchema", "true").parquet(path))

    def made(self, table: pa.Table) -> Frame:
        """Return a small table of this process as a frame."""
        return Frame(self.session.createDataFrame(table))

    def parts(self, rows: int) -> int:
        """Return into how many parts rows are laid: one per core at least."""
        return max(_cores(self.session), -(-rows // _LINES_A_PART))


@contextmanager
def opened(*, master: str, settings: Mapping[str, str]) -> Iterator[Spark]:
    """Yield a session; an own one is stopped at the end of the block."""
    spark = Spark(master=master, settings=settings)
    try:
        with _quiet():
            yield spark
    finally:
        spark.close()


def _cores(session: SparkSession) -> int:
    """Return how many tasks run at once; over Spark Connect, which does not tell, into how many parts it shuffles."""
    try:
        return int(session.sparkContext.defaultParallelism)
    except PySparkException:  # a session of Connect has no context
        told = str(session.conf.get("spark.sql.shuffle.partitions"))
        return int(told) if told.isdigit() else 200  # some say auto


def _started(master: str, settings: Mapping[str, str]) -> SparkSession:
    own = {
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        "spark.sql.files.maxPartitionBytes": "32MB",  # what workers do not read themselves: work for every core
        "spark.driver.maxResultSize": "0",  # what is brought here comes part by part
    }
    if master == "local" or master.startswith("local["):  # all work is in this one process of Java
        own["spark.driver.memory"] = f"{max(1024, memory_bytes(None) // 2**21)}m"  # a quarter of the machine
    if master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers are of this machine
        own["spark.sql.shuffle.partitions"] = str(max(32, 2 * (os.cpu_count() or 1)))  # of 200 most would be empty
    build = SparkSession.builder.master(master).appName("smartaccounts")
    for key, value in {**own, **settings}.items():
        build = build.config(key, value)
    try:
        spark = build.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as error:
        raise errors.PipelineError(
            f"Expected Spark to start, got {_one_line(_said(error))} with spark.master {master!r}.",
            hint="Spark needs Java 17: is `java` on the PATH, or JAVA_HOME set?",
        ) from None
    remember_still()
    return spark


_OURS = re.compile(r"smartaccounts\.errors\.(\w+): (.*?)\s*(?:\n\s*(?:SQLSTATE|at )|$)", re.DOTALL)


@contextmanager
def explained(where: str = "") -> Iterator[None]:
    """Make an error of ours in a worker that error here; with `where`, what Spark says of a source an InputError.

    PipelineError for what Java says and Spark does not know, and where Spark is gone.
    """
    try:
        yield
    except (PySparkException, *_GONE) as error:
        said = _said(error)
        ours = _OURS.search(said)
        if ours is not None and isinstance(kind := getattr(errors, ours[1], None), type):
            message, _, hint = ours[2].partition("\nHint: ")
            raise kind(message, hint=hint) from None
        if where and isinstance(error, PySparkException | Py4JJavaError):
            raise errors.InputError(
                f"Expected order lines that Spark can read, got {_one_line(said)} in {where}."
            ) from None
        if isinstance(error, PySparkException):
            raise
        raise errors.PipelineError(
            f"Expected Spark to run to the end, got {_one_line(said)}.",
            hint=_MORE_MEMORY if not isinstance(error, Py4JJavaError) or _SHORT.search(said) else "",
        ) from error


_SHORT = re.compile("OutOfMemory|shut down")
_MORE_MEMORY = (
    "It may need more memory: spark.settings: {spark.driver.memory: 8g} in the pipeline file, spark.executor.memory on "
    "a cluster; a session of your own gets it where you start it, in a new Python."
)


def _said(error: Exception) -> str:
    """Return the text of an error; that of Java's own is with Java, which may be gone."""
    try:
        text = error.java_exception.toString() if isinstance(error, Py4JJavaError) else str(error)
    except _GONE:
        text = getattr(error, "errmsg", "")
    return str(text).strip() or type(error).__name__


def _one_line(said: str) -> str:
    return said.splitlines()[0].removesuffix(".")


@contextmanager
def _one_core() -> Iterator[None]:
    """A task has one core."""
    before = os.environ.get("SMARTACCOUNTS_THREADS")
    os.environ["SMARTACCOUNTS_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SMARTACCOUNTS_THREADS"]
        else:
            os.environ["SMARTACCOUNTS_THREADS"] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what PySpark says of pandas 3: no frame of pandas goes through it here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        yield
