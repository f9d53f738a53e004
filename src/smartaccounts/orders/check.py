"""The quality report: what is in a source, what of it is wrong, and whether a model may be trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from smartaccounts.config import Pipeline, Target
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders import findings
from smartaccounts.orders.contract import COLUMNS, Intake
from smartaccounts.orders.findings import Calendar, Cancellations, Market, OddCodes, Oddities
from smartaccounts.orders.intake import counted
from smartaccounts.orders.read import clock
from smartaccounts.orders.staging import held_columns, stage
from smartaccounts.timeline import day_number, firsts_of_months, training_dates

_TABLE = "order_lines_checked"

Severity = Literal["stops", "warns", "tells"]


@dataclass(frozen=True)
class Problem:
    """One sentence; `stops`: training would be unsound, `warns`: somebody should look, `tells`: good to know."""

    severity: Severity
    text: str


@dataclass(frozen=True)
class Quality:
    """The quality report of a source.

    Counts of `oddities`, `odd_codes` and `cancellations` are of lines before `keep`; `calendar`, `markets` and
    customers of accepted ones. `training_dates` are those of a model trained after the last day; `test_dates` are the
    firsts of months on which it can be tested, each with a training date before. `columns_missing` are contract columns
    that the pipeline does not map.
    """

    name: str
    as_of: date | None
    intake: Intake
    cancellations: Cancellations
    oddities: Oddities
    odd_codes: tuple[OddCodes, ...]
    calendar: Calendar
    customers: int
    customers_in_several_markets: int
    markets: tuple[Market, ...]
    horizon_days: int
    min_active: int
    columns_missing: tuple[str, ...]
    training_dates: int
    test_dates: int
    problems: tuple[Problem, ...] = ()

    @property
    def sound(self) -> bool:
        """Say whether a model may be trained on it."""
        return not any(p.severity == "stops" for p in self.problems)

    def as_dict(self, *, examples: bool = True) -> dict[str, Any]:
        """Return what JSON can hold: dates as ISO texts; without `examples`, no line of the source is in it."""
        content: dict[str, Any] = _plain(asdict(self if examples else _without_examples(self)))
        return {**content, "sound": self.sound}


def _without_examples(q: Quality) -> Quality:
    return replace(
        q,
        intake=replace(q.intake, rejected=tuple(replace(r, examples=()) for r in q.intake.rejected)),
        cancellations=replace(q.cancellations, largest=()),
        odd_codes=tuple(replace(c, examples=()) for c in q.odd_codes),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def check(pipeline: Pipeline, engine: Engine, *, as_of: date | None = None, today: date | None = None) -> Quality:
    """Read the source of a pipeline and report on it; with `as_of`, also whether it reaches up to that date.

    Errors as in `read`, but for two currencies: a report is made of any source that has an acceptable line.
    """
    staged = stage(pipeline, engine, table=_TABLE, today=today or clock(), for_check=True)
    taken = counted(pipeline, engine, staged).intake

    def ask(queries: Mapping[str, str]) -> None:
        for name, sql in queries.items():
            engine.run(f"CREATE OR REPLACE TABLE {name} AS {sql}")

    made = quality(pipeline, engine, taken, ask, table=_TABLE, as_of=as_of)
    engine.run(f"DROP TABLE {_TABLE}")
    return made


def quality(
    pipeline: Pipeline,
    engine: Engine,
    taken: Intake,
    ask: Callable[[Mapping[str, str]], None],
    *,
    table: str,
    as_of: date | None,
) -> Quality:
    """Return the quality report of lines that may lie apart.

    `ask` puts queries over `table`, a stage for a check, to every part of it, and the answers into the engine, into
    tables of the names that the queries bear.
    """
    queries = findings.of_part(table, held_columns(pipeline), marked=pipeline.source.cancelled is not None)
    ask(queries)
    target, months = pipeline.target, findings.calendar(engine)
    end = months.last_day + timedelta(days=1)
    ask(findings.markets_of_part(table, end=day_number(end), horizon_days=target.horizon_days))
    customers, in_several = findings.customers(engine)
    train, test = _dates(months, target)
    found = Quality(
        name=pipeline.name,
        as_of=as_of,
        intake=taken,
        cancellations=findings.cancellations(engine, queries),
        oddities=findings.oddities(engine),
        odd_codes=findings.odd_codes(engine, queries),
        calendar=months,
        customers=customers,
        customers_in_several_markets=in_several,
        markets=findings.markets(engine),
        horizon_days=target.horizon_days,
        min_active=target.min_active,
        columns_missing=tuple(c.name for c in COLUMNS if c.name not in pipeline.columns.mapped()),
        training_dates=train,
        test_dates=test,
    )
    return replace(found, problems=tuple(_problems(found)))


def _dates(months: Calendar, target: Target) -> tuple[int, int]:
    """Return how many training dates a model trained after the last day has, and how many test dates there are."""
    first, days = months.first_day, target.horizon_days
    end = months.last_day + timedelta(days=1)
    tests = firsts_of_months(first + timedelta(days=2 * days), end - timedelta(days=days))
    testable = [d for d in tests if training_dates(d, first_day=first, horizon_days=days)]
    return len(training_dates(end, first_day=first, horizon_days=days)), len(testable)


def _problems(q: Quality) -> Iterator[Problem]:
    yield from sorted(  # the worst first
        [*_history_problems(q), *_calendar_problems(q), *_market_problems(q), *_line_problems(q)],
        key=lambda p: ("stops", "warns", "tells").index(p.severity),
    )


def _history_problems(q: Quality) -> Iterator[Problem]:
    days = (q.calendar.last_day - q.calendar.first_day).days + 1
    if days < 2 * q.horizon_days:
        yield Problem("stops", f"{days:,} days of history are less than two horizons of {q.horizon_days} days.")
    elif not q.training_dates:
        yield Problem("stops", "No first of a month has a horizon of history before it and one after it.")
    elif not q.test_dates:
        yield Problem("warns", "The history is too short to test a model after the dates it learns from.")
    elif days < q.horizon_days + 365:
        yield Problem("tells", "The history is short of a year and a horizon: features of a year are cut short.")


def _calendar_problems(q: Quality) -> Iterator[Problem]:
    months = q.calendar
    if months.empty_months:
        yield Problem("warns", f"Months without a line: {', '.join(months.empty_months)}.")
    if months.cut_off:
        yield Problem("warns", f"The last month, {months.cut_off}, is cut off: the last line is of {months.last_day}.")
    if q.as_of is not None:
        behind = (q.as_of - months.last_day).days - 1
        if behind >= q.horizon_days:
            yield Problem("stops", f"The source ends {behind:,} days before {q.as_of}: nobody would count as active.")
        elif behind > 31:
            yield Problem("warns", f"The source ends {behind:,} days before {q.as_of}: recent orders are missing.")
    high = [_month(c) for c, index in months.season.items() if index >= 1.25]
    if high:
        yield Problem("tells", f"Seasonal trade: {', '.join(high)} have 1.25 times the spend of a mean month or more.")


def _month(number: int) -> str:
    return date(2000, number, 1).strftime("%B")


def _market_problems(q: Quality) -> Iterator[Problem]:
    small = [m for m in q.markets if m.active < q.min_active]
    if q.customers == 1:
        yield Problem("stops", "All lines are of one customer: there is nobody to compare with.")
    if len(small) == len(q.markets):
        largest = max(m.active for m in q.markets)
        yield Problem(
            "stops", f"No market has {q.min_active} active customers (target.min_active); the largest has {largest:,}."
        )
    elif small:
        names = ", ".join(f"{m.market} ({m.active:,})" for m in small[:5]) + (", ..." if len(small) > 5 else "")
        yield Problem("warns", f"{len(small)} markets have under {q.min_active} active customers, left out: {names}.")
    if q.customers_in_several_markets:
        yield Problem(
            "tells", f"{q.customers_in_several_markets:,} of {q.customers:,} customers buy in several markets."
        )


def _line_problems(q: Quality) -> Iterator[Problem]:
    taken, odd = q.intake, q.oddities
    wished = {"not kept", "duplicate"}
    faulty = sum(r.rows for r in taken.rejected if r.reason not in wished)
    if 2 * faulty > taken.rows_in:
        yield Problem("stops", f"Most lines are rejected: {faulty:,} of {taken.rows_in:,} are faulty.")
    elif 2 * taken.rows_out < taken.rows_in:
        yield Problem("warns", f"Only {taken.rows_out:,} of {taken.rows_in:,} lines are kept: is `keep` right?")
    if odd.share_of_lines_without_customer > 0.01:
        yield Problem(
            "warns",
            f"{odd.share_of_lines_without_customer:.1%} of the lines and "
            f"{odd.share_of_spend_without_customer:.1%} of the spend have no customer.",
        )
    if odd.duplicates:
        yield Problem("tells", f"{odd.duplicates:,} lines repeat another one exactly (source.duplicates).")
    if q.cancellations.lines:
        yield Problem(
            "tells", f"{q.cancellations.lines:,} lines cancel another: purchases that never were count until then."
        )
    left = sum(c.accepted_lines for c in q.odd_codes)
    if left:
        yield Problem("warns", f"{left:,} accepted lines have a product code unlike the rest: is `keep` complete?")
    if odd.accepted_zero_amounts:
        yield Problem("tells", f"{odd.accepted_zero_amounts:,} accepted lines have an amount of zero.")
