"""The snapshot on Spark: the sweep over one part of the customers after another, and between them what the market must know.

A part is swept thrice, each time by the compiled code of `sweep`: for the columns that a market is ranked and summed by, for what was
sold of each product, and for the answer. What lies between is small: figures of a market, of a product, of a row in its market.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from smartaccounts.config import Target
from smartaccounts.engine.sql import NARROW_LIMIT
from smartaccounts.errors import InputError
from smartaccounts.features.extra import Extra, absent_extra, beside, extra_frame
from smartaccounts.features.families import CATALOGUE, absent_features
from smartaccounts.features.snapshot import KEY, STANDING, Snapshot, as_table, one_frame, snapshots
from smartaccounts.features.sweep import coded, products, sold, standing
from smartaccounts.features.sweep.answer import Answer
from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.columns import Baskets, no_baskets
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.features.sweep.peers import LEVELS, PEERS, Rows, peers
from smartaccounts.features.sweep.run import answered, levels
from smartaccounts.features.sweep.seen import Seen, first_days, see, with_history
from smartaccounts.orders.on_spark import SparkLines, part_of_lines
from smartaccounts.timeline import day_number, from_day_number

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Frame

_ROW = [("as_of", pa.int32()), ("part", pa.int32()), ("c", pa.int32())]
_CODED = pa.schema([("part", pa.int32()), ("held", pa.binary()), ("first_days", pa.list_(pa.int32()))])
_COUNTED = tuple(f"n{i}" for i in range(6))
"""The columns of `sweep.run.counts`."""
_COUNTS = pa.schema(
    [("as_of", pa.int32()), ("market", pa.string()), ("product_id", pa.string()), *((n, pa.int64()) for n in _COUNTED)]
)
_BARS = pa.schema([("as_of", pa.int32()), ("market", pa.string()), ("bar", pa.int64()), ("share", pa.float64())])
"""Of the buyers of a market at an as_of: from which scaled money on they are large, and how many are."""


@dataclass(frozen=True)
class SparkSnapshot:
    """A snapshot on a cluster: the frame has the columns of `snapshot_tables`; rows: of each as_of that has some."""

    frame: Frame
    rows: dict[date, int]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class _Asked:
    """What every part must know. first_days: of the whole history, at each of the dates."""

    dates: tuple[date, ...]
    first_days: tuple[int | None, ...]
    target: Target
    absent: frozenset[str]
    extra: tuple[Extra, ...]
    double: bool

    def see(self, held: Coded) -> Seen:
        """Return who is seen of a part."""
        return see(held, with_history(self.dates, self.first_days, horizon_days=self.target.horizon_days))

    def schema(self) -> pa.Schema:
        """Return the columns of the answer."""
        names = [*KEY[1:], *STANDING, *CATALOGUE, *(e.name for e in self.extra)]
        texts, flags = dict.fromkeys(KEY[1:], str), dict.fromkeys(("active", "eligible"), True)
        example = pd.DataFrame({n: [texts[n]()] if n in texts else [flags.get(n, 0.0)] for n in names})
        example.insert(0, "as_of", pd.Series([0], dtype="datetime64[us]"))
        kinds = as_table(example, extra=self.extra, double=self.double).schema
        return pa.schema([(f.name, pa.string() if f.name in texts else f.type) for f in kinds])


@contextmanager
def snapshot_on_spark(
    lines: SparkLines,
    as_ofs: Sequence[date],
    target: Target,
    *,
    extra: Sequence[Extra] = (),
    double: bool = False,
) -> Iterator[SparkSnapshot]:
    """Compute the snapshot of several as_of dates (one at least), as `snapshot_tables` does; it is there inside the block.

    InputError where the money of one customer passes what the sweep can sum.
    """
    dates = tuple(sorted(set(as_ofs)))
    absent = absent_features(lines.provided)
    own = tuple(extra)
    parts = lines.frame.mapped(
        partial(_coded, provided=lines.provided, held=lines.held, dates=dates, extra=own), _CODED
    )
    with parts.kept():
        asked = _Asked(dates, _first_days(parts, dates), target, frozenset(absent), own, double)
        names = [*LEVELS, *standing.totals(target)]
        schema = pa.schema(
            [*_ROW, ("market", pa.string()), ("customer_id", pa.string()), *((n, pa.float64()) for n in names),
             ("spent", pa.int64()), ("bought", pa.int64())]
        )  # fmt: skip
        levels = parts.mapped(partial(_levels, asked=asked), schema)
        with levels.kept():
            counted = levels.summed(["as_of"], {"rows": "count(*)"}).arrow().to_pylist()
            known = None if asked.absent.issuperset(products.ASSORTED) else _known(parts, levels, asked)
            stood = pa.schema([*_ROW, *((n, pa.float64()) for n in (*PEERS, *STANDING))])
            stands = levels.grouped(["as_of"], partial(_stood, asked=asked), stood)
            rows = {from_day_number(r["as_of"]): r["rows"] for r in counted}
            finished = partial(_finished, asked=asked, known=known)
            yield SparkSnapshot(
                parts.beside(stands, "part", finished, asked.schema()),
                rows,
                (*absent, *absent_extra(own, lines.provided)),
            )


@snapshots.register
def _collected(
    lines: SparkLines,
    as_ofs: Sequence[date],
    targets: Sequence[Target],
    *,
    extra: Sequence[Extra] = (),
    step: Callable[[int], None] = lambda _: None,
) -> tuple[Snapshot, ...]:
    """Compute on the cluster, for one target after another, and bring the rows here, date by date.

    A row per customer and as_of, whatever the number of lines: about 1.2 KB each.
    """
    made = []
    for target in targets:
        parts = []
        with snapshot_on_spark(lines, as_ofs, target, extra=extra, double=True) as there, there.frame.kept() as frame:
            for done, day in enumerate(sorted(there.rows), start=1):
                rows = frame.where(f"as_of = DATE '{day}'").arrow()
                parts.append(rows.sort_by([(k, "ascending") for k in KEY]).to_pandas())
                step(done)
            made.append(Snapshot(one_frame(parts, extra), target, there.absent, tuple(extra)))
    return tuple(made)


def _coded(
    part: int, batches: Iterator[pa.RecordBatch], *, provided: frozenset[str], held: Sequence[str], dates: Sequence[date],
    extra: Sequence[Extra],
) -> Iterator[pa.Table]:  # fmt: skip
    """Return the lines of a part as numbers, its products' names and its features of the pipeline file, in one row."""
    with part_of_lines(batches, held=held, provided=provided) as lines:
        if lines is None:
            return
        keys = keyed(lines, known_before=dates[-1])
        if keys.most >= NARROW_LIMIT:
            raise InputError(
                f"Expected money of one customer that sums up to less than 9e9 before {dates[-1]}, got more.",
                hint="Use engine: embedded for this source, or give the amounts in thousands.",
            )
        if not keys.customers.num_rows:
            return
        numbers, names = coded.coded(lines, keys), keys.products.select(["market", "product_id"])
        own = {pd.Timestamp(d): extra_frame(lines, d, extra) for d in dates} if extra else {}
        row = {
            "part": [part],
            "held": [pickle.dumps((numbers, names, own), protocol=5)],
            "first_days": [first_days(numbers, dates)],
        }
        yield pa.table(row, schema=_CODED)


