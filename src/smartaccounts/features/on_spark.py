"""The snapshot on Spark: the sweep over one part of the customers after another, and between them what the market must know.

A part is laid out and swept for the columns that a market is ranked and summed by, then for what was sold of each product, then for the
answer, each time by the compiled code of `sweep`. What lies between is small: figures of a market, of a product, of a row in its market.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smartaccounts.config import Target
from smartaccounts.engine.compiled import ready
from smartaccounts.engine.sql import NARROW_LIMIT
from smartaccounts.errors import InputError
from smartaccounts.features.extra import Extra, absent_extra, beside, extra_frame
from smartaccounts.features.families import absent_features
from smartaccounts.features.snapshot import as_table
from smartaccounts.features.sweep import coded, products, sold
from smartaccounts.features.sweep.answer import Answer
from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.columns import Baskets, no_baskets
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.features.sweep.peers import Rows
from smartaccounts.features.sweep.run import STOOD, answered, level_names, levels, stood
from smartaccounts.features.sweep.seen import Seen, see, with_history
from smartaccounts.orders.on_spark import SparkLines, packed, part_of_lines, unpacked
from smartaccounts.timeline import day_number, from_day_number

if TYPE_CHECKING:
    from smartaccounts.engine.spark import Frame

_ROWS = pa.schema(
    [("as_of", pa.int32()), ("part", pa.int32()), ("piece", pa.int32()), ("rows", pa.int64()), ("content", pa.binary())]
)
"""So many rows of a part at an as_of, packed: Spark is slow at columns. Those with a number of a piece are of a `_Part`."""
_PIECE = 1 << 20
"""Bytes of a piece: a row of many megabytes costs the Java side more than the same in pieces."""
_BUCKETS = 64
"""Into so many buckets of products their counts are sorted, to be summed."""
_COUNTS = pa.schema([("bucket", pa.int32()), ("content", pa.binary())])
_NO_COUNTS = pa.table(
    {"market": pa.array([], pa.string()), "product_id": pa.array([], pa.string()), "counts": pa.array([], pa.binary())}
)
_BARS = pa.schema([("as_of", pa.int32()), ("market", pa.string()), ("bar", pa.int64()), ("share", pa.float64())])
"""Of the buyers of a market at an as_of: from which scaled money on they are large, and how many are."""


@dataclass(frozen=True)
class SparkSnapshot:
    """A snapshot on a cluster, not computed yet.

    rows: of each as_of that has some. finished: what a function makes, with the columns of a schema, of the rows of some
    customers (as `snapshot_tables` yields them), where they lie.
    """

    rows: dict[date, int]
    absent: tuple[str, ...]
    finished: Callable[[Callable[[pa.Table], pa.Table], pa.Schema], Frame]


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
    asked = _Asked(dates, tuple(map(lines.first_day_known, dates)), target, frozenset(absent), own, double)
    made = lines.frame.mapped(partial(_swept, provided=lines.provided, held=lines.held, asked=asked), _ROWS)
    with made.kept():
        parts, stood_by = made.where("piece IS NOT NULL"), made.where("piece IS NULL")
        counted = stood_by.summed(["as_of"], {"rows": "sum(rows)"}).arrow().to_pylist()
        rows = {from_day_number(r["as_of"]): r["rows"] for r in counted}
        known = None if asked.absent.issuperset(products.ASSORTED) else _known(parts, stood_by, asked)
        stands = stood_by.grouped(["as_of"], partial(_stood, asked=asked), _ROWS)

        def finished(use: Callable[[pa.Table], pa.Table], schema: pa.Schema) -> Frame:
            return parts.beside(stands, "part", partial(_finished, asked=asked, known=known, use=use), schema)

        yield SparkSnapshot(rows, (*absent, *absent_extra(own, lines.provided)), finished)


def _swept(
    part: int, batches: Iterator[pa.RecordBatch], *, provided: frozenset[str], held: Sequence[str], asked: _Asked
) -> Iterator[pa.Table]:
    """Return the lines of a part as numbers, and the rows of the answer with what their market must know of them."""
    with part_of_lines(batches, held=held, provided=provided) as lines:
        if lines is None:
            return
        keys = keyed(lines, known_before=asked.dates[-1])
        if keys.most >= NARROW_LIMIT:
            raise InputError(
                f"Expected money of one customer that sums up to less than 9e9 before {asked.dates[-1]}, got more.",
                hint="Use engine: embedded for this source, or give the amounts in thousands.",
            )
        if not keys.customers.num_rows:
            return
        numbers, names = coded.coded(lines, keys), keys.products.select(["market", "product_id"])
        own = {pd.Timestamp(d): extra_frame(lines, d, asked.extra) for d in asked.dates} if asked.extra else {}
    seen = asked.see(numbers)
    answer, baskets = Answer.of(level_names(asked.target), frozenset(), rows=seen.rows), no_baskets(seen)
    levels(numbers, seen, asked.target, answer, baskets)
    content = pickle.dumps(_Part(numbers, names, own, baskets), protocol=5)
    for number, first in enumerate(range(0, len(content), _PIECE)):
        piece = content[first : first + _PIECE]
        yield pa.table([[None], [part], [number], [None], [piece]], schema=_ROWS)
    yield from _levels(part, numbers, seen, answer, baskets)


@dataclass(frozen=True)
class _Part:
    """The lines of a part as numbers, its products' names, its features of the pipeline file by as_of, its baskets."""

    held: Coded
    names: pa.Table
    own: Mapping[pd.Timestamp, pd.DataFrame]
    baskets: Baskets


