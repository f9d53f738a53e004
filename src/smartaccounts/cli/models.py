"""Commands about models: backtest, train, promote, rollback."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.lists import MODELS
from smartaccounts.cli.terminal import (
    AsJson,
    AsOf,
    AsOfs,
    Memory,
    Out,
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
    from smartaccounts.evaluation.backtest import Backtest
    from smartaccounts.evaluation.intervals import Interval

Ref = Annotated[str, typer.Option("--model", metavar="REF", help="challenger, a version number or a run id.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (backtest, train, promote, rollback):
        app.command()(command)


def backtest(
    pipeline: PipelineFile,
    as_of: AsOfs,
    out: Out,
    memory: Memory = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Walk forward over past dates: how good would the lists have been, beside every plain ranking?"""
    from smartaccounts.evaluation.summary import as_json as said
    from smartaccounts.growth_list.words import words
    from smartaccounts.workflow.backtest import run_backtest

    opened_pipeline, days = opened(pipeline, overrides), dates(as_of)
    with progress("Backtest", verbose=verbose) as step:
        result = run_backtest(opened_pipeline, days, out, memory=memory, step=step)
    if as_json:
        print_json(said(result, worded=words("en").note))
        return
    _print_backtest(result)
    typer.echo(f"Scores, metrics and figures: {out}")


def _print_backtest(result: Backtest) -> None:
    from smartaccounts.evaluation.expectation import stated

    if not result.judged:
        typer.echo("Scored; no outcome is known yet, so nothing is measured.")
        return
    k = result.capacity
    columns = {
        "avg prec": "average_precision",
        "AUC": "auc",
        f"top {k}": f"precision_at_{k}",
        "lift 2%": "lift_at_2pct",
        "in 10%": "found_at_10pct",
        "exp/seen": "expected_over_observed",
    }
    ranked = sorted(result.judged_rankers, key=lambda r: -result.mean(r, "average_precision").value)
    rows = [
        [r + (" *" if r == result.best_plain else ""), *(_shown(result.mean(r, m)) for m in columns.values())]
        for r in ranked
    ]
    judged = len(result.judged)
    eligible = sum(len(t.rows) for t in result.judged) / judged
    base = sum(float(t.rows["target"].mean()) for t in result.judged) / judged
    typer.echo(f"{result.pipeline}: {judged} past dates, {eligible:,.0f} eligible on average, base rate {base:.2%}")
    table("", ["ranker", *columns], rows, right=tuple(columns))
    typer.echo(
        "Means over the dates; below them the 90% interval over draws of customers.\n"
        f"avg prec: average precision. top {k}: share of the first {k} that became key accounts.\n"
        "lift 2%: how many times the base rate the first 2% hold. in 10%: share of all key\n"
        "accounts found in the first 10%. exp/seen: predicted over actual key accounts.\n"
        "* the best ranking by past spend: the bar."
    )
    if result.best_plain and result.measured and "growth" in result.judged_rankers:
        ratio = result.measured.compare("growth", result.best_plain, "average_precision").ratio
        typer.echo(
            f"The growth model's lists are {ratio.value:.2f} x as good as {result.best_plain}'s "
            f"(average precision; 90% interval {ratio.low:.2f} to {ratio.high:.2f})."
        )
    for ranker in ("growth", "served"):
        if said := stated(result).get(ranker):
            held = sum(s.first.holds(s.came_first) for s in said)
            say(
                f"{ranker}: {sum(s.first.mean for s in said):,.0f} key accounts expected in all lists of {k}, "
                f"{sum(s.came_first for s in said):,} came; the 80% range held at {held} of {judged} dates."
            )
    for tested in result.tested:
        if tested.served:
            say(f"{tested.fold.test}: {tested.served}")
        for ranker, reason in tested.left_out.items():
            say(f"{tested.fold.test} without {ranker}: {reason}")


def _shown(interval: Interval) -> str:
    """A mean with its interval below it, in nine characters' width."""
    if math.isnan(interval.value):
        return "-"
    digits = 3 if interval.high < 1 else 2 if interval.high < 10 else 1
    if math.isnan(interval.high):
        return f"{interval.value:.3f}"
    ends = (f"{end:.{min(digits, 2)}f}" for end in (interval.low, interval.high))
    return f"{interval.value:.{digits}f}\n{'-'.join(ends)}"


def train(
    pipeline: PipelineFile,
    as_of: AsOf,
    promote: Annotated[bool, typer.Option("--promote", help="Put it in service if the gate finds it better.")] = False,
    memory: Memory = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Fit, calibrate, judge, log to MLflow and register; the first training leaves a model in service."""
    from smartaccounts.workflow.service import put_in_service, recipe_in_service
    from smartaccounts.workflow.train import fit

    opened_pipeline, day = opened(pipeline, overrides), dates([as_of])[0]
    with progress("Train", verbose=verbose) as step:
        champion = recipe_in_service(opened_pipeline)
        trained = fit(opened_pipeline, day, champion=champion, memory=memory, step=step)
        served = put_in_service(trained, opened_pipeline, models=MODELS, promote_it=promote)
    if as_json:
        print_json(served.as_json() | {"verdict": trained.verdict.as_json()})
    else:
        for problem in trained.problems:
            if problem.severity != "tells":
                typer.echo(f"Data: {problem.text}")
        typer.echo(trained.verdict.sentence)
        typer.echo(served.sentence)
    if promote and not trained.verdict.better:
        raise typer.Exit(1)


def promote(
    pipeline: PipelineFile,
    model: Ref = "challenger",
    force: Annotated[
        bool, typer.Option("--force", help="Also where a plain ranking is better; this is recorded.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Put a model in service: predict uses it from now on. Exit 1 where a plain ranking is better."""
    from smartaccounts.workflow.service import promote_ref

    said = promote_ref(opened(pipeline, overrides), model, models=MODELS, force=force)
    typer.echo(said.sentence)
    if not said.done:
        raise typer.Exit(1)


def rollback(pipeline: PipelineFile, overrides: Overrides = None) -> None:
    """Take the model in service back to the one before it."""
    from smartaccounts.workflow.service import roll_back

    typer.echo(roll_back(opened(pipeline, overrides), models=MODELS).sentence)
