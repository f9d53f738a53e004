"""The command that searches for settings: tune."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import (
    AsJson,
    AsOf,
    Memory,
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
    from smartaccounts.evaluation.choice import Choice
    from smartaccounts.workflow.tune import Tuned


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(tune)


def tune(
    pipeline: PipelineFile,
    as_of: AsOf,
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", min=1, help="How many in all, those of earlier calls among them.")
    ] = 50,
    minutes: Annotated[
        float | None, typer.Option("--minutes", metavar="M", min=0, help="Begin no trial after so many minutes.")
    ] = None,
    memory: Memory = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Search for the growth model's settings on past dates; the last horizon before as_of is never seen."""
    from smartaccounts.workflow.tune import tune as tuned

    opened_pipeline, day = opened(pipeline, overrides), dates([as_of])[0]
    with progress("Tune", verbose=verbose) as step:
        made = tuned(opened_pipeline, day, trials=trials, minutes=minutes, memory=memory, step=step)
    if as_json:
        print_json(made.as_json())
        return
    _say(made)


def _say(made: Tuned) -> None:
    choice, tuning = made.choice, made.tuning
    dates_said = ", ".join(str(d) for d in sorted(tuning.cut_offs))
    say(
        f"{made.counted} trials ({made.pruned} stopped early) on past dates: {dates_said}. "
        f"Nothing known on {tuning.tuned_before} or later was seen."
    )
    for warning in made.warnings:
        say(f"Note: {warning}")
    say(
        "Average precision over that of the best ranking by past spend, geometric mean over dates and markets: "
        f"present settings {math.exp(choice.present.value):.3f} x {tuning.best_plain}, "
        f"best (trial {choice.best.number}) {math.exp(choice.best.value):.3f} x."
    )
    if choice.changes:
        now = choice.present.settings
        rows = [[name, f"{now[name]:g}", f"{value:g}"] for name, value in choice.changes.items()]
        table("", ["setting", "present", "best"], rows, right=("present", "best"))
    for sentence in _honest(choice, made.counted):
        say(sentence)
    if choice.better:
        typer.echo("To use the best, paste below `model:` in the pipeline file:\n")
        typer.echo(textwrap.indent(made.yaml, "  "))


def _honest(choice: Choice, count: int) -> Iterator[str]:
    """Say how much of it to believe."""
    yield (
        f"The best of {count} trials was picked on these dates and is flattered by that; the gate judges on later ones."
    )
    if math.isnan(choice.gain):
        yield "One date cannot tell a gain from noise: keep the present settings."
        return
    yield (
        "Picked on all dates but one and measured at that one, the choice was "
        f"{math.exp(choice.gain):.3f} x as good as the present settings, "
        f"{math.exp(choice.low):.3f} x or more with 95% confidence."
    )
    if not choice.better:
        yield "That is not more than the noise: keep the present settings."
