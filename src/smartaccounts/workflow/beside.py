"""What a model carries beside its ranker: what accounts can spend, what peers reached, how past lists turned out."""

from __future__ import annotations

import numpy as np

from smartaccounts.config import Model
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.expectation import stated
from smartaccounts.evaluation.walk import Tested
from smartaccounts.growth_list.facts import PastList
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.peers import MIN_PEERS, Peers, fit_peers
from smartaccounts.rankers.potential import MIN_BUYERS, PotentialModel, fit_potential


def reach(learned: Panel, model: Model) -> tuple[PotentialModel | None, Peers | None, tuple[Note, ...]]:
    """Return the potential and the peers, each None where the panel is too small for it, and what to note of them."""
    potential: PotentialModel | None = None
    try:
        potential = fit_potential(learned, model)
        notes = potential.notes
    except HistoryError:
        notes = (Note("no_potential", {"needed": MIN_BUYERS}),)
    try:
        peers = fit_peers(learned, season=model.season)
    except HistoryError:
        return potential, None, (*notes, Note("no_peers", {"needed": MIN_PEERS}))
    return potential, peers, notes


def past_lists(result: Backtest, ranker: str) -> tuple[PastList, ...]:
    """Return how the lists of a ranker turned out at the judged dates at which it scored, ascending.

    By spend: the best of the rankings by past spend over all dates.
    """
    ranges = {s.as_of: s.first for s in stated(result).get(ranker, ())}
    found, best = [], result.best_plain
    for tested in result.judged:
        if ranker not in tested.scores:
            continue
        said = ranges.get(tested.fold.test)
        listed = min(result.capacity, len(tested.rows))
        found.append(
            PastList(
                as_of=str(tested.fold.test),
                listed=listed,
                expected=None if said is None else said.mean,
                low=None if said is None else said.low,
                high=None if said is None else said.high,
                came=_came(tested, ranker, listed),
                by_spend=_came(tested, best, listed) if best is not None and best in tested.scores else None,
                random=listed * float(tested.rows["target"].mean()),
            )
        )
    return tuple(found)


def _came(tested: Tested, ranker: str, listed: int) -> int:
    """Return how many of the first rows became key accounts."""
    top = np.argsort(-tested.scores[ranker].score, kind="stable")[:listed]
    return int(tested.rows["target"].to_numpy()[top].sum())
