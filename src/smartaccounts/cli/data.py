"""Commands about the data: check, features, simulate."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import (
    AsJson,
    Memory,
    Overrides,
    PipelineFile,
    Verbose,
    dates,
    opened,
    print_json,
    progress,
    table,
)

if TYPE_CHECKING:
    from smartaccounts.config import Pipeline
    from smartaccounts.features.extra import Extra


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(check)
    app.command()(features)
    app.command()(simulate)


def check(
    pipeline: PipelineFile,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="Is the source up to date for it?")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE.parquet", help="Write the rejected lines.")
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Read and check the order lines: the quality report. Exit 1 where training would be unsound."""
    from smartaccounts.orders.report import as_text
    from smartaccounts.workflow.check import checked

    opened_pipeline = opened(pipeline, overrides)
    day = dates([as_of])[0] if as_of else None
    _own_features(opened_pipeline)
    with progress("Checking"):
        quality = checked(opened_pipeline, as_of=day, rejected=rejected)
    if as_json:
        print_json(quality.as_dict())
    else:
        typer.echo(as_text(quality))
    if not quality.sound:
        raise typer.Exit(1)


def features(
    pipeline: Annotated[Path | None, typer.Argument(metavar="PIPELINE", help="The pipeline file.")] = None,
    as_of: Annotated[
        list[str] | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="A cut-off date; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.parquet", help="The file to write.")] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Print the data dictionary and stop; with PIPELINE its own too.")
    ] = False,
    double: Annotated[
        bool, typer.Option("--float64", help="Every feature in double precision, not money alone.")
    ] = False,
    memory: Memory = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compute the snapshot: features of every customer at each as_of."""
    if listing:
        _print_catalogue(as_json, None if pipeline is None else opened(pipeline, overrides))
        return
    if pipeline is None or not as_of or out is None:
        raise typer.BadParameter("Expected PIPELINE, --as-of and --out (or --list), got less.")
    from smartaccounts.workflow.features import write_features

    opened_pipeline = opened(pipeline, overrides)
    with progress("Features", verbose=verbose) as step:
        asked = dates(as_of)
        made = write_features(opened_pipeline, asked, out, double=double, memory=memory, step=step)
    said = {
        "rows": made.rows,
        "as_of": [str(d) for d in made.dates],
        "features": made.features,
        "absent": list(made.absent),
    }
    if as_json:
        print_json({**said, "file": str(out)})
        return
    typer.echo(f"{made.rows:,} rows, {made.features} features, {len(made.dates)} as_of dates: {out}")
    if short := [str(d) for d in asked if d not in made.dates]:
        days = opened_pipeline.target.horizon_days
        typer.echo(f"Without rows, for want of {days} days of history: {', '.join(short)}.")
    if made.absent:
        typer.echo(f"Null, since the source lacks their columns: {', '.join(made.absent)}.")


def _own_features(pipeline: Pipeline) -> tuple[Extra, ...]:
    """Return the features of the pipeline file, checked; what checks them is imported where there are some."""
    if not pipeline.features.extra:
        return ()
    from smartaccounts.workflow.extra import checked_extra

    return checked_extra(pipeline)


def _print_catalogue(as_json: bool, pipeline: Pipeline | None) -> None:
    from smartaccounts.features.dictionary import rows as dictionary

    rows = dictionary(() if pipeline is None else _own_features(pipeline))
    if as_json:
        print_json(rows)
        return
    for family in dict.fromkeys(r["family"] for r in rows.values()):
        own = {name: r for name, r in rows.items() if r["family"] == family}
        table(
            family,
            ["feature", "meaning", "unit", "needs"],
            [[n, r["meaning"], r["unit"], ", ".join(r["needs"])] for n, r in own.items()],
        )


def simulate(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="parquet, csv or csv.gz; the truth and the customers go beside it."),
    ],
    customers: Annotated[int, typer.Option("--customers", metavar="N", help="How many customers.")] = 4000,
    years: Annotated[float, typer.Option("--years", metavar="Y", help="How many years.")] = 4.0,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same lines.")] = 0,
    start: Annotated[str, typer.Option("--start", metavar="YYYY-MM-DD", help="The first day.")] = "2021-01-01",
    markets: Annotated[int, typer.Option("--markets", metavar="M", help="How many markets.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Simulate a supplier's order lines, with the truth and a customers table beside them."""
    from smartaccounts.orders.simulate import simulate as simulated

    first: date = dates([start])[0]
    with progress("Simulating"):
        made = simulated(out, customers=customers, years=years, seed=seed, start=first, markets=markets)
    if as_json:
        print_json(
            {
                "lines": str(made.lines),
                "truth": str(made.truth),
                "customers_table": str(made.customers_table),
                "customers": made.customers,
                "line_count": made.line_count,
            }
        )
    else:
        typer.echo(
            f"{made.line_count:,} order lines of {made.customers:,} customers: {made.lines}\n"
            f"The truth: {made.truth}\nThe customers: {made.customers_table}"
        )
