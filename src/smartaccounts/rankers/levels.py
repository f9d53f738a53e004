"""The same past against several levels of K: who came to 0.7 or 1.4 of a key account's spend teaches the same growth.

Money enters the design over K, so that a row against another K is one more example of what precedes a rise to a level,
and a few key accounts become many. Only the learner sees them: probabilities are calibrated at K alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from smartaccounts.engine.threads import threads
from smartaccounts.features.extra import Extra
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.binned import Binned
from smartaccounts.rankers.design import Design, design
from smartaccounts.target import grown


@dataclass(frozen=True)
class Lesson:
    """What a learner is given. design: a row per row of a panel, in its order, then rows of it at other levels.

    y: 1 where the row reached its level in the horizon, else 0. of: the row of the panel that a row of the design is.
    binned: what was binned of the design so far.
    """

    design: Design
    y: Floats
    of: NDArray[np.intp]
    binned: Binned = field(default_factory=Binned)

    @property
    def own(self) -> NDArray[np.float32]:
        """Return the matrix of the panel's rows at K itself."""
        return self.design.matrix[: int(self.of.max(initial=-1)) + 1]


def designs(frame: pd.DataFrame, levels: Sequence[float], extra: Sequence[Extra] = ()) -> tuple[Design, ...]:
    """Return the design of a snapshot's rows at K, then at each level, as if K and S were so many times as high."""

    def at(times: float) -> Design:
        key, small = frame["key_spend"] * times, frame["small_spend"] * times
        return design(frame.assign(key_spend=key, small_spend=small), extra)

    return tuple(Parallel(n_jobs=threads(), prefer="threads")(delayed(at)(times) for times in (1.0, *levels)))


def lesson(made: Sequence[Design], rows: Panel, levels: Sequence[float]) -> Lesson:
    """Stack the `designs` of training rows; at another level only of rows that were below it in the last horizon."""
    frame, ahead, target = rows.snapshot.frame, rows.outcome, rows.snapshot.target
    kept, reached = [np.arange(len(frame))], [ahead["target"].to_numpy()]
    for times in levels:
        key = frame["key_spend"] * times
        below = np.flatnonzero(frame["spend_h"] < key)
        kept.append(below)
        reached.append(grown(ahead["spend_ahead"], ahead["months_ahead"], key, target).to_numpy()[below])
    first = made[0]
    matrices = [first.matrix, *(d.matrix[below] for d, below in zip(made[1:], kept[1:], strict=True))]
    stacked = np.vstack(matrices) if levels else first.matrix
    return Lesson(Design(stacked, first.names, first.rises), np.concatenate(reached), np.concatenate(kept))
