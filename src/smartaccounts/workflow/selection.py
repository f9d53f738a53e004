"""Follow all rankers of a pipeline over time, and leave a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import backtest
from smartaccounts.evaluation.lending import Lender, lenders, lends
from smartaccounts.evaluation.selection import Selection, as_json, selection
from smartaccounts.evaluation.selection_figures import figures
from smartaccounts.evaluation.selection_words import summary
from smartaccounts.orders.contract import Lines
from smartaccounts.orders.digest import digest
from smartaccounts.outputs.selection_page import page
from smartaccounts.outputs.staged import check_folder, staged
from smartaccounts.timeline import from_day_number, training_dates
from smartaccounts.tracking.report import Report, log_report
from smartaccounts.tracking.store import store_at
from smartaccounts.workflow.lines import order_lines
from smartaccounts.workflow.rankers import rankers

PAGE = "selection.html"


def run_selection(
    pipeline: Pipeline, as_ofs: Sequence[date], out: Path, *, step: Callable[[str], None] = lambda _: None
) -> tuple[Selection, tuple[str, ...]]:
    """Walk forward over `as_ofs` (none: `selection_dates`) with every ranker; write `out`/selection.html and log it.

    Returns what was found, and its summary in words. HistoryError where there is no date to judge.
    """
    check_folder(out)
    store = store_at()
    with lenders(pipeline) as others, order_lines(pipeline) as lines:
        step("order lines read")
        dates = list(as_ofs) or selection_dates(lines, pipeline, others)
        result = backtest(lines, dates, pipeline, rankers(pipeline), lenders=others, step=step)
        data = digest(lines, known_before=from_day_number(lines.last_day + 1))
    found = selection(result)
    words = summary(found, result)
    text = page(found, words)
    with staged(out) as folder:
        (folder / PAGE).write_text(text, encoding="utf-8")
    step("page written")
    report = Report(
        pipeline=pipeline.name,
        kind="selection",
        name=f"selection {found.dates[0]} to {found.dates[-1]}",
        description=" ".join(words),
        metrics={f"mean_regret/{f.ranker}": f.mean_regret for f in found.followed},
        digests={"order_lines": data},
        figures=figures(found),
        artifacts={PAGE: text, "selection.json": as_json(found)},
    )
    log_report(store, report)
    step("logged")
    return found, words


def selection_dates(lines: Lines, pipeline: Pipeline, others: Sequence[Lender] = ()) -> list[date]:
    """Return every first of a month whose horizon is over by the last line and that has training dates before it.

    Those for which `others` lend count as well.
    """
    horizon, end = pipeline.target.horizon_days, from_day_number(lines.last_day + 1)
    first = from_day_number(lines.first_day)
    possible = training_dates(end, first_day=first, horizon_days=horizon)
    found = [
        d
        for d in possible
        if training_dates(d, first_day=lines.first_known(d), horizon_days=horizon) or lends(others, d)
    ]
    if not found:
        raise HistoryError(
            f"Expected a first of a month with {horizon} days after it and a horizon that was over before it, got none "
            f"in a source from {first} to {from_day_number(lines.last_day)}.",
            hint=f"It takes about {3 * horizon} days of history; lower target.horizon_days or bring older lines.",
        )
    return found
