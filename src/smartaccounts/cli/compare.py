"""The command compare: trainings beside the champion, and all rankers over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import AsJson, Overrides, PipelineFile, opened, print_json, table

if TYPE_CHECKING:
    from smartaccounts.evaluation.bootstrap import Interval
    from smartaccounts.workflow.compare import Standing


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(compare)


def compare(
    pipeline: PipelineFile,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the figure or report there.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Print the leaderboard of a pipeline: every training, what it measured, and its difference to the champion."""
    _leaderboard(pipeline, out, overrides, as_json=as_json)


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
