"""The features of the catalogue as instructions for the compiled code: numbers in a table, one row per column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smartaccounts.features.sweep.measures import FIXED
from smartaccounts.features.swept import EVER, Difference, Faded, Kind, Quotient, Swept, Total

NULL, MONEY, COUNT, QUOTIENT, REST, DIFFERENCE, FADED_MONEY, FADED_COUNT, OWN = range(9)
"""What an instruction does: its first number. The others: see `Program`."""

OWN_RULES = (
    "spend_first_90d",
    "order_largest_365d",
    "order_largest",
    "order_largest_share_365d",
    "order_first",
    "order_last",
    "tenure_days",
    "recency_days",
    "purchase_months_365d",
    "purchase_months_182d",
    "gap_std_days",
    "gap_largest_days",
    "gap_variation",
    "overdue",
)
"""What is computed per customer by a rule of its own, in the order of sweep/customers.py."""

MONTHS = tuple(range(0, 390, 30))
OWN_AGES = (0, 365, EVER, *MONTHS)


@dataclass(frozen=True)
class Program:
    """One instruction per column.

    names: of the columns. instructions: int64, columns x 10: what it does; measure, place of newest and of oldest age;
    the same three of the second total; which totals are money (2 the first, 1 the second, 3 both); days of history
    needed; 1 where a customer without a line of a day before as_of has 0, not null.
    A faded instruction has the place of its time constant in place of an age, an own one its place in OWN_RULES. ages:
    ascending. fading: the measures and the time constants of what fades.
    """

    names: tuple[str, ...]
    instructions: npt.NDArray[np.int64]
    ages: npt.NDArray[np.int64]
    fading: npt.NDArray[np.int64]
    fading_days: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A column to compute; `swept` None is null. zero: 0, not null, for a customer without a line of a day before as_of."""

    name: str
    swept: Swept | None
    zero: bool = True


def program(columns: Sequence[Column], given: Sequence[str]) -> Program:
    """Write the instructions of some columns. `given`: measures that the lines bring along."""
    measures = {name: i for i, name in enumerate((*FIXED, *given))}
    asked = [c.swept for c in columns if c.swept is not None]
    ages = sorted({*OWN_AGES, *(age for s in asked for t in _totals(s) for age in (t.newest, t.oldest))})
    fading = sorted({(measures[s.measure], s.days) for s in asked if isinstance(s, Faded)})
    place = {age: i for i, age in enumerate(ages)}

    def total(of: Total) -> list[int]:
        return [measures[of.measure], place[of.newest], place[of.oldest]]

    def instruction(name: str, swept: Swept | None) -> list[int]:
        match swept:
            case None:
                return [NULL, *[0] * 8]
            case Total(kind=kind, history=history):
                return [MONEY if kind == "money" else COUNT, *total(swept), 0, 0, 0, 0, history]
            case Quotient(over=one, under=other, rest=rest):
                return [REST if rest else QUOTIENT, *total(one), *total(other), _money([one.kind, other.kind]), 0]
            case Difference(of=one, less=other):
                return [DIFFERENCE, *total(one), *total(other), 0, 0]
            case Faded(measure=measure, days=days, kind=kind):
                faded = fading.index((measures[measure], days))
                return [FADED_MONEY if kind == "money" else FADED_COUNT, 0, faded, *[0] * 6]
            case _:
                return [OWN, OWN_RULES.index(name), *[0] * 7]

    return Program(
        names=tuple(c.name for c in columns),
        instructions=np.array([[*instruction(c.name, c.swept), int(c.zero)] for c in columns], dtype=np.int64),
        ages=np.array(ages, dtype=np.int64),
        fading=np.array([m for m, _ in fading], dtype=np.int64),
        fading_days=np.array([d for _, d in fading], dtype=np.float64),
    )


def _totals(swept: Swept) -> Iterable[Total]:
    match swept:
        case Total():
            return (swept,)
        case Quotient(over=one, under=other) | Difference(of=one, less=other):
            return (one, other)
        case _:
            return ()


def _money(kinds: Sequence[Kind]) -> int:
    return sum(2 - i for i, kind in enumerate(kinds) if kind == "money")
