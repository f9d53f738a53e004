"""The quality report as text, readable at 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import date

from smartaccounts.orders.check import Quality
from smartaccounts.orders.findings import Pair

_WIDTH = 80
_MARKS = {"stops": "STOP", "warns": "look", "tells": "note"}


def as_text(quality: Quality) -> str:
    """Return the report, lines of at most 80 characters (a longer word stays whole)."""
    sections = (_verdict, _lines, _cancellations, _oddities, _codes, _calendar, _markets)
    blocks = ["\n".join(section(quality)) for section in sections]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdict(q: Quality) -> Iterator[str]:
    verdict = "sound: a model can be trained on it" if q.sound else "NOT sound: do not train on it"
    yield f"Quality of {q.name}: {verdict}"
    for problem in q.problems:
        yield from _wrapped(problem.text, first=f"  {_MARKS[problem.severity]}  ")


def _lines(q: Quality) -> Iterator[str]:
    taken = q.intake
    yield _counted("Lines in", taken.rows_in)
    for rejection in taken.rejected:
        yield _counted(f"  rejected: {rejection.reason}", rejection.rows, of=taken.rows_in)
        for example in rejection.examples:
            yield from _wrapped(example, first="    e.g. ")
    yield _counted("Lines out", taken.rows_out, of=taken.rows_in)
    for note in taken.notes:
        yield from _wrapped(note, first="  ")
    if q.columns_missing:
        yield from _wrapped(f"Not in the source: {', '.join(q.columns_missing)}.", first="  ")


def _cancellations(q: Quality) -> Iterator[str]:
    found = q.cancellations
    if found.lines is None:
        yield "Cancellations: unknown (source.cancelled does not say which lines cancel)"
        return
    yield _counted("Cancellation lines (before keep)", found.lines)
    if found.matched is not None:
        yield _counted("  with an earlier purchase of that many", found.matched, of=found.lines)
    for pair in found.largest:
        yield f"    {pair.pieces:>10,.0f} pieces of {pair.product_id}, {pair.bought[:10]}, cancelled {_later(pair)}"


def _later(pair: Pair) -> str:
    minutes = pair.minutes_between
    if minutes < 120:
        return f"{minutes} minutes later"
    return f"{minutes // 60} hours later" if minutes < 2880 else f"{minutes // 1440} days later"


def _oddities(q: Quality) -> Iterator[str]:
    odd = q.oddities
    yield "Lines that are no plain sale (before keep)"
    counts = {
        "exact duplicates": odd.duplicates,
        "negative quantities, no cancellation": odd.negative_quantities,
        "prices of zero": odd.zero_prices,
        "prices below zero": odd.negative_prices,
        "amounts of zero": odd.zero_amounts,
        "amounts below zero": odd.negative_amounts,
    }
    for what, count in counts.items():
        yield _counted(f"  {what}", count)
    lines, spend = odd.share_of_lines_without_customer, odd.share_of_spend_without_customer
    yield f"  without a customer: {lines:.1%} of the lines, {spend:.1%} of the spend"


def _codes(q: Quality) -> Iterator[str]:
    if not q.odd_codes:
        return
    yield "Product codes unlike the rest (A: letters, 9: digits; before keep)"
    for odd in q.odd_codes:
        yield (
            f"  {odd.shape[:16]:<16} {odd.codes:>5,} codes {odd.lines:>9,} lines ({odd.accepted_lines:,} accepted), "
            f"amount {odd.amount:,.0f}"
        )
        yield from _wrapped(", ".join(odd.examples), first="    ")


def _calendar(q: Quality) -> Iterator[str]:
    months = q.calendar
    yield f"Accepted lines from {months.first_day} to {months.last_day}: {months.months} months"
    yield from _wrapped(f"months without lines: {', '.join(months.empty_months) or 'none'}", first="  ")
    yield f"  last month cut off: {months.cut_off or 'no'}"
    if months.season:
        yield "  spend of a calendar month over the mean month's"
        yield "  " + " ".join(f"{date(2000, c, 1):%b}".rjust(5) for c in months.season)
        yield "  " + " ".join(f"{index:5.2f}" for index in months.season.values())
    yield (
        f"  horizon of {q.horizon_days} days: {q.training_dates} training dates after the last day, "
        f"{q.test_dates} test dates"
    )


def _markets(q: Quality) -> Iterator[str]:
    yield _counted("Customers", q.customers)
    if len(q.markets) > 1:
        yield _counted("  in several markets", q.customers_in_several_markets, of=q.customers)
    yield f"{'Market':<37}{'lines':>12}{'customers':>11}{'active':>9}"
    for market in q.markets:
        small = "" if market.active >= q.min_active else "  too small"
        name = _cut(market.market or "(the only one)", 36)
        yield _row(name, [market.lines, market.customers, market.active]) + small
    if len(q.markets) > 1:
        total = [sum(values) for values in zip(*((m.lines, m.customers, m.active) for m in q.markets), strict=True)]
        yield _row(f"{len(q.markets)} markets", total)


def _row(name: str, numbers: Sequence[int]) -> str:
    lines, customers, active = numbers
    return f"{name:<37}{lines:>12,}{customers:>11,}{active:>9,}"


def _counted(what: str, count: int | None, *, of: int = 0) -> str:
    shown = "unknown" if count is None else f"{count:,}"
    share = f" {count / of:>7.1%}" if of and count is not None else ""
    return f"{what:<44}{shown:>12}{share}"


def _wrapped(text: str, *, first: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
