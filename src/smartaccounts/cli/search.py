"""The command that searches for settings: tune."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import (
    AsJson,
    AsOf,
    Overrides,
    PipelineFile,
    Verbose,
    dates,
    opened,
    print_json,
    progress,
)

if TYPE_CHECKING:
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
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Search for the growth model's settings on past dates; the last horizon before as_of is never seen."""
    from smartaccounts.workflow.tune import tune as tuned

    opened_pipeline, day = opened(pipeline, overrides), dates([as_of])[0]
    with progress("Tune", verbose=verbose) as step:
        made = tuned(opened_pipeline, day, trials=trials, minutes=minutes, step=step)
    if as_json:
        print_json(made.as_json() | {"model": made.yaml})
        return
    _say(made)


def _say(made: Tuned) -> None:
    choice = made.choice
    pruned = sum(t.state == "pruned" for t in made.trials)
    count = len(made.cut_offs)
    dates_said = f"{count} past date{'s' if count > 1 else ''} ({', '.join(map(str, made.cut_offs))})"
    typer.echo(f"{made.counted} trials ({pruned} stopped early) on {dates_said};")
    typer.echo(f"nothing known on {made.tuned_before} or later was seen.")
    for warning in made.warnings:
        typer.echo(f"Note: {warning}")
    typer.echo("Average precision against the best ranking by past spend, geometric mean over dates and markets:")
    typer.echo(f"  present settings  {math.exp(choice.present.value):.3f} x {made.best_plain}")
    typer.echo(f"  best of the trials {math.exp(choice.best.value):.3f} x, number {choice.best.number}")
    for name, value in choice.changes.items():
        typer.echo(f"    {name}: {choice.present.settings[name]:g} -> {value:g}")
    typer.echo(
        f"The best of {made.counted} trials was picked on these dates, and is flattered by that; "
        "the gate judges on later ones."
    )
    if not math.isnan(choice.gain):
        typer.echo(
            "Picked on all dates but one and measured at that one, the choice gave "
            f"{math.exp(choice.gain):.3f} x the present settings (95% sure of {math.exp(choice.low):.3f} x or more)."
        )
    if not choice.better:
        typer.echo("That is not more than the noise: keep the present settings.")
        return
    typer.echo("To use them, paste below `model:` in the pipeline file:\n")
    typer.echo("".join(f"  {line}\n" for line in made.yaml.splitlines()))
