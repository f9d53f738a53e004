"""Lines to their customer's place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from smartaccounts.features.sweep.compiled import compiled


@compiled
def placed(
    c: npt.NDArray[np.int32],
    some_ints: npt.NDArray[np.int32],
    some_longs: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    ints: npt.NDArray[np.int32],
    longs: npt.NDArray[np.int64],
) -> None:
    """Write the rows of some lines of the customers `c` to the next free rows of each, and move `place` on."""
    for i in range(len(c)):
        row = place[c[i]]
        place[c[i]] = row + 1
        for k in range(some_ints.shape[1]):
            ints[row, k] = some_ints[i, k]
        for k in range(some_longs.shape[1]):
            longs[row, k] = some_longs[i, k]
