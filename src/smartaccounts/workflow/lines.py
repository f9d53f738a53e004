"""The order lines of a pipeline, where its engine has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import smartaccounts.features.from_spark  # noqa: F401 - it says how a snapshot is made of lines there
from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.contract import Lines
from smartaccounts.orders.on_spark import SparkLines, read_on_spark
from smartaccounts.orders.read import read, read_in_place

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Spark

LARGE = 10_000_000
"""From so many lines on a copy is no faster to work with, and takes twice the memory."""


@contextmanager
def order_lines(pipeline: Pipeline, *, once: bool = False, memory: str | None = None) -> Iterator[Lines]:
    """Read the source of a pipeline, here or on Spark; the lines are there inside the block. Errors as in `read`.

    once: for one snapshot; Parquet of LARGE or more lines is then read where it lies (`read_in_place`). memory: as in
    `engine.memory.memory_bytes`, of this process: Spark has settings of its own.
    """
    if pipeline.engine == "spark":
        with spark_lines(pipeline, memory) as lines:
            yield lines
    else:
        with (
            Engine(memory) as engine,
            read_in_place(pipeline, engine, least=LARGE) if once else nullcontext(read(pipeline, engine)) as lines,
        ):
            yield lines


@contextmanager
def spark_lines(pipeline: Pipeline, memory: str | None = None) -> Iterator[SparkLines]:
    """Read the source of a pipeline on the `session`; memory as in `order_lines`. Errors as in `read`."""
    with Engine(memory) as engine, session(pipeline) as spark, read_on_spark(pipeline, spark, engine) as lines:
        yield lines


@contextmanager
def session(pipeline: Pipeline) -> Iterator[Spark]:
    """Yield the session of Spark that is active, else one of its own for the block."""
    from smartaccounts.engine.spark import opened  # noqa: PLC0415 - an extra that not everybody has

    with opened(master=pipeline.spark.master, settings=pipeline.spark.settings) as spark:
        yield spark
