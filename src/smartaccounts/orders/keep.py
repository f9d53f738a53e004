"""Conditions of a pipeline file (`keep`, `source.cancelled`, `growth_list.plays`): SQL over one row, and nothing else.

A condition that could look at other rows, at the clock or at other files could see the future, so it is parsed and
every part of it must be known to be harmless before it runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders.expression import Place, check_functions, type_of, used


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
    read, functions = used(condition, columns=columns, at=at, engine=engine)
    check_functions(functions, at=at, engine=engine)
    _check_types(condition, columns=columns, key=key, engine=engine)
    return tuple(sorted(read))


def _check_types(condition: str, *, columns: Mapping[str, str], key: str, engine: Engine) -> None:
    """Bind the condition to columns of these types: it must be true or false."""
    try:
        kind = type_of(condition, columns=columns, engine=engine)
    except InputError as error:
        raise PipelineError(f"Expected a condition that fits its columns, got {error.message} in {key}.") from None
    if kind != "BOOLEAN":
        raise PipelineError(
            f"Expected a condition that is true or false, got {kind} in {key}.",
            hint="Compare it, for example Price > 0.",
        )
