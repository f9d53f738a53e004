"""Spark's door: what a function may rely on in a worker, and what becomes of an error there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from smartaccounts.engine.threads import threads
from smartaccounts.errors import InputError, PipelineError

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


class Ending:
    """A session whose Java process is gone in the middle: nothing that is asked of it answers."""

    def __init__(self, **_: Any) -> None:
        pass

    def close(self) -> None:
        raise ConnectionRefusedError(111, "Connection refused")


def test_a_spark_that_ends_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = pytest.importorskip("smartaccounts.engine.spark")
    protocol = pytest.importorskip("py4j.protocol")
    monkeypatch.setattr(engine, "Spark", Ending)
    with (
        pytest.raises(PipelineError, match="got Answer from Java side is empty") as said,
        engine.opened(master="local[1]", settings={}),
    ):
        raise protocol.Py4JNetworkError("Answer from Java side is empty")
    assert "spark.driver.memory" in said.value.hint
