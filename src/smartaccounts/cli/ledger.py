"""Commands about the ledger: update, show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smartaccounts.cli.terminal import AsJson, Overrides, PipelineFile, Verbose, opened, print_json, progress, say

if TYPE_CHECKING:
    from smartaccounts.orders.ledger.files import Changes
    from smartaccounts.workflow.ledger import Content


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    ledger = typer.Typer(
        help="Order lines that are read and checked once: update, show.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    ledger.command()(update)
    ledger.command()(show)
    app.add_typer(ledger, name="ledger")


def update(
    pipeline: PipelineFile,
    gone: Annotated[bool, typer.Option("--gone", help="Lines of files that are gone go from the ledger too.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read every file anew.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Compare every file by its content, not by size and time.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="So long for another update to end.")
    ] = 60.0,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Read new and changed files of the source into the ledger."""
    from smartaccounts.orders.ledger.update import Asked
    from smartaccounts.workflow.ledger import update_ledger

    with progress("Ledger", verbose=verbose) as step:
        done, content = update_ledger(
            opened(pipeline, overrides),
            asked=Asked(rebuild=rebuild, let_go=gone, thorough=thorough),
            wait=wait,
            waiting=lambda: typer.echo("Waiting for another update of this ledger.", err=True),
            step=step,
        )
    if as_json:
        print_json(
            {**content.as_dict(), "read": list(done.read), "appended": list(done.appended), "gone": list(done.gone)}
        )
        return
    parts = [(done.read, "read"), (done.appended, "grown"), (done.gone, "gone")]
    said = ", ".join(f"{len(paths):,} {what}" for paths, what in parts if paths)
    typer.echo(f"Files: {said or 'nothing new'}.")
    _say(content)


def show(pipeline: PipelineFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say what is in the ledger, and which files of the source are not in it yet."""
    from smartaccounts.workflow.ledger import show_ledger

    content, found = show_ledger(opened(pipeline, overrides))
    if as_json:
        print_json({**content.as_dict(), "current": found.current, **_differing(found)})
        return
    _say(content)
    for what, paths in _differing(found).items():
        if paths:
            typer.echo(f"{len(paths):,} {what}: {', '.join(paths[:5])}{', ...' if len(paths) > 5 else ''}")
    typer.echo("It holds the source as it is." if found.current else "Run smartaccounts ledger update PIPELINE.")


def _differing(found: Changes) -> dict[str, list[str]]:
    return {
        "new": [one.path for one in found.new],
        "changed": [one.path for one in found.changed],
        "gone": list(found.gone),
    }


def _say(content: Content) -> None:
    taken = content.intake
    typer.echo(
        f"{taken.rows_out:,} lines of {content.files:,} files, {content.first_day} to {content.last_day}, "
        f"{content.bytes / 1e6:,.1f} MB: {content.folder}"
    )
    if taken.rejected:
        reasons = ", ".join(f"{r.rows:,} {r.reason}" for r in taken.rejected)
        typer.echo(f"{taken.rows_in:,} lines in; rejected: {reasons}.")
    for note in content.notes:
        say(note)