def _held(
    batches: Iterator[pa.RecordBatch] | pa.Table,
) -> Iterator[tuple[int, Coded, pa.Table, Mapping[pd.Timestamp, pd.DataFrame]]]:
    """Yield the parts: number, lines, the products' names, and the features of the pipeline file by as_of."""
    for batch in batches.to_batches() if isinstance(batches, pa.Table) else batches:
        for part, held in zip(batch["part"], batch["held"], strict=True):
            yield part.as_py(), *pickle.loads(held.as_py())


def _first_days(parts: Frame, dates: Sequence[date]) -> tuple[int | None, ...]:
    """Return the first day of the history as it was known at each date."""
    by_date = zip(*parts.columns(["first_days"]).arrow()["first_days"].to_pylist(), strict=True)
    first = tuple(min((d for d in days if d is not None), default=None) for days in by_date)
    return first or (None,) * len(dates)


def _levelled(held: Coded, seen: Seen, target: Target) -> tuple[Answer, Baskets]:
    """Return what the market must know of a part, and the baskets."""
    answer = Answer.of([*LEVELS, *standing.totals(target)], frozenset(), rows=seen.rows)
    baskets = no_baskets(seen)
    levels(held, seen, target, answer, baskets)
    return answer, baskets


def _levels(_: int, batches: Iterator[pa.RecordBatch], *, asked: _Asked) -> Iterator[pa.Table]:
    """Return the rows of the answer with what their market must know of them."""
    for part, held, _names, _extra in _held(batches):
        seen = asked.see(held)
        answer, baskets = _levelled(held, seen, asked.target)
        a, c = seen.date, seen.customer
        who = held.customers.take(c)
        yield pa.table(
            {
                "as_of": seen.dates.as_ofs[a].astype(np.int32),
                "part": np.full(len(a), part, dtype=np.int32),
                "c": c,
                "market": who["market"],
                "customer_id": who["customer_id"],
                **dict(answer.columns()),
                "spent": baskets[a, c, 0],
                "bought": baskets[a, c, 1],
            }
        )