def _part(carried: Iterator[pa.RecordBatch] | pa.Table) -> _Part | None:
    """Return the part that came in pieces, and have the code that sweeps over it; None where none did."""
    ready()
    batches = carried.to_batches() if isinstance(carried, pa.Table) else list(carried)
    pieces = {
        number.as_py(): content.as_buffer()
        for batch in batches
        for number, content in zip(batch["piece"], batch["content"], strict=True)
    }
    return cast("_Part", pickle.loads(b"".join(pieces[n] for n in range(len(pieces))))) if pieces else None


def _levels(part: int, held: Coded, seen: Seen, answer: Answer, baskets: Baskets) -> Iterator[pa.Table]:
    """Yield the rows at each as_of."""
    for a, as_of in enumerate(seen.dates.as_ofs.tolist()):
        rows = np.flatnonzero(seen.date == a)
        c = seen.customer[rows]
        who = held.customers.take(c)
        columns = {
            "c": c,
            "market": who["market"],
            "customer_id": who["customer_id"],
            **{name: values[rows] for name, values in answer.columns()},
            "spent": baskets[a, c, 0],
            "bought": baskets[a, c, 1],
        }
        yield _at(as_of, part, pa.table(columns))


def _at(as_of: int, part: int, rows: pa.Table) -> pa.Table:
    """Return the rows of a part at an as_of as one row."""
    return pa.table([[as_of], [part], [None], [rows.num_rows], [packed(rows)]], schema=_ROWS)


def _together(rows: pa.Table) -> pa.Table:
    """Return what `_at` packed, with the columns as_of and part."""
    tables = []
    for as_of, part, table in zip(rows["as_of"], rows["part"], unpacked(rows.to_batches()), strict=True):
        number = table.num_rows
        tables.append(
            table.append_column("as_of", pa.repeat(as_of, number)).append_column("part", pa.repeat(part, number))
        )
    return pa.concat_tables(tables)


