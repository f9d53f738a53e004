"""How much of a list is still there on the next one, and why the rest is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from smartaccounts.evaluation.walk import Tested


@dataclass(frozen=True)
class Change:
    """The first k of one date and of the next: k = kept + overtaken + left.

    left: no longer eligible at the next date. kept and overtaken are among those eligible at both.
    """

    before: date
    after: date
    kept: int
    overtaken: int
    left: int

    @property
    def days(self) -> int:
        """Return the days from one date to the other."""
        return (self.after - self.before).days

    @property
    def share(self) -> float:
        """Return the share that is listed again among those eligible at both dates; nan where nobody is."""
        both = self.kept + self.overtaken
        return self.kept / both if both else math.nan


def changes(tested: Sequence[Tested], ranker: str, k: int) -> tuple[Change, ...]:
    """Compare the first k of a ranker at each date with those at the next date it scored, whatever came of them.

    Equal scores go by market and customer_id, the order of the rows. Fewer than k eligible: all of them are listed.
    """
    there = [t for t in tested if ranker in t.scores and len(t.rows)]
    out = []
    for before, after in pairwise(there):
        first, again = _listed(before, ranker, k), _listed(after, ranker, k)
        eligible = set(_keys(after))
        both = first & eligible
        kept = len(both & again)
        out.append(Change(before.fold.test, after.fold.test, kept, len(both) - kept, len(first) - len(both)))
    return tuple(out)


def _keys(tested: Tested) -> list[tuple[str, str]]:
    return list(zip(tested.rows["market"], tested.rows["customer_id"], strict=True))


def _listed(tested: Tested, ranker: str, k: int) -> set[tuple[str, str]]:
    keys, order = _keys(tested), np.argsort(-tested.scores[ranker].score, kind="stable")[:k]
    return {keys[i] for i in order}
