"""The same past against several levels of K: who came to 0.7 or 1.4 of a key account's spend teaches the same growth.

Money enters the design over K, so that a row against another K is one more example of what precedes a rise to a level,
and a few key accounts become many. Only the learner sees them: probabilities are calibrated at K alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from smartaccounts.engine.threads import threads
from smartaccounts.features.snapshot import Places
from smartaccounts.panel import Panel
from smartaccounts.rankers.design import Design, designed, known_columns
from smartaccounts.target import grown

Narrow = NDArray[np.int32]
"""Places of many rows, in half the memory of `Places`."""

Look = Callable[[float, Places], Design]
"""Given a level, and places of a panel's rows, ascending: the design of those rows at it (1.0: K itself)."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What there is to learn from: a row per row of a panel, in its order, then rows of it at other levels.

    levels: 1.0 (K itself), then the others. kept: the places in the panel of the rows of each. y: whether the row
    reached its level. look: how designs are made, of the rows that a learner takes alone.
    """

    levels: tuple[float, ...]
    kept: tuple[Narrow, ...]
    y: NDArray[np.bool_]
    look: Look

    @cached_property
    def of(self) -> Narrow:
        """Return the row of the panel that each row is."""
        return np.concatenate(self.kept)

    def shown(self, at: Places) -> Shown:
        """Return the rows at some places, ascending, as a learner sees them."""
        ends = np.cumsum([0, *(len(kept) for kept in self.kept)])
        cuts = np.searchsorted(at, ends)
        places = [kept[at[cuts[i] : cuts[i + 1]] - ends[i]].astype(np.intp) for i, kept in enumerate(self.kept)]
        apart = Parallel(n_jobs=threads(), prefer="threads")
        parts = apart(delayed(self.look)(*asked) for asked in zip(self.levels, places, strict=True))
        known = known_columns(parts[0])
        names, rises = (tuple(compress(said, known)) for said in (parts[0].names, parts[0].rises))
        matrix = np.empty((len(at), len(names)), np.float32)
        while parts:  # each is let go when it is copied
            part = parts.pop()
            np.compress(known, part.matrix, axis=1, out=matrix[cuts[len(parts)] : cuts[len(parts) + 1]])
        return Shown(at, Design(matrix, names, rises))


@dataclass(frozen=True, eq=False)
class Shown:
    """Rows of a lesson with their design.

    at: their places in the lesson, ascending. design: without the columns that are unknown of all of them at K.
    """

    at: Places
    design: Design

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns."""
        return self.design.names

    @property
    def rises(self) -> tuple[bool, ...]:
        """Return which of the columns are held monotone."""
        return self.design.rises

    def rows(self, at: Places) -> Design:
        """Return the design of some of the rows, by their places in the lesson."""
        return self.design.rows(np.searchsorted(self.at, at))


def lesson(rows: Panel, levels: Sequence[float], look: Look | None = None) -> Lesson:
    """Say what training rows teach: at K all of them, at another level those below it in the last horizon.

    look: where their designs are there already.
    """

    def own(level: float, at: Places) -> Design:
        return designed(rows.snapshot.some(at), level)

    frame, ahead, target = rows.snapshot.columns("key_spend", "spend_h"), rows.outcome, rows.snapshot.target
    kept, reached = [np.arange(len(frame), dtype=np.int32)], [ahead["target"].to_numpy() > 0]
    for times in levels:
        key = frame["key_spend"] * times
        below = np.flatnonzero(frame["spend_h"] < key).astype(np.int32)
        kept.append(below)
        reached.append(grown(ahead["spend_ahead"], ahead["months_ahead"], key, target).to_numpy()[below] > 0)
    return Lesson((1.0, *levels), tuple(kept), np.concatenate(reached), look or own)
