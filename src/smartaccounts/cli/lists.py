"""Commands about lists: demo and predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartaccounts.cli.terminal import (
    AsJson,
    AsOf,
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
    _say(made.predicted.run, out)
    _top(made.predicted.growth_list, 10)
    typer.echo(f"Open the list: {out / 'growth_list.csv'}")


def predict(
    pipeline: PipelineFile,
    as_of: AsOf,
    out: Out,
    model: Model = None,
    previous: Previous = None,
    to: To = None,
    table_name: TableName = None,
    wait: Wait = 60,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Write the growth list of one as_of date: who will realistically grow into a key account."""
    from smartaccounts.workflow.predict import Wanted
    from smartaccounts.workflow.predict import predict as predicted
    from smartaccounts.workflow.service import bundle_of

    opened_pipeline, day = opened(pipeline, overrides), dates([as_of])[0]
    wanted = Wanted(previous, _table(to, table_name), wait)
    with progress("Predict", verbose=verbose) as step:
        bundle = bundle_of(opened_pipeline, model, models=MODELS)
        made = predicted(opened_pipeline, day, bundle, out, wanted=wanted, step=step)
    if as_json:
        print_json(made.run)
        return
    _say(made.run, out)
    if wanted.table is not None:
        say(f"Written into {wanted.table.said}: {len(made.growth_list.frame):,} rows.")
    _top(made.growth_list, 10)


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


def _say(run: dict[str, Any], out: Path) -> None:
    """Say what the list is, how sure it is, and what it rests on."""
    months = round(run["horizon_days"] / 30.4)
    rows = run["rows"]
    rejected = rows["rows_in"] - rows["rows_out"]
    said = [
        f"{run['eligible']:,} small customers ranked as of {run['as_of']}, the first {run['listed']} listed: {out}",
        f"Order lines: {rows['rows_in']:,} in, {rows['rows_out']:,} used, {rejected:,} left out (reasons in run.json).",
    ]
    if run["base_rate"] is not None:
        grown = f"{1000 * run['base_rate']:.0f}"
        said.append(f"Base rate: of 1,000 such customers, {grown} became key accounts within {months} months.")
    if run["expected_key_accounts_listed"] is not None:
        expected, random = run["expected_key_accounts_listed"], run["expected_key_accounts_random"]
        low, high = run["expected_key_accounts_range"]
        said.append(
            f"Of the {run['listed']} listed, expect about {expected:.0f} ({low} to {high} in four cases of five); "
            f"of as many at random, {random:.1f}."
        )
    said += [
        run["verdict"],
        *(f"Note: {n}." for n in run["notes"]),
        *(f"Note: {w}" for w in run["warnings"]),
        f"Model: {run['model_version']}",
    ]
    for line in said:
        say(line)


def _top(growth_list: GrowthList, most: int) -> None:
    rows = growth_list.frame.head(most)
    several = growth_list.frame["market"].nunique() > 1
    head = ["rank", *(["market"] if several else []), "customer", "chance", "12 months", "before", "first reason"]
    body = [
        [
            str(r["rank"]),
            *([r["market"]] if several else []),
            r["customer_id"],
            "" if r["probability"] != r["probability"] else f"{r['probability']:.0%}",
            f"{r['spend_12m']:,.0f}",
            f"{r['spend_prior_12m']:,.0f}",
            (r["reasons_for"] or [""])[0],
        ]
        for r in rows.to_dict("records")
    ]
    table(f"The first {len(body)}", head, body, right=("rank", "chance", "12 months", "before"))