def _known(parts: Frame, stood_by: Frame, asked: _Asked) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the products (market, product_id, ascending) and what is known of each at each as_of."""
    at = stood_by.grouped(["as_of"], _bars, _BARS).arrow().to_pandas()
    bar = {(r.as_of, r.market): int(r.bar) for r in at.itertuples()}
    counted = parts.mapped(partial(_counts, asked=asked, bar=bar), _COUNTS).grouped(["bucket"], _summed, _COUNTS)
    told = pa.concat_tables([_NO_COUNTS, *unpacked(counted.arrow().to_batches())])
    told = told.sort_by([("market", "ascending"), ("product_id", "ascending")])
    names = told.select(["market", "product_id"]).to_pandas()
    days, markets = [day_number(d) for d in asked.dates], np.unique(at["market"].to_numpy(object))
    shares = np.full((len(days), len(markets)), np.nan)
    shares[np.searchsorted(days, at["as_of"]), np.searchsorted(markets, at["market"].to_numpy(object))] = at["share"]
    market = np.searchsorted(markets, names["market"].to_numpy(object)).astype(np.int32)
    counts = _numbers(told, cells=len(days) * sold.COUNTED).reshape(len(names), len(days), sold.COUNTED)
    return names, sold.known_of(counts, shares, market)


def _numbers(counts: pa.Table, *, cells: int) -> npt.NDArray[np.int64]:
    """Return the counts of some products: a row each, of so many numbers."""
    return np.frombuffer(b"".join(counts["counts"].to_pylist()), dtype=np.int64).reshape(-1, cells)


def _summed(rows: pa.Table) -> pa.Table:
    """Return what all parts counted of the products of a bucket."""
    told = pa.concat_tables(unpacked(rows.to_batches())).sort_by([("market", "ascending"), ("product_id", "ascending")])
    names = told.select(["market", "product_id"]).to_pandas()
    first = np.flatnonzero(~names.duplicated())
    numbers = _numbers(told, cells=len(told["counts"][0].as_py()) // 8)
    sums = np.add.reduceat(numbers, first, axis=0)
    return _bucket(rows["bucket"][0].as_py(), told.take(first).select(["market", "product_id"]), sums)


def _bucket(number: int, names: pa.Table, counts: npt.NDArray[np.int64]) -> pa.Table:
    """Return the counts of some products as one row."""
    cells = pa.array([row.tobytes() for row in counts], pa.binary())
    return pa.table([[number], [packed(names.append_column("counts", cells))]], schema=_COUNTS)


def _bars(rows: pa.Table) -> pa.Table:
    """Return from what on the buyers of each market at one as_of are large."""
    found = []
    told = [table.select(["market", "spent", "bought"]) for table in unpacked(rows.to_batches())]
    buyers = pa.concat_tables(told).filter(pc.field("bought") > 0)
    for market in buyers["market"].unique():
        spent = buyers.filter(pc.equal(buyers["market"], market))["spent"].to_numpy()
        large = sold.large_buyers(spent)
        bar = int(spent[large].min()) if large.any() else np.iinfo(np.int64).max
        found.append((rows["as_of"][0].as_py(), market.as_py(), bar, large.sum() / len(large)))
    return pa.Table.from_pylist([dict(zip(_BARS.names, bar, strict=True)) for bar in found], schema=_BARS)


def _counts(
    _: int, batches: Iterator[pa.RecordBatch], *, asked: _Asked, bar: dict[tuple[int, str], int]
) -> Iterator[pa.Table]:
    """Count what was sold of each product in a part."""
    part = _part(batches)
    if part is not None:
        held, baskets = part.held, part.baskets
        seen = asked.see(held)
        as_ofs = seen.dates.as_ofs
        markets = held.customers["market"].take(held.markets[:-1]).to_pylist()
        bars = np.array([[bar.get((int(d), m), 0) for m in markets] for d in as_ofs]).reshape(-1, len(markets))
        bar_of = np.repeat(bars, np.diff(held.markets), axis=1)
        large = np.where(baskets[..., 1] > 0, baskets[..., 0] >= bar_of, -1).astype(np.int8)
        counts = sold.counts(held, seen.dates, large)
        product = np.flatnonzero(counts[..., products.BUYERS].any(axis=1))
        everywhen = np.zeros((len(product), len(asked.dates), sold.COUNTED), dtype=np.int64)
        everywhen[:, len(asked.dates) - len(as_ofs) :] = counts[product]  # those with enough history are the last ones
        counted = everywhen.reshape(len(product), len(asked.dates) * sold.COUNTED)
        bucket = pd.util.hash_pandas_object(part.names["product_id"].take(product).to_pandas(), index=False) % _BUCKETS
        for number in np.unique(bucket):
            some = np.flatnonzero(bucket == number)
            yield _bucket(int(number), part.names.take(product[some]), counted[some])


def _stood(rows: pa.Table, *, asked: _Asked) -> pa.Table:
    """Return how every row of one as_of stands in its market, those of each part together."""
    rows = _together(rows).sort_by("market")
    market = rows["market"].combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.append(np.flatnonzero(np.diff(market, prepend=-1)), len(market))
    person = rows["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    as_of = rows["as_of"][0].as_py()
    first = asked.first_days[asked.dates.index(from_day_number(as_of))]
    history = as_of - (as_of if first is None else first)
    at = {name: rows[name].to_numpy() for name in level_names(asked.target)}
    values = stood(Rows(at, starts, person, history), asked.target)
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in values}
    stands, part = pa.table({"c": rows["c"], **columns}), rows["part"].to_numpy()
    order = np.argsort(part, kind="stable")
    cuts = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
    return pa.concat_tables([_at(as_of, int(part[cut[0]]), stands.take(cut)) for cut in cuts])


def _finished(
    parts: pa.Table,
    stands: pa.Table,
    *,
    asked: _Asked,
    known: tuple[pd.DataFrame, npt.NDArray[np.float64]] | None,
    use: Callable[[pa.Table], pa.Table],
) -> pa.Table | None:
    """Return what is made of the rows of a part, with all their columns; None where it has none."""
    part = _part(parts)
    if part is None or not stands.num_rows:
        return None
    seen = asked.see(part.held)
    last = len(seen.dates.as_ofs)
    there = np.empty((0, last, 4)) if known is None else _of(part.names, *known, last=last)
    stands = _together(stands).sort_by([("c", "ascending"), ("as_of", "ascending")])
    columns = {name: stands[name].to_numpy() for name in STOOD}
    rows = answered(part.held, seen, asked.absent, there, columns)
    rows = beside(rows, part.own, asked.extra) if asked.extra else rows
    return use(as_table(rows, extra=asked.extra, double=asked.double))


def _of(
    names: pa.Table, products: pd.DataFrame, known: npt.NDArray[np.float64], *, last: int
) -> npt.NDArray[np.float64]:
    """Return what is known of a part's products at the last so many dates: those with enough history."""
    told = names.to_pandas().merge(products.reset_index(names="code"), how="left", on=["market", "product_id"])
    there = told["code"].notna().to_numpy()
    found = np.full((len(there), last, 4), np.nan)
    found[there] = known[told["code"][there].to_numpy(np.int64), known.shape[1] - last :]
    return found