def _known(parts: Frame, levels: Frame, asked: _Asked) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the products (market, product_id, ascending) and what is known of each at each as_of."""
    bars = levels.columns(["as_of", "market", "spent", "bought"]).where("bought > 0")
    at = bars.grouped(["as_of", "market"], _bar, _BARS).arrow().to_pandas()
    bar = {(r.as_of, r.market): int(r.bar) for r in at.itertuples()}
    sums = {n: f"sum({n})" for n in _COUNTED}
    counted = parts.mapped(partial(_counts, asked=asked, bar=bar), _COUNTS)
    told = counted.summed(["as_of", "market", "product_id"], sums).arrow().to_pandas()
    names = told[["market", "product_id"]].drop_duplicates().sort_values(["market", "product_id"], ignore_index=True)
    as_ofs, markets = np.unique(at["as_of"]), np.unique(at["market"].to_numpy(object))
    shares = np.full((len(as_ofs), len(markets)), np.nan)
    shares[np.searchsorted(as_ofs, at["as_of"]), np.searchsorted(markets, at["market"].to_numpy(object))] = at["share"]
    counts = np.zeros((len(names), len(as_ofs), 6), dtype=np.int64)
    product = told.merge(names.reset_index(names="code"), on=["market", "product_id"], how="left")["code"]
    counts[product, np.searchsorted(as_ofs, told["as_of"])] = told[[*_COUNTED]].to_numpy()
    market = np.searchsorted(markets, names["market"].to_numpy(object)).astype(np.int32)
    known = sold.known_of(counts, shares, market)
    everywhen = np.full((len(names), len(asked.dates), 4), np.nan)
    days = [day_number(d) for d in asked.dates]
    everywhen[:, np.searchsorted(days, as_ofs)] = known
    return names, everywhen


def _bar(buyers: pa.Table) -> pa.Table:
    """Return from what on the buyers of one market at one as_of are large."""
    spent = buyers["spent"].to_numpy()
    large = sold.large_buyers(spent)
    bar = spent[large].min() if large.any() else np.iinfo(np.int64).max
    first = buyers.select(["as_of", "market"]).slice(0, 1)
    return first.append_column("bar", [[bar]]).append_column("share", [[large.sum() / len(large)]])


def _counts(
    _: int, batches: Iterator[pa.RecordBatch], *, asked: _Asked, bar: dict[tuple[int, str], int]
) -> Iterator[pa.Table]:
    """Count what was sold of each product in a part."""
    for _part, held, names, _extra in _held(batches):
        seen = asked.see(held)
        baskets, as_ofs = _levelled(held, seen, asked.target)[1], seen.dates.as_ofs
        markets = held.customers["market"].take(held.markets[:-1]).to_pylist()
        bars = np.array([[bar.get((int(d), m), 0) for m in markets] for d in as_ofs]).reshape(-1, len(markets))
        bar_of = np.repeat(bars, np.diff(held.markets), axis=1)
        large = np.where(baskets[..., 1] > 0, baskets[..., 0] >= bar_of, -1).astype(np.int8)
        counts = sold.counts(held, seen.dates, large)
        product, a = np.nonzero(counts[..., products.BUYERS])
        rows = names.take(product).append_column("as_of", pa.array(as_ofs[a].astype(np.int32)))
        for i, name in enumerate(_COUNTED):
            rows = rows.append_column(name, pa.array(counts[product, a, i]))
        yield rows


def _stood(rows: pa.Table, *, asked: _Asked) -> pa.Table:
    """Return how every row of one as_of stands in its market."""
    rows = rows.sort_by([("market", "ascending"), ("customer_id", "ascending")])
    market = rows["market"].combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.append(np.flatnonzero(np.diff(market, prepend=-1)), len(market))
    person = rows["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    as_of = rows["as_of"][0].as_py()
    first = asked.first_days[asked.dates.index(from_day_number(as_of))]
    history = as_of - (as_of if first is None else first)
    at = {name: rows[name].to_numpy() for name in (*LEVELS, *standing.totals(asked.target))}
    values = peers(Rows(at, starts, person, history)) | standing.standing(at, starts, history, asked.target)
    answer = rows.select([name for name, _ in _ROW])
    for name, column in values.items():
        answer = answer.append_column(name, pa.array(np.asarray(column, dtype=np.float64)))
    return answer


def _finished(
    part: pa.Table, stands: pa.Table, *, asked: _Asked, known: tuple[pd.DataFrame, npt.NDArray[np.float64]] | None
) -> pa.Table:
    """Return the rows of a part with all their columns, ascending by market, customer_id and as_of."""
    if not part.num_rows or not stands.num_rows:
        return asked.schema().empty_table()
    ((_, held, names, own),) = _held(part)
    seen = asked.see(held)
    there = (
        np.empty((0, len(seen.dates.as_ofs), 4)) if known is None else _of(names, *known, last=len(seen.dates.as_ofs))
    )
    stands = stands.sort_by([("c", "ascending"), ("as_of", "ascending")])
    stood = {name: stands[name].to_numpy() for name in (*PEERS, *STANDING)}
    rows = answered(held, seen, asked.absent, there, stood)
    return as_table(beside(rows, own, asked.extra) if asked.extra else rows, extra=asked.extra, double=asked.double)


def _of(
    names: pa.Table, products: pd.DataFrame, known: npt.NDArray[np.float64], *, last: int
) -> npt.NDArray[np.float64]:
    """Return what is known of a part's products at the last so many dates: those with enough history."""
    told = names.to_pandas().merge(products.reset_index(names="code"), how="left", on=["market", "product_id"])
    there = told["code"].notna().to_numpy()
    found = np.full((len(there), last, 4), np.nan)
    found[there] = known[told["code"][there].to_numpy(np.int64), known.shape[1] - last :]
    return found
