"""The same past against several levels of K: who came to 0.7 or 1.4 of a key account's spend teaches the same growth.

Money enters the design over K, so that a row against another K is one more example of what precedes a rise to a level,
and a few key accounts become many. Only the learner sees them: probabilities are calibrated at K alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from smartaccounts.engine.threads import threads
from smartaccounts.features.extra import Extra
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.binned import Binned
from smartaccounts.rankers.design import Design, design, known_columns
from smartaccounts.target import grown


@dataclass(frozen=True)
class Lesson:
    """What a learner is given: a row per row of a panel, in its order, then rows of it at other levels.

    designs: of the panel's rows at K, then at each level, columns alike; kept: which rows of each are given; known:
    which of their columns. They are not laid out side by side: a learner takes some of them. y: 1 where the row reached
    its level, else 0. binned: what was binned of the rows so far.
    """

    designs: tuple[Design, ...]
    kept: tuple[NDArray[np.intp], ...]
    known: NDArray[np.bool_]
    y: Floats
    binned: Binned = field(default_factory=Binned)

    @cached_property
    def of(self) -> NDArray[np.intp]:
        """Return the row of the panel that each row is."""
        return np.concatenate(self.kept)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns that are known of some row at K."""
        return tuple(compress(self.designs[0].names, self.known))

    @property
    def rises(self) -> tuple[bool, ...]:
        """Return which of the columns are held monotone."""
        return tuple(compress(self.designs[0].rises, self.known))

    def own(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the matrix of some of the panel's rows at K itself."""
        return self.designs[0].matrix[mask][:, self.known]

    def rows(self, at: NDArray[np.intp]) -> Design:
        """Return the design of some of the rows."""
        matrix = np.empty((len(at), int(self.known.sum())), np.float32)
        end = 0
        for made, kept in zip(self.designs, self.kept, strict=True):
            start, end = end, end + len(kept)
            here = (at >= start) & (at < end)
            matrix[here] = made.matrix[kept[at[here] - start]][:, self.known]
        return Design(matrix, self.names, self.rises)


def designs(frame: pd.DataFrame, levels: Sequence[float], extra: Sequence[Extra] = ()) -> tuple[Design, ...]:
    """Return the design of a snapshot's rows at K, then at each level, as if K and S were so many times as high."""

    def at(times: float) -> Design:
        key, small = frame["key_spend"] * times, frame["small_spend"] * times
        return design(frame.assign(key_spend=key, small_spend=small), extra)

    return tuple(Parallel(n_jobs=threads(), prefer="threads")(delayed(at)(times) for times in (1.0, *levels)))


def lesson(made: Sequence[Design], rows: Panel, levels: Sequence[float]) -> Lesson:
    """Join the `designs` of training rows; at another level only of rows that were below it in the last horizon.

    Columns that are unknown everywhere at K are so at other levels too, and left out.
    """
    frame, ahead, target = rows.snapshot.frame, rows.outcome, rows.snapshot.target
    kept, reached = [np.arange(len(frame))], [ahead["target"].to_numpy()]
    for times in levels:
        key = frame["key_spend"] * times
        below = np.flatnonzero(frame["spend_h"] < key)
        kept.append(below)
        reached.append(grown(ahead["spend_ahead"], ahead["months_ahead"], key, target).to_numpy()[below])
    return Lesson(tuple(made), tuple(kept), known_columns(made[0]), np.concatenate(reached))
