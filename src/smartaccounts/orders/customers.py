"""The customers table: names by key, for display only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine, quoted, reading, text
from smartaccounts.errors import InputError
from smartaccounts.orders.keep import nearest
from smartaccounts.orders.mapping import identifier

if TYPE_CHECKING:
    import pandas as pd


def customer_names(pipeline: Pipeline, engine: Engine) -> pd.Series | None:
    """Return (market, customer_id) -> name from the customers table, None where the pipeline has none.

    Of several names of a key the first in the alphabet counts. InputError where the file or a mapped column is
    missing.
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
        mapped = {key: table.columns.get(key, key) for key in ("market", "customer_id", "name")}
        if "market" not in table.columns and "market" not in have:
            del mapped["market"]
        for column in mapped.values():
            if column not in have:
                raise InputError(f"Expected the column {column!r}, got none in {path}.", hint=nearest(column, have))
        picked = {key: identifier(quoted(c), have[c], untyped=not parquet) for key, c in mapped.items()}
        frame = engine.frame(
            f"SELECT {picked.get('market', repr(''))} AS market, {picked['customer_id']} AS customer_id, "
            f"MIN({picked['name']}) AS name FROM {relation} GROUP BY 1, 2"
        )
    return frame.set_index(["market", "customer_id"])["name"]
