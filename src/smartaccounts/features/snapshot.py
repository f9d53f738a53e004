"""The snapshot: what was known of every customer at an as_of. Training and prediction both come through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from smartaccounts.config import Target
from smartaccounts.features import cube
from smartaccounts.features.assortment import ASSORTMENT, CATEGORIES
from smartaccounts.features.catalogue import Family, Feature
from smartaccounts.features.peers import PEERS
from smartaccounts.features.price import MARGIN, POSITION
from smartaccounts.features.rhythm import GAPS, RHYTHM
from smartaccounts.features.season import SEASON
from smartaccounts.features.service import SERVICE
from smartaccounts.features.spend import SPEND
from smartaccounts.features.standing import standing_sql
from smartaccounts.orders.contract import OrderLines

if TYPE_CHECKING:
    import pyarrow as pa

FAMILIES: tuple[Family, ...] = (SPEND, SEASON, RHYTHM, GAPS, ASSORTMENT, CATEGORIES, POSITION, MARGIN, SERVICE, PEERS)
CATALOGUE: dict[str, Feature] = {f.name: f for family in FAMILIES for f in family.features}

KEY = ["as_of", "market", "customer_id"]
STANDING = ["active", "eligible", "key_spend", "small_spend", "spend_h", "spend_before_h", "season_h"]

AT_ONCE = 4
"""As_of dates laid out in memory at once."""


@dataclass(frozen=True)
class Snapshot:
    """Features of every customer with a line known before as_of.

    frame: one row per (as_of, market, customer_id), ascending. as_of date; active, eligible bool; key_spend (K) and
    small_spend (S) money, null in a market too small to judge; spend_h, spend_before_h money; season_h ratio (standing.py); then the features of
    the catalogue, float64, money raw. `absent` are the features that are null because the source lacks their columns.
    """

    frame: pd.DataFrame
    target: Target
    absent: tuple[str, ...]

    def at(self, as_ofs: Sequence[date]) -> Snapshot:
        """Return the rows of some as_of dates."""
        wanted = pd.to_datetime(pd.Series(list(as_ofs), dtype="object"))
        return Snapshot(self.frame[self.frame["as_of"].isin(wanted)].reset_index(drop=True), self.target, self.absent)

    def eligible(self) -> Snapshot:
        """Return the eligible rows."""
        return Snapshot(self.frame[self.frame["eligible"]].reset_index(drop=True), self.target, self.absent)


def absent_features(provided: frozenset[str]) -> tuple[str, ...]:
    """Return the features that a source with these contract columns cannot have."""
    return tuple(f.name for f in CATALOGUE.values() if not provided.issuperset(f.needs))


def snapshot(
    lines: OrderLines, as_ofs: Sequence[date], target: Target, *, step: Callable[[int], None] = lambda _: None
) -> Snapshot:
    """Compute the snapshot of several as_of dates (one at least); the lines are scanned once.

    An as_of with less history than the horizon has no rows. `step` is told after every few dates how many are done.
    """
    return snapshots(lines, as_ofs, [target], step=step)[0]


def snapshots(
    lines: OrderLines,
    as_ofs: Sequence[date],
    targets: Sequence[Target],
    *,
    step: Callable[[int], None] = lambda _: None,
) -> tuple[Snapshot, ...]:
    """Compute what `snapshot` computes, for several targets (one at least); the features are computed once.

    No feature depends on the target: only the columns STANDING do, and which as_of dates have enough history.
    """
    parts: list[list[pd.DataFrame]] = [[] for _ in targets]
    for done, answers in _answers(lines, as_ofs, targets):
        for part, sql in zip(parts, answers, strict=True):
            # an answer without rows comes with objects for texts
            part.append(lines.engine.frame(sql).astype({"market": "str", "customer_id": "str"}))
        step(done)
    frames = [pd.concat(part, ignore_index=True) if len(part) != 1 else part[0] for part in parts]
    absent = absent_features(lines.provided)
    return tuple(Snapshot(frame, target, absent) for frame, target in zip(frames, targets, strict=True))


def snapshot_tables(lines: OrderLines, as_ofs: Sequence[date], target: Target) -> Iterator[pa.Table]:
    """Yield the frame of `snapshot` in parts, a few as_of dates each, as Arrow tables (as_of date32)."""
    for _, (sql,) in _answers(lines, as_ofs, [target]):
        yield lines.engine.arrow(sql)


def _answers(
    lines: OrderLines, as_ofs: Sequence[date], targets: Sequence[Target]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Lay out a few as_of dates at a time; yield how many, and per target the SELECT of its rows, to be run before the next."""
    cube.build(lines)
    dates = sorted(set(as_ofs))
    for start in range(0, len(dates), AT_ONCE):
        chunk = dates[start : start + AT_ONCE]
        _lay_out(lines, chunk, horizon_days=min(t.horizon_days for t in targets))
        yield len(chunk), tuple(_answer(lines, target, standing=f"standing_{i}") for i, target in enumerate(targets))


def _lay_out(lines: OrderLines, as_ofs: Sequence[date], *, horizon_days: int) -> None:
    """Make the table of every family, of the as_of dates with so much history."""
    engine = lines.engine
    cube.see(lines, as_ofs, horizon_days=horizon_days)
    for family in FAMILIES:
        if family is PEERS:
            engine.run(_LEVELS)
        engine.run(f"CREATE OR REPLACE TABLE {_table(family)} AS {family.sql(lines.provided)}")


def _answer(lines: OrderLines, target: Target, *, standing: str) -> str:
    """Make the table `standing` of what is laid out; return the SELECT of its rows with all features beside."""
    lines.engine.run(f"CREATE OR REPLACE TABLE {standing} AS {standing_sql(target)}")
    absent = absent_features(lines.provided)
    columns = ",\n  ".join(_column(f, family, absent) for family in FAMILIES for f in family.features)
    joins = "\n".join(
        f"LEFT JOIN {t} ON {t}.as_of = s.as_of AND {t}.c = s.c" for t in (standing, *(_table(f) for f in FAMILIES))
    )
    return f"""
        SELECT DATE '1970-01-01' + s.as_of AS as_of, s.market, s.customer_id, {standing}.active = 1 AS active,
          {standing}.eligible = 1 AS eligible, key_spend, small_spend, spend_h, spend_before_h, season_h,
          {columns}
        FROM seen s {joins} WHERE s.history_days >= {target.horizon_days} ORDER BY s.as_of, s.c"""


# what peers are ranked by: one row per row of the snapshot
_LEVELS = """CREATE OR REPLACE TABLE levels AS
SELECT s.as_of, s.c, s.market, s.customer_id, s.history_days, s.as_of - s.first_day AS tenure_days,
  COALESCE(p.spend_91d, 0) AS spend_91d, COALESCE(p.spend_182d, 0) AS spend_182d, COALESCE(p.spend_365d, 0) AS spend_365d,
  COALESCE(p.spend_prior_182d, 0) AS spend_prior_182d, COALESCE(p.spend_decay_180d, 0) AS spend_decay_180d,
  y.spend_year_ago_ahead_182d, y.spend_year_ago_behind_182d
FROM seen s
LEFT JOIN family_spend p ON p.as_of = s.as_of AND p.c = s.c
LEFT JOIN family_season y ON y.as_of = s.as_of AND y.c = s.c"""


def _table(family: Family) -> str:
    return f"family_{family.name}"


def _column(feature: Feature, family: Family, absent: Sequence[str]) -> str:
    column = f"{_table(family)}.{feature.name}"
    zero = feature.zero and feature.name not in absent
    return f"COALESCE({column}, 0) AS {feature.name}" if zero else column
