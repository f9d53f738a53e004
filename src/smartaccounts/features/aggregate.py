"""One aggregate of the pipeline file over the lines of a customer: checked, and written so that its answer is exact.

Rows come in any order and sums of doubles depend on it. So what a user writes as SUM or AVG is summed as integers, and
what cannot be (STDDEV, CORR, ...) goes through its rows in the order of their values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.sql import exact_sum
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders.expression import Place, check_functions, function, parsed, type_of, used

GROUPED = ("as_of", "market", "customer_id")
"""Columns that have one value in a group: they may stand outside an aggregate."""

_SUMMED = ("sum", "avg", "mean")
_IN_ORDER = (
    "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "corr", "covar_samp", "covar_pop",
    "regr_slope",
)  # fmt: skip
_OF_ANY_ORDER = ("count", "count_star", "min", "max", "median", "quantile_cont", "quantile_disc")
AGGREGATES = (*_SUMMED, *_IN_ORDER, *_OF_ANY_ORDER)
"""Aggregates that may be used: none whose answer is left to the order of the rows."""

TOO_LARGE = "1e22"
"""A value from which on it cannot be summed as an integer of 1e-15."""

_VALUE = "CAST(x_ AS DOUBLE)"
_SMALL = f"ABS({_VALUE}) < {TOO_LARGE}"  # neither for an infinite value nor for NaN
_SUM = f"CASE WHEN MAX(CASE WHEN NOT {_SMALL} THEN 1 ELSE 0 END) = 0 THEN {exact_sum(f'CASE WHEN {_SMALL} THEN {_VALUE} END')} END"
_MEAN = f"({_SUM}) / COUNT(x_)"
_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"} | {
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip


def columns_of(sql: str, *, columns: Mapping[str, str], key: str, engine: Engine) -> tuple[str, ...]:
    """Check an aggregate and return the columns that it reads, sorted.

    `columns` is name -> SQL type of an order line; `key` is where the aggregate stands in the pipeline file.
    PipelineError where it is no single expression over AGGREGATES that gives a number, reads unknown columns, or holds
    a subquery, a window, a current date or time, a random number or a file function.
    """
    at = _place(key)
    read, functions = used(sql, columns=columns, at=at, engine=engine)
    check_functions(functions, at=at, engine=engine, aggregates=AGGREGATES)
    if not functions & {*AGGREGATES}:
        raise at.wrong(f"{sql!r} without one")
    for text in (sql, exact(sql, key=key, engine=engine)):
        _check_types(text, columns=columns, at=at, engine=engine)
    return tuple(sorted(read))


def exact(sql: str, *, key: str, engine: Engine) -> str:
    """Return an aggregate that passed `columns_of`, with sums of integers and rows in order."""
    at = _place(key)
    templates = {"sum": parsed(_SUM, at=at, engine=engine)}
    templates |= dict.fromkeys(("avg", "mean"), parsed(_MEAN, at=at, engine=engine))
    whole = json.loads(engine.rows("SELECT json_serialize_sql('SELECT 1')")[0][0])
    whole["statements"][0]["node"]["select_list"] = [_exact(parsed(sql, at=at, engine=engine), templates)]
    text: str = engine.rows("SELECT json_deserialize_sql(?)", [json.dumps(whole)])[0][0]
    return text.removeprefix("SELECT ")


def _exact(tree: Any, templates: Mapping[str, Any]) -> Any:
    if isinstance(tree, list):
        return [_exact(part, templates) for part in tree]
    if not isinstance(tree, dict):
        return tree
    name = function(tree) if tree.get("class") == "FUNCTION" else ""
    if name in templates and len(tree["arguments"]) == 1:
        return _filled(templates[name], tree)
    tree = {key: _exact(value, templates) for key, value in tree.items()}
    if name in _IN_ORDER:
        tree["order_bys"] = {
            "type": "ORDER_MODIFIER",
            "orders": [_ascending(a["expression"]) for a in tree["arguments"]],
        }
    return tree


def _filled(template: Any, call: Mapping[str, Any]) -> Any:
    """Return a template with the argument of a call in place of x_, and its FILTER and DISTINCT at the aggregates."""
    if isinstance(template, list):
        return [_filled(part, call) for part in template]
    if not isinstance(template, dict):
        return template
    if template.get("class") == "COLUMN_REF":
        return deepcopy(call["arguments"][0]["expression"])
    made = {key: _filled(value, call) for key, value in template.items()}
    if made.get("class") == "FUNCTION" and function(made) in AGGREGATES:
        made |= {"filter": deepcopy(call["filter"]), "distinct": call["distinct"]}
    return made


def _ascending(expression: Any) -> dict[str, Any]:
    return {"type": "ASCENDING", "null_order": "NULLS_LAST", "expression": deepcopy(expression)}


def _check_types(sql: str, *, columns: Mapping[str, str], at: Place, engine: Engine) -> None:
    """Bind the aggregate to columns of these types: it must be a number."""
    try:
        kind = type_of(sql, columns=columns, engine=engine, grouped=GROUPED)
    except InputError as error:
        raise PipelineError(
            f"Expected an aggregate that fits its columns, got {error.message} in {at.key}.",
            hint="Every column of a line stands inside SUM, COUNT, AVG, MIN, MAX, ...; none of them inside another.",
        ) from None
    if kind.partition("(")[0] not in _NUMBERS:
        raise PipelineError(f"Expected an aggregate that is a number, got {kind} in {at.key}.", hint=at.hint)


def _place(key: str) -> Place:
    return Place(
        key,
        "an order line",
        expected="one aggregate over the lines of a customer",
        hint="SUM, AVG, COUNT, MIN, MAX, MEDIAN, STDDEV, CORR, ... of columns of the order line and what is computed of "
        "them; no subquery, window, current date or time, random number or file; texts in single quotes.",
    )
