"""The snapshot: what was known of every customer at an as_of. Training and prediction both come through here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial, singledispatch

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from smartaccounts.config import Target
from smartaccounts.engine.sql import COARSE_LIMIT, NARROW_LIMIT
from smartaccounts.features import by_sql
from smartaccounts.features.catalogue import Feature
from smartaccounts.features.extra import Extra, absent_extra, beside, extra_frame, with_extra
from smartaccounts.features.families import CATALOGUE, FAMILIES, absent_features
from smartaccounts.features.piecewise import pieces, released
from smartaccounts.features.standing import STANDING
from smartaccounts.features.sweep import run
from smartaccounts.features.sweep.keys import Keys, keyed, too_large
from smartaccounts.features.sweep.pieces import pieces as swept
from smartaccounts.orders.contract import Lines, OrderLines

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "KEY",
    "STANDING",
    "Snapshot",
    "absent_features",
    "latest",
    "snapshot",
    "snapshot_tables",
    "snapshots",
]

KEY = ["as_of", "market", "customer_id"]
Places = NDArray[np.intp]
_TYPES = {"as_of": "datetime64[us]", "market": "str", "customer_id": "str", "active": "bool", "eligible": "bool"}


@dataclass(frozen=True)
class Snapshot:
    """Features of every customer with a line known before as_of.

    table: one row per (as_of, market, customer_id), ascending. as_of date; active, eligible bool; key_spend (K) and
    small_spend (S) money, null in a market too small to judge; spend_h, spend_before_h money; season_h ratio (standing.py); then the features of
    the catalogue, float64, money raw, and `extra`, those of the pipeline file, in the same way. `absent` are the features
    that are null because the source lacks their columns.

    kept: the places of its rows in the table, None for all of them. Rows that are chosen are not copied: a table of
    many dates may be larger than memory, and lie in a file.
    """

    table: pd.DataFrame
    target: Target
    absent: tuple[str, ...]
    extra: tuple[Extra, ...] = ()
    kept: Places | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table if self.kept is None else self.kept)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return the rows with all their columns: a copy, where they are some of the table's."""
        if self.kept is None:
            return self.table
        parts = list(self.pieces())
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def column(self, name: str) -> pd.Series:
        """Return a column of the rows."""
        return self.columns(name)[name]

    def columns(self, *names: str) -> pd.DataFrame:
        """Return some columns of the rows."""
        if self.kept is None:
            return self.table[[*names]]
        found = pd.DataFrame({n: self.table[n].take(self.kept).reset_index(drop=True) for n in names}, copy=False)
        released(self.table)
        return found

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Yield the rows with all their columns, some at a time, as `piecewise.pieces` does."""
        return pieces(self.table, self.kept)

    def at(self, as_ofs: Sequence[date]) -> Snapshot:
        """Return the rows of some as_of dates."""
        return self.some(self.places_at(as_ofs))

    def places_at(self, as_ofs: Sequence[date]) -> Places:
        """Return the places of the rows of some as_of dates."""
        wanted = pd.to_datetime(pd.Series(list(as_ofs), dtype="object"))
        return places(self.column("as_of").isin(wanted), len(self))

    def eligible(self) -> Snapshot:
        """Return the eligible rows."""
        return self.of(self.column("eligible"))

    def of(self, mask: pd.Series) -> Snapshot:
        """Return the rows where `mask` holds, a value for each in their order."""
        return self.some(places(mask, len(self)))

    def some(self, at: Places) -> Snapshot:
        """Return some of the rows by their places, ascending."""
        return replace(self, kept=at if self.kept is None else self.kept[at])

    def of_table(self, table: pd.DataFrame) -> Snapshot:
        """Return a snapshot of other rows that were made alike."""
        return replace(self, table=table, kept=None)


def places(mask: pd.Series, rows: int) -> Places:
    """Return where a mask of so many rows holds; its index does not matter. ValueError where it is of others."""
    if len(mask) != rows:
        raise ValueError(f"Expected a mask of {rows:,} rows, got {len(mask):,}.")
    return np.flatnonzero(mask.to_numpy(dtype=bool))


def snapshot(
    lines: Lines,
    as_ofs: Sequence[date],
    target: Target,
    *,
    extra: Sequence[Extra] = (),
    step: Callable[[int], None] = lambda _: None,
) -> Snapshot:
    """Compute the snapshot of several as_of dates (one at least), all in one sweep.

    An as_of with less history than the horizon has no rows. `step` is told how many dates are done, now and then. extra: as
    `extra_features` checked them; PipelineError where the SQL of one fails on the lines.
    """
    return snapshots(lines, as_ofs, [target], extra=extra, step=step)[0]


@singledispatch
def snapshots(
    lines: Lines,
    as_ofs: Sequence[date],
    targets: Sequence[Target],
    *,
    extra: Sequence[Extra] = (),
    step: Callable[[int], None] = lambda _: None,
) -> tuple[Snapshot, ...]:
    """Compute what `snapshot` computes, for several targets (one at least); the features are computed once, on Spark once each.

    No feature depends on the target: only the columns STANDING do, and which as_of dates have enough history. Lines
    that lie elsewhere register how it is done there.
    """
    if not isinstance(lines, OrderLines):
        raise TypeError(f"no snapshot is registered for {type(lines).__name__}")
    parts: list[list[pd.DataFrame]] = [[] for _ in targets]
    for done, found in with_extra(_frames(lines, as_ofs, targets), lines, extra):
        for part, some in zip(parts, found, strict=True):
            part.append(some)
        step(done)
    frames = [one_frame(part, extra) for part in parts]
    absent = (*absent_features(lines.provided), *absent_extra(extra, lines.provided))
    return tuple(Snapshot(frame, target, absent, tuple(extra)) for frame, target in zip(frames, targets, strict=True))


@singledispatch
def latest(
    lines: Lines, earlier: date, as_of: date, target: Target, *, extra: Sequence[Extra] = ()
) -> tuple[Snapshot, Snapshot]:
    """Return how customers stood at an earlier date, KEY and STANDING alone, and the snapshot of as_of.

    Both as `snapshot` would have them; its errors. Lines that lie elsewhere register how it is done there.
    """
    if not isinstance(lines, OrderLines):
        raise TypeError(f"no latest snapshot is registered for {type(lines).__name__}")
    (_, keys), *others = _fitting(lines, [earlier, as_of])
    if keys is not None and not others:
        then, now = run.latest(lines, earlier, as_of, target, keys=keys)
        if extra:
            now = beside(now, {pd.Timestamp(as_of): extra_frame(lines, as_of, extra)}, extra)
        absent = (*absent_features(lines.provided), *absent_extra(extra, lines.provided))
        made = Snapshot(one_frame([now], extra), target, absent, tuple(extra))
        return made.of_table(then.astype(_TYPES)), made
    seen = snapshot(lines, [earlier, as_of], target, extra=extra)
    return seen.of_table(seen.columns(*KEY, *STANDING)).at([earlier]), seen.at([as_of])


def snapshot_tables(
    lines: OrderLines, as_ofs: Sequence[date], target: Target, *, extra: Sequence[Extra] = (), double: bool = False
) -> Iterator[pa.Table]:
    """Yield the rows of `snapshot`, by market, customer_id and as_of, as Arrow tables (as_of date32).

    Dates at which money is larger than 64 bits of 1e-9 hold come after the others, in the same way; those at which it is
    too large for the sweep come last, by as_of, market and customer_id.

    Features that are no money are float32; with `double` they stay float64, as money always does.
    """
    finish = partial(as_table, extra=extra, double=double)
    for dates, keys in _fitting(lines, as_ofs):
        if keys is not None:
            yield from swept(lines, dates, target, finish, keys=keys, extra=extra)
            continue
        for _, (found,) in with_extra(by_sql.frames(lines, dates, [target]), lines, extra):
            if len(found):
                yield finish(found)


def as_table(frame: pd.DataFrame, *, extra: Sequence[Extra] = (), double: bool) -> pa.Table:
    """Return a copy of rows of a snapshot as an Arrow table, as `snapshot_tables` does."""
    features: list[Feature | Extra] = [*CATALOGUE.values(), *extra]
    single = set() if double else {f.name for f in features if not f.unit.startswith("money")}
    columns = {
        name: pa.array(column.to_numpy(np.float32 if name in single else None, copy=True), from_pandas=True)
        if name not in KEY
        else pa.array(column)
        for name, column in frame.items()
    }
    columns["as_of"] = columns["as_of"].cast(pa.date32())
    return pa.table(columns)


def _frames(
    lines: OrderLines, as_ofs: Sequence[date], targets: Sequence[Target]
) -> Iterator[tuple[int, list[pd.DataFrame]]]:
    """Yield, some as_of dates at a time, how many they were, and per target the frames of their rows."""
    for dates, keys in _fitting(lines, as_ofs):
        if keys is None:
            yield from by_sql.frames(lines, dates, targets)
        else:
            yield len(dates), run.whole(lines, dates, targets, keys=keys)


def _fitting(lines: OrderLines, as_ofs: Sequence[date]) -> list[tuple[list[date], Keys | None]]:
    """Return the dates, ascending, in groups (one at least) that are done together, with the keys of what was known.

    The sums of money of one customer are at the scale of the keys, the same at every date of a group; from a date on at
    which they are too large for any SQL does it: None. Lines of the future have no say in that.
    """
    dates = sorted(set(as_ofs))
    keys = keyed(lines, known_before=dates[-1])
    if keys.most < NARROW_LIMIT:
        return [(dates, keys)]
    fine = _within(lines, dates, NARROW_LIMIT)
    coarse = len(dates) if keys.most < COARSE_LIMIT else _within(lines, dates, COARSE_LIMIT)
    groups: list[tuple[list[date], Keys | None]] = [
        (some, keys if some[-1] == dates[-1] else keyed(lines, known_before=some[-1]))
        for some in (dates[:fine], dates[fine:coarse])
        if some
    ]
    return [*groups, *([(dates[coarse:], None)] if dates[coarse:] else [])]


def _within(lines: OrderLines, dates: Sequence[date], limit: float) -> int:
    """Return how many of the dates, ascending, come before the money of one customer passes a limit."""
    return bisect_left(dates, 1, key=lambda d: int(too_large(lines, limit, known_before=d)))


def one_frame(parts: Sequence[pd.DataFrame], extra: Sequence[Extra]) -> pd.DataFrame:
    """Return the parts that have rows as the frame of a `Snapshot`."""
    parts = [part for part in parts if len(part)]
    if not parts:
        names = [*KEY, *STANDING, *CATALOGUE, *(e.name for e in extra)]
        return pd.DataFrame(columns=names, dtype="float64").astype(_TYPES)
    return (parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)).astype(_TYPES)
