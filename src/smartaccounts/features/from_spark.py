"""A snapshot that was computed on Spark, brought here date by date: its numbers lie where this process has room for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smartaccounts.config import Target
from smartaccounts.engine.memory import Empty, release, scattered
from smartaccounts.features.extra import Extra
from smartaccounts.features.families import CATALOGUE
from smartaccounts.features.on_spark import snapshot_on_spark
from smartaccounts.features.snapshot import KEY, STANDING, Snapshot, latest, one_frame, snapshots
from smartaccounts.orders.on_spark import SparkLines, packed, table_of

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Frame

_MADE = pa.schema([("as_of", pa.date32()), ("content", pa.binary())])
_FLAGS = ["active", "eligible"]
_AMOUNTS = [name for name in STANDING if name not in _FLAGS]


@snapshots.register
def _brought(
    lines: SparkLines,
    as_ofs: Sequence[date],
    targets: Sequence[Target],
    *,
    extra: Sequence[Extra] = (),
    step: Callable[[int], None] = lambda _: None,
) -> tuple[Snapshot, ...]:
    """Compute on the cluster, for one target after another, and bring the rows here.

    A row per customer and as_of, whatever the number of lines: about 1.2 KB of numbers each, in a table of
    `lines.engine.room`; who it is, some 40 bytes, stays in memory.
    """
    made = []
    for target in targets:
        with _computed(lines, as_ofs, target, extra) as there:
            made.append(there.snapshot(there.dates, step))
    return tuple(made)


@latest.register
def _latest(
    lines: SparkLines, earlier: date, as_of: date, target: Target, *, extra: Sequence[Extra] = ()
) -> tuple[Snapshot, Snapshot]:
    """Compute both dates on the cluster; of the earlier one nothing but the standing comes here, features of the
    pipeline file are computed of both.
    """
    with _computed(lines, [earlier, as_of], target, extra, standing_alone=[earlier]) as there:
        now = there.snapshot([d for d in there.dates if d == as_of])
        stood = there.table([d for d in there.dates if d == earlier], _AMOUNTS)
        return now.of_table(one_frame([stood], extra)[[*KEY, *STANDING]]), now


@dataclass(frozen=True)
class _There:
    """What lies on the cluster. rows: of each as_of that has some; frame: those of `_by_date`; empty: makes a table."""

    rows: dict[date, int]
    frame: Frame
    absent: tuple[str, ...]
    target: Target
    extra: tuple[Extra, ...]
    empty: Empty

    @property
    def dates(self) -> list[date]:
        """Return the dates that have rows, ascending."""
        return sorted(self.rows)

    def snapshot(self, dates: Sequence[date], step: Callable[[int], None] = lambda _: None) -> Snapshot:
        """Bring the snapshot of some of the dates here; `step` is told how many are done."""
        frame = self.table(dates, [*_AMOUNTS, *CATALOGUE, *(e.name for e in self.extra)], step)
        return Snapshot(one_frame([frame], self.extra), self.target, self.absent, self.extra)

    def table(
        self, dates: Sequence[date], numbers: Sequence[str], step: Callable[[int], None] = lambda _: None
    ) -> pd.DataFrame:
        """Bring the rows of some dates here, by as_of, market and customer_id. numbers: what follows KEY and the flags."""
        ends = [*accumulate((self.rows[day] for day in dates), initial=0)]
        table, others = self.empty((len(numbers), ends[-1])), [_OTHERS.empty_table()]
        for done, day in enumerate(dates, start=1):
            came = self.frame.where(f"as_of = DATE '{day}'").tuples()
            pieces = (table_of(bytes(content)) for _, content in came)
            others.append(_placed(pieces, numbers, table[:, ends[done - 1] : ends[done]]))
            step(done)
        told = pa.concat_tables(others).to_pandas(date_as_object=False)
        made: pd.DataFrame = pd.concat([told, pd.DataFrame(table.T, columns=[*numbers], copy=False)], axis=1)
        return made


_OTHERS = pa.schema(
    [("as_of", pa.date32()), *((k, pa.string()) for k in KEY[1:]), *((flag, pa.bool_()) for flag in _FLAGS)]
)


def _placed(pieces: Iterable[pa.Table], numbers: Sequence[str], table: npt.NDArray[np.float64]) -> pa.Table:
    """Write the numbers of the rows of an as_of to `table`, by market and customer_id; return the other columns."""
    others, done = [_OTHERS.empty_table()], 0
    with scattered(table):
        for piece in pieces:
            rows = slice(done, done + piece.num_rows)
            done = rows.stop
            if done > table.shape[1]:
                break
            for values, name in zip(table, numbers, strict=True):
                values[rows] = piece[name].to_numpy()
            release(table)
            others.append(piece.select(_OTHERS.names).cast(_OTHERS))
    if done != table.shape[1]:
        raise AssertionError(f"{done} rows came of {table.shape[1]} that were counted")
    told = pa.concat_tables(others)
    order = pc.sort_indices(told, [(k, "ascending") for k in KEY]).to_numpy()
    for values in table:
        values[:] = values[order]
        release(table)
    return told.take(order)


@contextmanager
def _computed(
    lines: SparkLines,
    as_ofs: Sequence[date],
    target: Target,
    extra: Sequence[Extra],
    *,
    standing_alone: Collection[date] = (),
) -> Iterator[_There]:
    """Compute a snapshot; of some dates the standing alone is kept."""
    use = partial(_by_date, standing_alone=frozenset(standing_alone))
    with (
        snapshot_on_spark(lines, as_ofs, target, extra=extra, double=True) as there,
        there.finished(use, _MADE).kept() as frame,
    ):
        frame.rows()  # computed where the parts lie, before they are read in few
        few = frame.in_few(max(there.rows.values(), default=0))
        yield _There(there.rows, few, there.absent, target, tuple(extra), lines.engine.room.table)


def _by_date(rows: pa.Table, *, standing_alone: frozenset[date]) -> pa.Table:
    """Return the rows of each as_of, packed."""
    days = rows["as_of"].unique()
    standing = rows.select([*KEY, *STANDING])
    contents = [
        packed((standing if day.as_py() in standing_alone else rows).filter(pc.equal(rows["as_of"], day)))
        for day in days
    ]
    return pa.table({"as_of": days, "content": pa.array(contents, pa.binary())})
