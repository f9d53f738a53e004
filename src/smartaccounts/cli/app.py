"""The application: its commands, and how errors become texts and exit codes."""

from __future__ import annotations

import sys

import typer

from smartaccounts.cli import compare, data, ledger, lists, models, search
from smartaccounts.engine.heap import give_back_at_once
from smartaccounts.engine.interrupt import pressed, remember
from smartaccounts.errors import SmartAccountsError

WRONG, INTERRUPTED = 2, 130

app = typer.Typer(
    name="smartaccounts",
    help="Which small customers will realistically grow into key accounts, from a supplier's order lines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (lists, models, compare, search, data, ledger):
    group.register(app)


def main() -> None:
    """Run a command: exit 0 done, 1 the answer is no, 2 wrong use or bad input, 130 interrupted."""
    remember()
    give_back_at_once()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; a user's mistake is a text on stderr, never a traceback."""
    try:
        code = app(arguments, prog_name="smartaccounts", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        code = INTERRUPTED if pressed() else _told(error)  # what a library made of a Ctrl-C is one
        if code is None:
            raise
    if code == INTERRUPTED:  # typer makes an exit code of Ctrl-C
        typer.echo("Interrupted: nothing half written was left.", err=True)
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> int | None:
    """Print a mistake of the user's and return the exit code; none for a fault of the program."""
    match error:
        case SmartAccountsError():
            typer.echo(f"Error: {error}", err=True)
        case OSError():  # a disk that is full, a folder that is not ours: no mistake of the program
            what, where = error.strerror or str(error), error.filename or "a file"
            typer.echo(f"Error: Expected to read and write files, got {what} in {where}.", err=True)
        case typer.TyperException():
            return _shown(error)
        case _:
            return None
    return WRONG


def _shown(error: typer.TyperException) -> int:
    """Print what is wrong with the arguments, or the help where there are none."""
    show = getattr(error, "show", None)  # of its kinds, but they are no public names of typer's
    if show is None:
        raise error
    show()
    return error.exit_code
