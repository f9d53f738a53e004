"""Who is listed where an account does not leave for a hair's breadth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Places:
    """Who takes which place. order: positions of the rows given, in their final order; listed, held: in that order.

    held marks the listed rows that are so only because they were on the list before.
    """

    order: np.ndarray
    listed: np.ndarray
    held: np.ndarray


def listed_with_hysteresis(previously_listed: np.ndarray, capacity: int, slack: float) -> np.ndarray:
    """Return a mask of the rows that are listed: min(capacity, n) of them. Rows are in rank order, the best first.

    The buffer rule of share indices: the first capacity / (1 + slack) are listed whatever was; then those that were
    listed before and rank within capacity x (1 + slack), the best first; then, while places are free, the rest. With
    slack 0 it is the first `capacity`. Applied again to its own answer it gives the same.
    """
    position = np.arange(1, len(previously_listed) + 1)
    inner, outer = np.floor(capacity / (1 + slack)), np.floor(capacity * (1 + slack) + 1e-9)
    turn = np.where(position <= inner, 0, np.where(previously_listed & (position <= outer), 1, 2))
    listed = np.zeros(len(position), dtype=bool)
    listed[np.lexsort((position, turn))[:capacity]] = True
    return listed


def places(
    previously_listed: np.ndarray, *, capacity: int, slack: float, groups: pd.Series | np.ndarray | None = None
) -> Places:
    """List `capacity` rows, within each group where `groups` are given; held rows take the last of those places.

    Rows are in rank order, the best first. The rows of a group share out the places that they have between them: first
    who is listed on merit, then who is held, then the others, each in rank order. So with one group the listed are the
    first rows.
    """
    before = np.asarray(previously_listed, dtype=bool)
    codes = np.zeros(len(before), dtype=int) if groups is None else pd.factorize(np.asarray(groups, dtype=object))[0]
    order = np.arange(len(before))
    listed, held = np.zeros(len(before), dtype=bool), np.zeros(len(before), dtype=bool)
    for code in np.unique(codes):
        at = np.flatnonzero(codes == code)
        inside = listed_with_hysteresis(before[at], capacity, slack)
        beyond = np.arange(len(at)) >= capacity
        turn = np.argsort(np.where(inside, np.where(beyond, 1, 0), 2), kind="stable")
        order[at] = at[turn]
        listed[at], held[at] = inside[turn], (inside & beyond)[turn]
    return Places(order, listed, held)
