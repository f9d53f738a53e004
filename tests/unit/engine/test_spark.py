"""Spark's door: what a function may rely on in a worker, and what becomes of an error there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from smartaccounts.engine.threads import threads
from smartaccounts.errors import HistoryError, InputError, PipelineError

pytestmark = pytest.mark.slow

SEEN = pa.schema([("part", pa.int32()), ("process", pa.int64()), ("cores", pa.int32()), ("rows", pa.int64())])


def seen(part: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    rows = sum(b.num_rows for b in batches)
    yield pa.table({"part": [part], "process": [os.getppid()], "cores": [threads()], "rows": [rows]})


def refusing(part: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    raise InputError("Expected less,\ngot more.", hint="Give less.")
    yield


def failing(part: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    raise ZeroDivisionError
    yield


def test_parts_are_worked_by_several_processes_with_one_core_each(cluster: Any) -> None:
    keys = pa.array([min(i, 5) for i in range(1000)], pa.int32())
    rows = cluster.made(pa.table({"key": keys})).apart("key", parts=6).mapped(seen, SEEN).arrow().sort_by("part")
    assert rows["part"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert rows["rows"].to_pylist() == [1, 1, 1, 1, 1, 995]
    assert set(rows["cores"].to_pylist()) == {1}
    assert os.getpid() not in rows["process"].to_pylist()
    assert len(set(rows["process"].to_pylist())) == 2


@pytest.mark.parametrize(("fetched", "parts"), [(1000, 2), (250_000, 5)])
def test_kept_rows_are_read_in_few_parts_but_not_in_large_ones(cluster: Any, fetched: int, parts: int) -> None:
    keys = pa.array([i % 6 for i in range(1000)], pa.int32())
    with cluster.made(pa.table({"key": keys})).apart("key", parts=6).kept() as laid:
        assert laid.rows() == 1000
        rows = laid.in_few(fetched).mapped(seen, SEEN).arrow()
    assert rows["part"].sort().to_pylist() == [*range(parts)]
    assert sum(rows["rows"].to_pylist()) == 1000


class Connected:
    """A session of Spark Connect as far as it is asked: it has no context."""

    def __init__(self, shuffled: str) -> None:
        self.conf = {"spark.sql.shuffle.partitions": shuffled}

    @property
    def sparkContext(self) -> Any:  # noqa: N802 - Spark's name
        from pyspark.errors import PySparkAttributeError  # noqa: PLC0415 - an extra that not everybody has

        raise PySparkAttributeError(errorClass="JVM_ATTRIBUTE_NOT_SUPPORTED", messageParameters={"attr_name": "it"})


@pytest.mark.parametrize(("shuffled", "parts"), [("8", 8), ("auto", 200)])
def test_over_connect_there_are_as_many_parts_as_it_shuffles_into(cluster: Any, shuffled: str, parts: int) -> None:
    from smartaccounts.engine.spark import _cores  # noqa: PLC0415 - an extra that not everybody has

    assert _cores(Connected(shuffled)) == parts


def test_an_error_of_ours_in_a_worker_is_the_same_error_here(cluster: Any) -> None:
    rows = cluster.made(pa.table({"key": [1]}))
    with pytest.raises(InputError) as said:
        rows.mapped(refusing, SEEN).arrow()
    assert str(said.value) == "Expected less,\ngot more.\nHint: Give less."
    with pytest.raises(Exception, match="ZeroDivisionError"):
        rows.mapped(failing, SEEN).arrow()


def test_an_open_session_is_taken_and_left_open(cluster: Any) -> None:
    from smartaccounts.engine.spark import opened  # noqa: PLC0415 - an extra that not everybody has

    with opened(master="local[7]", settings={}) as spark:
        assert spark.session is cluster.session
    assert cluster.made(pa.table({"key": [1, 2]})).rows() == 2


class Said:
    """An exception of Java's, as long as Java is there to be asked."""

    _target_id = "o1"

    def __init__(self, text: str | None) -> None:
        self.text = text

    def toString(self) -> str:  # noqa: N802 - Java's name
        if self.text is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.text


def java(text: str | None) -> Exception:
    made: Exception = pytest.importorskip("py4j.protocol").Py4JJavaError("An error occurred.", Said(text))
    return made


@pytest.mark.parametrize(
    ("make", "said", "memory"),
    [
        (lambda: java("java.lang.OutOfMemoryError: Java heap space"), "got java.lang.OutOfMemoryError: Java", True),
        (lambda: java("java.io.IOException: No space left\n\tat x"), "got java.io.IOException: No space left.", False),
        (lambda: java(None), "got An error occurred.", False),
        (lambda: ConnectionRefusedError(111, "Connection refused"), "Connection refused", True),
        (EOFError, "got EOFError.", True),
    ],
    ids=["heap", "disk", "gone", "refused", "end"],
)
def test_what_java_says_is_said(make: Any, said: str, *, memory: bool) -> None:
    engine = pytest.importorskip("smartaccounts.engine.spark")
    with pytest.raises(PipelineError, match=said) as raised, engine.explained():
        raise make()
    assert ("spark.driver.memory" in raised.value.hint) == memory


def test_a_source_that_java_cannot_reach_is_named() -> None:
    engine = pytest.importorskip("smartaccounts.engine.spark")
    with (
        pytest.raises(InputError, match=r"got java\.lang\.ClassNotFoundException: S3A in s3a://a/b"),
        engine.explained("s3a://a/b"),
    ):
        raise java("java.lang.ClassNotFoundException: S3A")


class Ended:
    """A session, and a frame of one, whose Java is gone: nothing that is asked of it answers."""

    def persist(self, _: Any) -> None:
        pass

    def unpersist(self) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    stop = unpersist


@pytest.mark.parametrize("error", [HistoryError("Expected history, got none."), KeyboardInterrupt()])
def test_what_went_wrong_first_is_what_is_said(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    engine = pytest.importorskip("smartaccounts.engine.spark")
    monkeypatch.setattr(engine.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(engine.SparkSession, "_instantiatedSession", None)
    monkeypatch.setattr(engine, "_started", lambda *_: Ended())
    with (
        pytest.raises(type(error)) as raised,
        engine.opened(master="local[1]", settings={}),
        engine.Frame(Ended()).kept(),
    ):
        raise error
    assert raised.value is error
