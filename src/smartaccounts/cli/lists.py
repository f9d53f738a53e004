"""Commands about lists: demo and predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import (
    AsJson,
    AsOf,
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
    from smartaccounts.growth_list.ranked import GrowthList
    from smartaccounts.outputs.database import Table
    from smartaccounts.workflow.predict import Predicted

MODELS = Path("models")
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="REF", help="A bundle folder, champion, challenger, a version or a run id."),
]
Previous = Annotated[
    Path | None,
    typer.Option(
        "--previous", metavar="DIR", help="The folder of the list before; else the latest one beside --out is taken."
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="URL", help="Write into a database too: postgresql://USER@HOST/DATABASE, with --table."
    ),
]
TableName = Annotated[
    str | None,
    typer.Option("--table", metavar="NAME", help="The table, NAME or SCHEMA.NAME; made where it is missing."),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="So long for another run that writes into --out.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(demo)
    app.command()(predict)


def demo(out: Out = Path("data/demo"), verbose: Verbose = False) -> None:
    """Simulate a supplier, train, and leave a growth list to open: the whole job in one go."""
    from smartaccounts.workflow.demo import run_demo

    with progress("Demo", verbose=verbose) as step:
        made = run_demo(out, step=step)
    typer.echo(f"Simulated {made.simulation.line_count:,} order lines: {made.simulation.lines}")
    _say(made.predicted, out)
    _top(made.predicted.growth_list, 10)
    typer.echo(f"Open the list: {out / 'growth_list.html'}")


def predict(
    pipeline: PipelineFile,
    as_of: AsOf,
    out: Out,
    model: Model = None,
    previous: Previous = None,
    to: To = None,
    table_name: TableName = None,
    wait: Wait = 60,
    memory: Memory = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Write the growth list of one as_of date: who will realistically grow into a key account."""
    from smartaccounts.workflow.predict import Wanted
    from smartaccounts.workflow.predict import predict as predicted
    from smartaccounts.workflow.service import bundle_of

    opened_pipeline, day = opened(pipeline, overrides), dates([as_of])[0]
    wanted = Wanted(previous=previous, table=_table(to, table_name), wait=wait, memory=memory)
    with progress("Predict", verbose=verbose) as step:
        bundle = bundle_of(opened_pipeline, model, models=MODELS)
        made = predicted(opened_pipeline, day, bundle, out, wanted=wanted, step=step)
    if as_json:
        print_json(made.run)
        return
    _say(made, out)
    if wanted.table is not None:
        say(f"Written into {wanted.table.said}: {len(made.growth_list.frame):,} rows.")
    _top(made.growth_list, 10)
    typer.echo(f"Open the list: {out / 'growth_list.html'}")


def _table(to: str | None, name: str | None) -> Table | None:
    """Return the table that --to and --table name together; None without."""
    from smartaccounts.errors import PipelineError
    from smartaccounts.outputs.database import table_at

    if to is None and name is None:
        return None
    if to is None or name is None:
        given, other = ("--to", "--table") if name is None else ("--table", "--to")
        raise PipelineError(
            f"Expected --to and --table together, got {given} alone.", hint=f"Add {other}, or leave {given} out."
        )
    return table_at(to, name)


def _say(made: Predicted, out: Path) -> None:
    """Say what the list is, how sure it is, and what it rests on."""
    from smartaccounts.growth_list.words import words
    from smartaccounts.outputs.summary import marks, summary

    facts, rows = made.facts, made.run["rows"]
    told = summary(facts, words("en"))
    rejected = rows["rows_in"] - rows["rows_out"]
    said = [
        f"{facts.eligible:,} small customers ranked as of {facts.as_of}, {facts.listed} listed: {out}",
        f"Order lines: {rows['rows_in']:,} in, {rows['rows_out']:,} used, {rejected:,} left out (reasons in run.json).",
        told.base_rate,
        told.expectation,
        marks(made.growth_list.frame, facts, words("en")),
        told.reliability,
        facts.verdict,
        *(f"Note: {n}" for n in facts.notes),
        *(f"Note: {w}" for w in facts.warnings),
        f"Model: {facts.model_version}",
    ]
    for line in filter(None, said):
        say(line)


def _top(growth_list: GrowthList, most: int) -> None:
    from smartaccounts.growth_list.words import words
    from smartaccounts.outputs.shown import missing

    listed = growth_list.frame[growth_list.frame["listed"]]
    rows = listed.head(most)
    several = growth_list.frame["market"].nunique() > 1
    named = not listed["name"].map(missing).all()
    head = [
        "rank",
        *(["market"] if several else []),
        *(["name"] if named else []),
        "customer",
        "chance",
        "12 months",
        "before",
        "first reason",
    ]
    body = [
        [
            str(r["rank"]),
            *([r["market"]] if several else []),
            *(["" if missing(r["name"]) else r["name"]] if named else []),
            r["customer_id"],
            "" if r["probability"] != r["probability"] else words("en").write(r["probability"], "chance"),
            f"{r['spend_12m']:,.0f}",
            f"{r['spend_prior_12m']:,.0f}",
            (r["reasons_for"] or [""])[0].partition("; ")[0],  # with whom it is compared is in the list
        ]
        for r in rows.to_dict("records")
    ]
    table(f"The first {len(body)} of {len(listed)} listed", head, body, right=("rank", "chance", "12 months", "before"))
