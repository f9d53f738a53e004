"""The application: its commands, and how errors become texts and exit codes."""

from __future__ import annotations

import sys

import click
import typer

from smartaccounts.cli import data, lists, models
from smartaccounts.errors import SmartAccountsError

INTERRUPTED = 130

app = typer.Typer(
    name="smartaccounts",
    help="Which small customers will realistically grow into key accounts, from a supplier's order lines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (lists, models, data):
    group.register(app)


def main() -> None:
    """Run a command: exit 0 done, 1 the answer is no, 2 wrong use or bad input, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; a user's mistake is a text on stderr, never a traceback."""
    try:
        code = app(arguments, prog_name="smartaccounts", standalone_mode=False)
    except SmartAccountsError as error:
        typer.echo(f"Error: {error}", err=True)
        return 2
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        typer.echo("Interrupted: nothing half written was left.", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0
