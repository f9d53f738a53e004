"""The same past against several levels of K: who came to 0.7 or 1.4 of a key account's spend teaches the same growth.

Money enters the design over K, so that a row against another K is one more example of what precedes a rise to a level,
and a few key accounts become many. Only the learner sees them: probabilities are calibrated at K alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, pairwise

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

    levels: 1.0 (K itself), then the others. ends: 0, then where the rows of each end. of: the row of the panel that
    each row is. y: whether it reached its level. look: how designs are made, of the rows that a learner takes alone.
    """

    levels: tuple[float, ...]
    ends: tuple[int, ...]
    of: Narrow
    y: NDArray[np.bool_]
    look: Look

    def shown(self, at: Places) -> Shown:
        """Return the rows at some places, ascending, as a learner sees them."""
        cuts = np.searchsorted(at, self.ends)
        places = [self.of[at[first:end]].astype(np.intp) for first, end in pairwise(cuts)]
        apart = Parallel(n_jobs=threads(), prefer="threads", return_as="generator")
        boxes = apart(delayed(self._boxed)(*asked) for asked in zip(self.levels, places, strict=True))
        for i, box in enumerate(boxes):
            part = box.pop()
            if not i:  # K itself
                known = known_columns(part)
                names, rises = (tuple(compress(said, known)) for said in (part.names, part.rises))
                matrix = np.empty((len(at), len(names)), np.float32)
            np.compress(known, part.matrix, axis=1, out=matrix[cuts[i] : cuts[i + 1]])
            del part  # before the next is made
        return Shown(at, Design(matrix, names, rises))

    def _boxed(self, level: float, at: Places) -> list[Design]:
        """Return a design in a list, from which it can be taken: joblib holds on to what a task returns."""
        return [self.look(level, at)]


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
    ends = (0, *accumulate(map(len, kept)))
    return Lesson((1.0, *levels), ends, np.concatenate(kept), np.concatenate(reached), look or own)
