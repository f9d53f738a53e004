"""Write columns of the answer for some customers: from the first of `where` to the one before the second."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from smartaccounts.features.families import CATALOGUE
from smartaccounts.features.sweep import customers, products
from smartaccounts.features.sweep.answer import Answer
from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.measures import flagged
from smartaccounts.features.sweep.program import MONTHS, OWN_RULES, Column, Program
from smartaccounts.features.sweep.seen import Seen
from smartaccounts.features.swept import Own, Total

Baskets = npt.NDArray[np.int64]
"""as_ofs x customers x 2: what each bought of products in the last 365 days, scaled, and in how many lines; 0 where nobody is seen."""


def no_baskets(seen: Seen) -> Baskets:
    """Return baskets that `write_customers` fills."""
    return np.empty((*seen.row_of.shape, 2), dtype=np.int64)


def own_columns(absent: Collection[str]) -> list[Column]:
    """Return the features that are made of a customer's own lines."""
    return [
        Column(f.name, f.swept, f.zero)
        for f in CATALOGUE.values()
        if f.name not in absent and (not isinstance(f.swept, Own) or f.name in OWN_RULES)
    ]


def write_customers(
    held: Coded, seen: Seen, plan: Program, answer: Answer, baskets: Baskets, where: tuple[int, int]
) -> None:
    """Write the columns of the program, and the baskets."""
    dates = seen.dates
    if not len(dates.as_ofs):
        return
    span = int(max(dates.as_ofs[-1], held.span[1]) - held.span[0]) + 1
    fade = np.exp(-np.arange(span + 1) / plan.fading_days[:, None])
    months = np.searchsorted(plan.ages, [*MONTHS, 365]).astype(np.int64)
    customers.swept(
        *where, held.offsets, held.ints, held.longs, len(flagged(held.given)), held.scale, dates.as_ofs, dates.history,
        seen.row_of, plan.instructions, plan.ages, months, plan.fading, fade, answer.into(plan.names), answer.values, baskets
    )  # fmt: skip


def write_spent(
    held: Coded, seen: Seen, totals: Mapping[str, Total | None], answer: Answer, where: tuple[int, int]
) -> None:
    """Write totals of the amount at the only date, as `write_customers` does; null is left as it is."""
    names = [name for name, total in totals.items() if total is not None]
    ages = np.array([(t.newest, t.oldest) for t in totals.values() if t is not None], dtype=np.int64)
    customers.spent(
        *where, held.offsets, held.ints, held.longs, held.scale, seen.dates.as_ofs[0], seen.row_of[0], ages, answer.into(names),
        answer.values
    )  # fmt: skip


def write_items(
    held: Coded, seen: Seen, baskets: Baskets, known: npt.NDArray[np.float64], answer: Answer, where: tuple[int, int]
) -> None:
    """Write the columns of assortment, position and categories; `known` as of `sold.known_of`."""
    if not answer.absent.issuperset(products.ASSORTED):
        products.assorted(
            *where, held.offsets, held.ints, held.longs, held.scale, seen.dates.as_ofs, seen.row_of, baskets, known,
            answer.into(products.ASSORTED), answer.values
        )  # fmt: skip
    if not answer.absent.issuperset(products.CATEGORISED):
        products.categorised(
            *where, held.offsets, held.ints, held.longs, held.categories, seen.dates.as_ofs, seen.row_of,
            answer.into(products.CATEGORISED), answer.values
        )  # fmt: skip
