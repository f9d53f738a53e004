"""What other pipelines lend: their past, under the same rule of dates as the own.

At a date T a lender lends the as_of dates whose horizon was over by T, with the outcomes known before T. A lender whose
lines lie later in time has nothing to lend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date

from smartaccounts.config import Pipeline, Target, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.memory import memory_bytes
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.evaluation.outcomes import Outcomes
from smartaccounts.features.extra import Extra
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.contract import Lines
from smartaccounts.orders.read import read
from smartaccounts.panel import Loan
from smartaccounts.timeline import training_dates


@dataclass(frozen=True)
class Lender:
    """Another pipeline's order lines and target.

    file: how the borrower names it in model.borrow. most: how many dates it lends at most, the latest.
    """

    name: str
    file: str
    lines: Lines
    target: Target
    most: int

    def dates(self, before: date) -> tuple[date, ...]:
        """Return the as_of dates that can be borrowed at a date, ascending; none where no horizon was over by then."""
        first, days = self.lines.first_known(before), self.target.horizon_days
        return training_dates(before, first_day=first, horizon_days=days, most=self.most)


class Lending:
    """The snapshots of lenders at all dates that can be borrowed at some dates, computed once."""

    def __init__(self, lenders: Sequence[Lender], befores: Sequence[date], extra: Sequence[Extra] = ()) -> None:
        """Compute them; `befores` are the dates at which `loans` will be asked for.

        extra: features of the borrower's pipeline file, computed of the lenders' lines.
        """
        self._lenders = tuple(lenders)
        self._dates = {before: [lender.dates(before) for lender in lenders] for before in befores}
        asked = [set[date]().union(*dates) or {min(befores)} for dates in zip(*self._dates.values(), strict=True)]
        self._outcomes = [
            Outcomes(a.lines, snapshot(a.lines, sorted(d), a.target, extra=extra), befores)
            for a, d in zip(lenders, asked, strict=True)
        ]

    def loans(self, before: date) -> tuple[Loan, ...]:
        """Return what each lender lends at a date, in their order, some without rows; KeyError for a date not said."""
        return tuple(
            Loan(a.name, a.file, before, outcomes.panel(dates, known_before=before))
            for a, dates, outcomes in zip(self._lenders, self._dates[before], self._outcomes, strict=True)
        )


def lends(lenders: Sequence[Lender], before: date) -> bool:
    """Say whether any lender has a date to lend at a date."""
    return any(a.dates(before) for a in lenders)


@contextmanager
def lenders(pipeline: Pipeline, *, memory: str | None = None) -> Iterator[tuple[Lender, ...]]:
    """Yield the pipelines of `model.borrow` with their lines read; each in an engine of its own, open inside the block.

    memory: of each, as in `engine.memory.memory_bytes`. What a lender borrows itself is not followed. PipelineError
    where a file is missing or wrong, has another horizon, or a name that is not its own; InputError where its source
    cannot be read.
    """
    memory_bytes(memory)  # before a lender's file is blamed for it
    with ExitStack() as stack:
        opened: list[Lender] = []
        for file in pipeline.model.borrow:
            with _said_by(pipeline):
                other = read_pipeline(pipeline.resolve(file))
            _check(pipeline, other, file, [a.name for a in opened])
            with _said_by(pipeline):
                lines = read(other, stack.enter_context(Engine(memory)))
            opened.append(Lender(other.name, file, lines, other.target, pipeline.model.training_dates))
        yield tuple(opened)


def _check(pipeline: Pipeline, other: Pipeline, file: str, before: Sequence[str]) -> None:
    if other.name in (pipeline.name, *before):
        raise PipelineError(
            f"Expected other pipelines, each once, got {other.name!r} again ({file}) in model.borrow of "
            f"{pipeline.name!r}.",
            hint="Take it out, or give the pipelines different names.",
        )
    ours, theirs = pipeline.target.horizon_days, other.target.horizon_days
    if ours != theirs:
        raise PipelineError(
            f"Expected a pipeline with the horizon of {pipeline.name!r}, {ours} days, got {theirs} days of "
            f"{other.name!r} ({file}) in model.borrow.",
            hint=f"What happens in {theirs} days says nothing of {ours}: give both the same target.horizon_days.",
        )


@contextmanager
def _said_by(pipeline: Pipeline) -> Iterator[None]:
    """Add to an error of a lender's file or source whose `model.borrow` named it."""
    try:
        yield
    except (PipelineError, InputError) as error:
        said = f"{error.message.removesuffix('.')}, which model.borrow of {pipeline.name!r} names."
        raise type(error)(said, hint=error.hint) from None
