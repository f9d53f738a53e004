"""Backtest a pipeline and write what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.figures import save
from smartaccounts.evaluation.lending import lenders
from smartaccounts.evaluation.served import backtest_served
from smartaccounts.evaluation.summary import as_json
from smartaccounts.growth_list.words import words
from smartaccounts.outputs.drawings import drawings
from smartaccounts.outputs.staged import check_folder, staged
from smartaccounts.outputs.tables import write_json, write_parquet
from smartaccounts.workflow.extra import checked_extra
from smartaccounts.workflow.lines import order_lines
from smartaccounts.workflow.rankers import rankers


def run_backtest(
    pipeline: Pipeline,
    as_ofs: Sequence[date],
    out: Path,
    *,
    memory: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Read the lines, walk forward over `as_ofs`, write scores.parquet, metrics.json and the figures into `out`.

    memory: as in `order_lines`.
    """
    check_folder(out)
    checked_extra(pipeline)
    with lenders(pipeline, memory=memory) as others, order_lines(pipeline, memory=memory) as lines:
        step("order lines read")
        result = backtest_served(lines, as_ofs, pipeline, rankers(pipeline), lenders=others, step=step)
    with staged(out) as folder:
        write_parquet(result.scores(), folder / "scores.parquet")
        write_json(as_json(result, worded=words("en").note), folder / "metrics.json")
        for name, figure in drawings(result).items():
            save(figure, folder / f"{name}.png")
    return result
