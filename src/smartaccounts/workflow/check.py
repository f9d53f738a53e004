"""The quality report of a pipeline's source, where its engine has the lines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import PipelineError
from smartaccounts.orders.check import Quality, check
from smartaccounts.orders.check_on_spark import check_on_spark
from smartaccounts.orders.read import write_rejected
from smartaccounts.workflow.lines import session


def checked(
    pipeline: Pipeline, *, as_of: date | None = None, rejected: Path | None = None, memory: str | None = None
) -> Quality:
    """Report on the source of a pipeline, here or on Spark; rejected: a file for the rejected lines.

    memory: as in `order_lines`. Errors as in `check`; PipelineError also where rejected lines are asked for on Spark.
    """
    if pipeline.engine == "spark":
        if rejected is not None:
            raise PipelineError(
                f"Expected engine: embedded, got engine: spark in {pipeline.name!r} for --rejected.",
                hint="Leave --rejected out: the report shows examples of each reason.",
            )
        with session(pipeline) as spark:
            return check_on_spark(pipeline, spark, as_of=as_of)
    with Engine(memory) as engine:
        made = check(pipeline, engine, as_of=as_of)
        if rejected is not None:
            write_rejected(pipeline, engine, rejected)
        return made
