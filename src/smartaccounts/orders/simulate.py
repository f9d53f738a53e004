"""Simulate the order lines of a supplier, believable enough to learn from, with the truth about its customers beside.

A few key accounts and thousands of small customers enter, buy in their own rhythm and leave. Some small ones grow for
good: their assortment widens first, then they order more often, then more at once. Spikes, seasonal buyers and wider
assortments that lead to nothing look like it. Lines are as dirty as those of any export.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from smartaccounts.errors import PipelineError
from smartaccounts.orders.simulation import files
from smartaccounts.orders.simulation.catalogue import Catalogue, draw_catalogue
from smartaccounts.orders.simulation.choice import Block
from smartaccounts.orders.simulation.dirt import spoil
from smartaccounts.orders.simulation.lines import Lines, fill_orders, place_orders, together
from smartaccounts.orders.simulation.pace import Month, next_mood, pace, spiking
from smartaccounts.orders.simulation.population import ONE_OFF, Floats, Population, draw_population
from smartaccounts.timeline import day_number

BLOCK = 200_000  # customers worked on at once; part of what a seed means: another size gives other lines
MOST_CUSTOMERS = 10_000_000
MOST_YEARS = 50.0
MOST_MARKETS = 1000


@dataclass(frozen=True)
class Simulation:
    """Where lines, truth and customers table were written, and how many there are; dates are in `[start, end)`."""

    lines: Path
    truth: Path
    customers_table: Path
    customers: int
    line_count: int
    order_count: int
    start: date
    end: date


def simulate(
    path: Path | str,
    *,
    customers: int = 4000,
    years: float = 4.0,
    seed: int = 0,
    start: date = date(2021, 1, 1),
    markets: int = 1,
) -> Simulation:
    """Write order lines to `path` (Parquet, CSV or gzipped CSV by its name), and beside it the truth and the customers.

    About 20 lines a customer and year, one row per order line, month by month: memory is bounded by the customers and a
    month of at most 200,000 of them. `order_id` starts with R for a return and with C for a cancellation of the order
    of the same number. The same arguments and versions give the same bytes. The truth (`<stem>_truth.parquet`) has one
    row per customer: customer_id, market, kind, growth_start, growth_end, growth_factor, entry_date, exit_date; so has
    the customers table (`<stem>_customers.csv`): customer_id, market, name, region, sales_rep. Nothing is left behind
    where writing is interrupted. PipelineError for a wrong argument or a path that cannot be written.
    """
    _check_numbers(customers=customers, years=years, seed=seed, markets=markets, start=start)
    path = Path(path)
    kind, truth, table = _check_path(path)
    months = _months(start, years)
    catalogue = draw_catalogue(_rng(seed, 0), customers=customers, calendar_years=months[-1].year + 1)
    people = draw_population(_rng(seed, 1), customers=customers, days=months[-1].end, markets=markets)
    labels = files.Labels(people, catalogue, markets=markets)
    line_count = order_count = 0
    try:
        with files.beside(path, truth, table) as (path_beside, truth_beside, table_beside):
            with files.writer(path_beside, kind) as writer:
                for lines, orders in _history(people, catalogue, months, seed):
                    line_count, order_count = line_count + len(lines), orders
                    writer.write_table(labels.table(lines))
            files.write_truth(truth_beside, people, labels, first=months[0].first)
            files.write_customers(table_beside, people, labels, rng=_rng(seed, 3))
    except OSError as error:
        raise PipelineError(f"Expected a file that can be written, got an error ({error}) in {path}.") from None
    end = start + timedelta(days=months[-1].end)
    return Simulation(path, truth, table, customers, line_count, order_count, start, end)


def _history(people: Population, catalogue: Catalogue, months: list[Month], seed: int) -> Iterator[tuple[Lines, int]]:
    """Yield the lines of every month and block of customers, and the number of orders so far.

    Each has a random generator of its own; corrections dated beyond their month wait for it, and those beyond the last
    month are never seen.
    """
    starts = range(0, len(people), BLOCK)
    blocks = [people.part(s, s + BLOCK) for s in starts]
    waits = [_first_wait(_rng(seed, 2, i), block) for i, block in enumerate(blocks)]
    moods = [0.28 * _rng(seed, 3, i).standard_normal(len(block), np.float32) for i, block in enumerate(blocks)]
    pending: list[Lines | None] = [None] * len(blocks)
    number = 0
    for month in months:
        for i, part in enumerate(blocks):
            rng = _rng(seed, 4, month.index, i)
            moods[i] = next_mood(rng, moods[i])
            speed = pace(part, month, moods[i])
            spikes = spiking(part, month)
            waits[i][spikes] = np.minimum(waits[i][spikes], np.float32(0.5) * speed.orders[spikes])
            orders = place_orders(rng, speed, shape=part.shape, wait=waits[i], month=month)
            block = Block(part, starts[i], speed)
            fresh = fill_orders(rng, orders, block, catalogue=catalogue, month=month, number=number)
            number += len(orders.day)
            lines = spoil(rng, fresh, catalogue)
            waiting = pending[i]
            lines = lines if waiting is None else together([lines, waiting])
            now = lines.day < month.first + month.end
            pending[i] = lines.take(~now)
            last_day = np.int32(months[-1].first + months[-1].end - 1)
            lines = lines.take(now)
            yield lines.changed(known=np.minimum(lines.known, last_day)), number


def _rng(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one purpose; streams of different keys are independent."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def _first_wait(rng: np.random.Generator, people: Population) -> Floats:
    """Return what is left until the first order: little for who enters, somewhere in mid-rhythm for who is there."""
    wait = rng.random(len(people), np.float32)
    wait[people.entry > 0] *= np.float32(0.1)
    wait[people.kind == ONE_OFF] = 0
    return wait


def _months(start: date, years: float) -> list[Month]:
    """Return the calendar months of `years` years from `start` on; the first and the last may be cut."""
    days = max(round(years * 365.25), 1)
    months: list[Month] = []
    at = start
    while (begin := (at - start).days) < days:
        following = date(at.year + at.month // 12, at.month % 12 + 1, 1)
        end = min((following - start).days, days)
        middle = (at - date(at.year, 1, 1)).days + (end - begin) / 2
        months.append(Month(len(months), day_number(start), begin, end, at.year - start.year, at.month, middle))
        at = following
    return months


def _check_numbers(*, customers: int, years: float, seed: int, markets: int, start: date) -> None:
    """Raise PipelineError for a number out of range; the names are those of the command's options."""
    most_markets = min(customers, MOST_MARKETS)
    checks = (
        (1 <= customers <= MOST_CUSTOMERS, f"1 to {MOST_CUSTOMERS} customers", customers, "--customers"),
        (0 < years <= MOST_YEARS, f"more than 0 and at most {MOST_YEARS:g} years", years, "--years"),
        (seed >= 0, "a seed of 0 or more", seed, "--seed"),
        (1 <= markets <= most_markets, f"1 to {most_markets} markets", markets, "--markets"),
        (1900 <= start.year <= 2100, "a start from 1900 to 2100", start, "start"),
    )
    for fits, expected, got, where in checks:
        if not fits:
            raise PipelineError(f"Expected {expected}, got {got} in {where}.")


def _check_path(path: Path) -> tuple[str, Path, Path]:
    """Return the ending of `path`'s name, where truth and customers go; PipelineError where nothing can be written."""
    kind = files.ending(path)
    if path.is_dir():
        raise PipelineError(
            f"Expected a file's name, got a folder in --out {path}.", hint=f"Try {path / 'orders.parquet'}."
        )
    if kind is None:
        raise PipelineError(
            f"Expected a name ending in {', '.join(files.ENDINGS)}, got {path.name!r} in --out.",
            hint="Try orders.parquet.",
        )
    if not path.parent.is_dir():
        raise PipelineError(
            f"Expected a folder, got {'a file' if path.parent.exists() else 'nothing'} in {path.parent}.",
            hint=f"Create it: mkdir -p {path.parent}",
        )
    truth, table = (path.with_name(path.name[: -len(kind)] + end) for end in ("_truth.parquet", "_customers.csv"))
    for file, what in ((truth, "truth is"), (table, "customers are")):
        if file.is_dir():
            raise PipelineError(f"Expected a file's name, got a folder in {file}.", hint=f"The {what} written there.")
    return kind, truth, table
