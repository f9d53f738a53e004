"""The customers table: attributes by key, for display, filters, capacity and scope; never a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def customer_attributes(pipeline: Pipeline, engine: Engine) -> pd.DataFrame | None:
    """Return one row per (market, customer_id), the index, from the customers table; None where the pipeline has none.

    Columns are ATTRIBUTES, then whatever else `customers.columns` maps, all texts without outer blanks, null where
    there is none. A name that is not mapped is looked for under its own. Of several rows of a key the first value in
    the alphabet counts, column by column; rows without customer_id are left out. InputError where the file, the name
    or a mapped column is missing.
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
        attributes = ", ".join(f"MIN({sql}) AS {quoted(name)}" for name, sql in said.items() if name not in KEY)
        frame = engine.frame(
            f"SELECT coalesce({said['market']}, '') AS market, {said['customer_id']} AS customer_id, {attributes} "
            f"FROM {relation} WHERE {said['customer_id']} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
        )
    texts = frame.astype("object")
    return texts.where(texts.notna(), None).set_index([*KEY])
