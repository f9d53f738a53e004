"""The command compare: trainings beside the champion, and all rankers over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import (
    AsJson,
    Overrides,
    PipelineFile,
    Verbose,
    dates,
    opened,
    print_json,
    progress,
    say,
    table,
)

if TYPE_CHECKING:
    from smartaccounts.evaluation.intervals import Interval
    from smartaccounts.evaluation.selection import Selection
    from smartaccounts.workflow.compare import Standing


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(compare)


def compare(
    pipeline: PipelineFile,
    over_time: Annotated[
        bool, typer.Option("--over-time", help="Follow all rankers over past dates; leaves selection.html in --out.")
    ] = False,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="A date to follow; may be repeated. Default: every month."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the figure or report there.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Print the leaderboard of a pipeline: every training beside the champion; or follow all rankers over time."""
    if not over_time:
        if as_of:
            raise typer.BadParameter("Expected --over-time with --as-of, got --as-of alone.")
        _leaderboard(pipeline, out, overrides, as_json=as_json)
        return
    if out is None:
        raise typer.BadParameter("Expected --out DIR with --over-time, got none: the report is a page.")
    from smartaccounts.evaluation.selection import as_json as said
    from smartaccounts.workflow.selection import PAGE, run_selection

    opened_pipeline, days = opened(pipeline, overrides), dates(as_of or [])
    with progress("Over time", verbose=verbose) as step:
        found, words = run_selection(opened_pipeline, days, out, step=step)
    if as_json:
        print_json(said(found) | {"summary": list(words)})
        return
    _print_selection(found)
    for sentence in words:
        say(sentence, width=80)
    typer.echo(f"Report: {out / PAGE}")


def _print_selection(found: Selection) -> None:
    head = [
        "ranker",
        "avg\nprec",
        "lift\n2%",
        "best\nat",
        "within\n10%",
        "mean\nregret",
        "worst\nregret",
        "listed\nagain",
    ]
    rows = [
        [
            f.ranker,
            _plain(f.average_precision.value),
            _plain(f.lift.value, ".1f"),
            str(f.best_at),
            _plain(f.near_share, ".0%"),
            _plain(f.mean_regret),
            _plain(f.worst_regret),
            _plain(f.kept_share, ".0%"),
        ]
        for f in [*found.ranked, *(f for f in found.followed if f not in found.ranked)]
    ]
    typer.echo(f"{found.pipeline}: {len(found.dates)} past dates from {found.dates[0]} to {found.dates[-1]}")
    table("", head, rows, right=tuple(head[1:]))


def _plain(value: float, form: str = ".3f") -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def _leaderboard(file: Path, out: Path | None, overrides: list[str] | None, *, as_json: bool) -> None:
    from smartaccounts.outputs.staged import check_folder
    from smartaccounts.workflow.compare import as_json as said
    from smartaccounts.workflow.compare import standings, write_figure

    opened_pipeline = opened(file, overrides)
    if out is not None:
        check_folder(out)
    found = standings(opened_pipeline)
    figure = None if out is None else write_figure(found, opened_pipeline, out)
    if as_json:
        print_json(said(found))
        return
    _print(found)
    if figure is not None:
        typer.echo(f"Figure: {figure}")


def _print(found: Sequence[Standing]) -> None:
    head = [
        "ver.", "in service", "ranker", "as of,\ntrained", "avg\nprec", "to best\nplain", "to champion",
        "wins",
    ]  # fmt: skip
    body = []
    for s in found:
        row, compared = s.row, s.against.comparison
        body.append(
            [
                str(row.version or ""),
                ", ".join(row.aliases),
                row.ranker,
                f"{row.as_of}\n{row.created:%Y-%m-%d}",
                _number(row.metrics.get("average_precision"), 3),
                _number(row.metrics.get("ratio_to_best_plain"), 2),
                "" if compared is None else _difference(compared.difference, paired=s.against.paired),
                "" if compared is None or math.isnan(compared.better_share) else f"{compared.better_share:.0%}",
            ]
        )
    table("Trainings, the latest first", head, body, right=("ver.", *head[3:]))
    typer.echo(
        "to champion: difference in average precision over the dates that both were judged\n"
        "at, with its 90% interval over draws of customers. wins: share of the draws."
    )
    if any(s.against.comparison and not s.against.paired for s in found):
        typer.echo("* not paired: other dates or data, so the interval is wider than it need be.")
    for s in found:
        if s.against.comparison is None and not s.champion:
            typer.echo(f"Version {s.row.version or s.row.run_id} without a difference: {s.against.reason}.")


def _difference(interval: Interval, *, paired: bool) -> str:
    ends = "" if math.isnan(interval.low) else f"\n{interval.low:+.3f}..{interval.high:+.3f}"
    return f"{interval.value:+.3f}{'' if paired else ' *'}{ends}"


def _number(measured: Interval | None, digits: int) -> str:
    return "" if measured is None or math.isnan(measured.value) else f"{measured.value:.{digits}f}"
