"""Write simulated lines month by month, and the truth: beside, then renamed, so that nothing is ever half there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from smartaccounts.engine.interrupt import heed
from smartaccounts.orders.simulation.catalogue import CATEGORIES, FEE_CATEGORY, Catalogue
from smartaccounts.orders.simulation.customers import customers_table
from smartaccounts.orders.simulation.lines import PREFIXES, Lines
from smartaccounts.orders.simulation.population import CHANNELS, GROWER, KINDS, NEVER, Population

ENDINGS = (".parquet", ".csv", ".csv.gz")
SCHEMA = pa.schema(
    [
        ("market", pa.string()),
        ("customer_id", pa.string()),
        ("order_id", pa.string()),
        ("order_date", pa.date32()),
        ("known_date", pa.date32()),
        ("product_id", pa.string()),
        ("quantity", pa.float64()),
        ("unit_price", pa.float64()),
        ("list_price", pa.float64()),
        ("discount", pa.float64()),
        ("amount", pa.float64()),
        ("cost", pa.float64()),
        ("channel", pa.string()),
        ("category", pa.string()),
    ]
)
_NUMBERS = ("quantity", "unit_price", "list_price", "discount", "amount", "cost")
_REPEATED = [name for name in SCHEMA.names if name not in {"order_id", "amount"}]  # worth a dictionary in Parquet
FIRST_ORDER = 1_000_000


def ending(path: Path) -> str | None:
    """Return which of `ENDINGS` the name has, or None."""
    return next((e for e in ENDINGS if path.name.lower().endswith(e) and len(path.name) > len(e)), None)


@contextmanager
def beside(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Hand out a partial file's path for each of `paths`; rename them all at the end, or delete them after an error."""
    partial = tuple(p.with_name(p.name + ".partial") for p in paths)
    try:
        yield partial
        heed()
        for source, goal in zip(partial, paths, strict=True):
            source.replace(goal)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)


@contextmanager
def writer(path: Path, kind: str) -> Iterator[Any]:
    """Open a writer of tables of `SCHEMA`: one row group per table in Parquet, or plain or gzipped CSV."""
    with ExitStack() as stack:
        if kind == ".parquet":
            yield stack.enter_context(pq.ParquetWriter(path, SCHEMA, use_dictionary=_REPEATED))
            return
        sink = stack.enter_context(pa.OSFile(str(path), "wb"))
        if kind == ".csv.gz":
            sink = stack.enter_context(pa.CompressedOutputStream(sink, "gzip"))
        yield stack.enter_context(pacsv.CSVWriter(sink, SCHEMA))


class Labels:
    """The texts that integer columns of lines stand for, as Arrow arrays made once."""

    def __init__(self, people: Population, catalogue: Catalogue, *, markets: int) -> None:
        """Make the ids of all customers and products."""
        self.customer = pa.array(_numbered("K", len(people), width=7))
        self.market = pa.array([""] if markets == 1 else _numbered("M", markets, width=2))
        self.product = pa.array(catalogue.product_id)
        self.category = pa.array([*CATEGORIES, FEE_CATEGORY])
        self.channel = pa.array(CHANNELS)
        self.prefix = pa.array(PREFIXES)
        self._market_of = people.market
        self._category_of = catalogue.category

    def table(self, lines: Lines) -> pa.Table:
        """Return `lines` as a table of `SCHEMA`."""
        lost = lines.customer < 0
        number = pc.cast(pa.array(lines.order + FIRST_ORDER), pa.string())
        columns = {
            "market": self.market.take(pa.array(self._market_of[lines.customer])),
            "customer_id": self.customer.take(pa.array(lines.customer, mask=lost)),
            "order_id": pc.binary_join_element_wise(self.prefix.take(pa.array(lines.prefix)), number, ""),
            "order_date": pa.array(lines.day).cast(pa.date32()),
            "known_date": pa.array(lines.known).cast(pa.date32()),
            "product_id": self.product.take(pa.array(lines.product)),
            "channel": self.channel.take(pa.array(lines.channel)),
            "category": self.category.take(pa.array(self._category_of[lines.product])),
        }
        columns |= {name: pa.array(getattr(lines, name)) for name in _NUMBERS}
        return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _numbered(letter: str, count: int, *, width: int) -> list[str]:
    return [f"{letter}{i:0{width}d}" for i in range(1, count + 1)]


def write_customers(path: Path, people: Population, labels: Labels, *, rng: np.random.Generator) -> None:
    """Write one row per customer as CSV: what `customers_table` makes of them."""
    market = labels.market.take(pa.array(people.market))
    pacsv.write_csv(customers_table(rng, customer=labels.customer, market=market), path)


def write_truth(path: Path, people: Population, labels: Labels, *, first: int) -> None:
    """Write one row per customer as Parquet; `first` is the day number of the simulation's start.

    `growth_start`, `growth_end` and `growth_factor` (spend after the phase over spend before) are null but for growers;
    `exit_date` is null where the customer is still there at the end.
    """
    grows = people.kind == GROWER

    def dates(days: NDArray[Any], known: NDArray[np.bool_]) -> pa.Array:
        return pa.array(np.where(known, days, 0).astype(np.int32) + np.int32(first), mask=~known).cast(pa.date32())

    everybody = np.ones(len(people), np.bool_)
    columns = {
        "customer_id": labels.customer,
        "market": labels.market.take(pa.array(people.market)),
        "kind": pa.array(KINDS).take(pa.array(people.kind)),
        "growth_start": dates(people.change, grows),
        "growth_end": dates(people.change + people.change_days, grows),
        "growth_factor": pa.array(np.round(np.exp(people.log_factor.astype(np.float64)), 4), mask=~grows),
        "entry_date": dates(people.entry, everybody),
        "exit_date": dates(people.exit, people.exit < NEVER),
    }
    pq.write_table(pa.table(columns), path)
