"""What all commands share: options, progress, tables."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartaccounts.engine.interrupt import heed

if TYPE_CHECKING:
    from smartaccounts.config import Pipeline

PipelineFile = Annotated[Path, typer.Argument(metavar="PIPELINE", help="The pipeline file, pipelines/NAME.yaml.")]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="About how much to use for lines and features, like 2GB; more lies on disk. Default: half of all.",
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the pipeline file.")
]
AsOf = Annotated[str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The cut-off date, exclusive.")]
AsOfs = Annotated[list[str], typer.Option("--as-of", metavar="YYYY-MM-DD", help="A cut-off date; may be repeated.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write into.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say every step.")]


def opened(path: Path, overrides: list[str] | None) -> Pipeline:
    """Read the pipeline file with its overrides."""
    from smartaccounts.config import read_pipeline

    return read_pipeline(path, overrides=overrides or ())


def dates(texts: Sequence[str]) -> list[date]:
    """Read as_of dates, ascending, each once."""
    from smartaccounts.timeline import parse_as_of

    return sorted({parse_as_of(t) for t in texts})


@contextmanager
def progress(what: str, *, verbose: bool = False) -> Iterator[Callable[[str], None]]:
    """Show a spinner with the last step done, on a terminal only; with `verbose` print every step to stderr."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what)

        def step(done: str) -> None:
            heed()
            bar.update(task, description=f"{what}: {done}")
            if verbose:
                console.print(f"{what}: {done}", highlight=False)

        yield step


def say(text: str, *, width: int = 100) -> None:
    """Print a sentence in lines of at most `width` characters; no name is broken."""
    typer.echo(textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False))


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print JSON to stdout."""
    typer.echo(json.dumps(content, indent=2, default=str))


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table; the columns named in `right` are numbers and never wrapped."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in head:
        number = name in right
        made.add_column(
            name,
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
            min_width=max(map(len, name.split("\n"))),
        )
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))  # a customer id may look like markup
    Console().print(made)
