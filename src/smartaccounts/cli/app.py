"""The application: its commands, and how errors become texts and exit codes."""

from __future__ import annotations

import sys

import typer

from smartaccounts.cli import compare, data, ledger, lists, models, search
from smartaccounts.engine.heap import give_back_at_once
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
    give_back_at_once()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; a user's mistake is a text on stderr, never a traceback."""
    try:
        code = app(arguments, prog_name="smartaccounts", standalone_mode=False)
    except SmartAccountsError as error:
        typer.echo(f"Error: {error}", err=True)
        return WRONG
    except OSError as error:  # a disk that is full, a folder that is not ours: no mistake of the program
        what = error.strerror or str(error)
        typer.echo(f"Error: Expected to read and write files, got {what} in {error.filename or 'a file'}.", err=True)
        return WRONG
    except typer.TyperException as error:
        return _shown(error)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if not _of_interrupt(error):
            raise
        code = INTERRUPTED
    if code == INTERRUPTED:  # typer makes an exit code of Ctrl-C
        typer.echo("Interrupted: nothing half written was left.", err=True)
    return code if isinstance(code, int) else 0


def _of_interrupt(error: BaseException) -> bool:
    """Say whether an error is what a library that was being imported made of a Ctrl-C."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, KeyboardInterrupt) or (cause is not None and _of_interrupt(cause))


def _shown(error: typer.TyperException) -> int:
    """Print what is wrong with the arguments, or the help where there are none."""
    show = getattr(error, "show", None)  # of its kinds, but they are no public names of typer's
    if show is None:
        raise error
    show()
    return error.exit_code
