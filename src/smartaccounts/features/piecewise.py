"""Rows of a snapshot, where all of them with what is made of them may be more than memory holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import default_memory_pool as arrow_memory

from smartaccounts.engine.memory import Room, release, release_tables
from smartaccounts.features.families import CATALOGUE

PIECE = 1 << 15
"""Rows of a table that are looked at together."""

TEXTS = 1 << 18
"""Rows whose texts are taken together: all that lies between them is copied each time."""


def pieces(frame: pd.DataFrame, kept: NDArray[np.intp] | None = None) -> Iterator[pd.DataFrame]:
    """Yield the rows of a frame, PIECE at a time, in their order; an empty frame once.

    kept: the places of the rows that are wanted, ascending, None for all. Of those PIECE at most lie in a piece, and
    they lie within PIECE rows of the frame: no more of it is in memory at once, where it lies in a file.
    """
    for first in range(0, max(len(frame), 1), PIECE):
        if kept is None:
            yield frame.iloc[first : first + PIECE]
        else:
            begin, end = np.searchsorted(kept, [first, first + PIECE])
            if begin < end or (not len(kept) and not first):
                yield frame.take(kept[begin:end]).reset_index(drop=True)
        released(frame)


def taken(frame: pd.DataFrame, at: NDArray[np.intp], room: Room) -> pd.DataFrame:
    """Return some rows of a frame: columns of texts and, last, those of float64 lie in the room."""
    numbers = [name for name, kind in frame.dtypes.items() if kind == np.float64]
    texts = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.StringDtype)]
    table = room.table((len(numbers), len(at)))
    for values, name in zip(table, numbers, strict=True):
        of = frame[name].to_numpy()
        np.take(of, at, out=values, mode="clip")  # any other mode makes a copy first
        release(of, values)
    rest = frame.drop(columns=[*numbers, *texts]).iloc[at].reset_index(drop=True)
    parts = [rest, pd.DataFrame(table.T, columns=numbers, copy=False)]
    if texts:
        parts.insert(0, texts_taken(pa.table({name: pa.chunked_array(frame[name]) for name in texts}), at, room))
    return pd.concat(parts, axis=1)


def texts_taken(table: pa.Table, at: NDArray[np.integer], room: Room) -> pd.DataFrame:
    """Return some rows of a table of texts, in the room, TEXTS at a time; tables in files are released then."""

    def batches() -> Iterator[pa.RecordBatch]:
        for begin in range(0, len(at), TEXTS):
            some = at[begin : begin + TEXTS]
            first, last = int(some.min()), int(some.max())
            yield from table.slice(first, last - first + 1).take(some - first).to_batches()

    found = room.frame(pa.RecordBatchReader.from_batches(table.schema, batches()))
    release_tables()
    return found


def released(frame: pd.DataFrame) -> None:
    """Let the system take back the memory of a snapshot's features, where they lie in a file: all in the same.

    What Arrow keeps of texts that are gone goes back too.
    """
    feature = next(iter(CATALOGUE))
    if feature in frame:
        release(frame[feature].to_numpy())
    arrow_memory().release_unused()
