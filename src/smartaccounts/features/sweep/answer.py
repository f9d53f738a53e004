"""The columns that are being written, one row per customer and as_of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smartaccounts.engine.memory import Empty, release, scattered
from smartaccounts.features.sweep import products


@dataclass(frozen=True)
class Answer:
    """The columns that are being written: one row of `values` each, null where nothing is written."""

    place: dict[str, int]
    absent: frozenset[str]
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, names: Sequence[str], absent: frozenset[str], *, rows: int, empty: Empty = np.empty) -> Answer:
        """Make some columns, those that are absent null; `empty` makes a table of a shape."""
        place = {name: i for i, name in enumerate(names)}
        values = empty((len(names), rows))
        later = (*absent, *products.ASSORTED, *products.CATEGORISED)
        with scattered(values):  # or later writes here and there would bring what lies around into memory
            for at in (place[name] for name in later if name in place):
                values[at] = np.nan
                release(values)
        return cls(place, absent, values)

    def columns(self) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
        """Yield the columns by name."""
        return zip(self.place, self.values, strict=True)

    def frame(self, names: Sequence[str], rows: slice) -> pd.DataFrame:
        """Return some rows of columns that lie side by side, where they lie."""
        first = self.place[names[0]]
        return pd.DataFrame(self.values[first : first + len(names), rows].T, columns=[*names], copy=False)

    def into(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return where columns are written; -1 where one is absent."""
        return np.array([-1 if n in self.absent else self.place[n] for n in names], dtype=np.int64)
