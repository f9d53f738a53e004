"""The customers table: attributes by key, for display, filters, capacity and scope; never a feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine, quoted, reading, text
from smartaccounts.errors import InputError
from smartaccounts.orders.expression import nearest
from smartaccounts.orders.mapping import identifier

if TYPE_CHECKING:
    import pandas as pd

KEY = ("market", "customer_id")
ATTRIBUTES = ("name", "segment", "region", "sales_rep", "address")
"""The columns that are always there, null where the table has none; `name` every table must have."""


@dataclass(frozen=True)
class Attributes:
    """What the customers table says of some customers.

    texts: a row for each of them, in their order; columns are ATTRIBUTES, then whatever else `customers.columns` maps,
    all texts without outer blanks, null where there is none. known: which of them the table has, as a share (null of
    nobody).
    """

    texts: pd.DataFrame
    known: float


def customer_attributes(pipeline: Pipeline, engine: Engine, customers: pd.DataFrame) -> Attributes | None:
    """Return what the customers table says of customers, by their market and customer_id; None where there is no table.

    A name that is not mapped is looked for under its own. Of several rows of a key the first value in the alphabet
    counts, column by column. The texts lie in the engine's room. InputError where the file, the name or a mapped column
    is missing.
    """
    table = pipeline.customers
    if table is None:
        return None
    path = pipeline.resolve(table.path)
    if not path.is_file():
        raise InputError(f"Expected a customers table, got nothing in {path}.", hint="Correct customers.path.")
    parquet = path.suffix == ".parquet"
    relation = f"read_parquet({text(str(path))})" if parquet else f"read_csv({text(str(path))}, all_varchar = true)"
    with reading(lambda said: InputError(f"Expected a customers table as parquet or csv, got {said} in {path}.")):
        have = engine.columns(relation)
        sources = {name: table.columns.get(name, name) for name in dict.fromkeys((*KEY, *ATTRIBUTES, *table.columns))}
        needed = {"customer_id", "name", *table.columns}
        for name, column in sources.items():
            if name in needed and column not in have:
                raise InputError(f"Expected the column {column!r}, got none in {path}.", hint=nearest(column, have))
        said = {
            name: identifier(quoted(c), have[c], untyped=not parquet) if c in have else "CAST(NULL AS VARCHAR)"
            for name, c in sources.items()
        }
        names = [name for name in said if name not in KEY]
        # by number: SQL does not tell names apart that differ in capitals alone
        of_key = ", ".join(f"MIN({said[name]}) AS a{i}" for i, name in enumerate(names))
        asked = pa.table({name: pa.chunked_array(customers[name]) for name in KEY} | {"at": np.arange(len(customers))})
        with engine.lent("customers_asked", asked):
            found = engine.frame_in_room(f"""
                SELECT told.customer_id IS NOT NULL AS known, {", ".join(f"a{i}" for i in range(len(names)))}
                FROM customers_asked AS asked LEFT JOIN (
                    SELECT coalesce({said["market"]}, '') AS market, {said["customer_id"]} AS customer_id, {of_key}
                    FROM {relation} WHERE {said["customer_id"]} IS NOT NULL GROUP BY 1, 2
                ) AS told USING (market, customer_id) ORDER BY asked.at""")
    known = float(found.pop("known").mean())
    return Attributes(found.set_axis(names, axis=1), known)
