"""Conditions of a pipeline file (`keep`, `source.cancelled`, `growth_list.plays`): SQL over one row, and nothing else.

A condition that could look at other rows, at the clock or at other files could see the future, so it is parsed and
every part of it must be known to be harmless before it runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from smartaccounts.engine.duckdb import Engine, quoted, reading
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders.expression import Place, check_functions, check_kind, column, nodes, parsed


def columns_of(
    condition: str, *, columns: Mapping[str, str], key: str, engine: Engine, of: str = "the source"
) -> tuple[str, ...]:
    """Check a condition and return the columns that it reads, sorted.

    `columns` is name -> SQL type as the condition will see them; `key` is where the condition stands in the pipeline
    file, `of` whose columns they are. PipelineError where it is no single condition, reads unknown columns, or holds a
    subquery, an aggregate, a window, a current date or time, a random number or a file function.
    """
    at = Place(
        key,
        of,
        expected=f"one condition over one row of {of}",
        hint="No subquery, aggregate, window, current date or time, random number or file; texts in single quotes.",
    )
    parts = list(nodes(parsed(condition, at=at, engine=engine)))
    for node in parts:
        check_kind(node, at)
    used = {column(node, columns, at) for node in parts if node["class"] == "COLUMN_REF"}
    functions = {node["function_name"].lower() for node in parts if node["class"] == "FUNCTION"}
    if functions:
        check_functions(functions, at=at, engine=engine)
    _check_types(condition, columns=columns, key=key, engine=engine)
    return tuple(sorted(used))


def _check_types(condition: str, *, columns: Mapping[str, str], key: str, engine: Engine) -> None:
    """Bind the condition to columns of these types: it must be true or false."""
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    try:
        with reading(lambda said: InputError(" ".join(said.splitlines()[0].split()))):
            kind = engine.columns(f"(SELECT (\n{condition}\n) AS answer FROM (SELECT {nulls}))")["answer"]
    except InputError as error:
        raise PipelineError(f"Expected a condition that fits its columns, got {error.message} in {key}.") from None
    if kind != "BOOLEAN":
        raise PipelineError(
            f"Expected a condition that is true or false, got {kind} in {key}.",
            hint="Compare it, for example Price > 0.",
        )
