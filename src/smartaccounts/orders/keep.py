"""Conditions of a pipeline file (`keep`, `source.cancelled`, `growth_list.plays`): SQL over one row, and nothing else.

A condition that could look at other rows, at the clock or at other files could see the future, so it is parsed and
every part of it must be known to be harmless before it runs.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smartaccounts.engine.duckdb import Engine, quoted, reading
from smartaccounts.errors import InputError, PipelineError, culprits

_HARMLESS = {"BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
             "OPERATOR", "TYPE"}  # fmt: skip
_REFUSED = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "LAMBDA": "a lambda",
    "STAR": "a star",
    "PARAMETER": "a parameter",
}
# functions of the clock that the engine lists as consistent
_CLOCK = {"age", "current_localtime", "current_localtimestamp"}
_CLOCK_WORDS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "today", "now"}
_ROWWISE_MACROS = {"nullif"}


def columns_of(
    condition: str, *, columns: Mapping[str, str], key: str, engine: Engine, of: str = "the source"
) -> tuple[str, ...]:
    """Check a condition and return the columns that it reads, sorted.

    `columns` is name -> SQL type as the condition will see them; `key` is where the condition stands in the pipeline
    file, `of` whose columns they are. PipelineError where it is no single condition, reads unknown columns, or holds a
    subquery, an aggregate, a window, a current date or time, a random number or a file function.
    """
    at = _Place(key, of)
    tree = _parsed(condition, at=at, engine=engine)
    nodes = list(_nodes(tree))
    for node in nodes:
        _check_kind(node, at)
    used = {_column(node, columns, at) for node in nodes if node["class"] == "COLUMN_REF"}
    functions = {node["function_name"].lower() for node in nodes if node["class"] == "FUNCTION"}
    if functions:
        _check_functions(functions, at=at, engine=engine)
    _check_types(condition, columns=columns, key=key, engine=engine)
    return tuple(sorted(used))


@dataclass(frozen=True)
class _Place:
    """Where a condition stands in the pipeline file, and whose columns it reads."""

    key: str
    of: str


def _parsed(condition: str, *, at: _Place, engine: Engine) -> Any:
    # the newline ends a comment in the condition: what follows it must still be parsed
    answer = engine.rows("SELECT json_serialize_sql(?)", [f"SELECT {condition}\nFROM source_line"])[0][0]
    tree = json.loads(answer)
    if tree["error"]:
        said = " ".join(tree["error_message"].split())
        raise _wrong(f"{condition!r} ({said})", at)
    node = tree["statements"][0]["node"]
    table = node.get("from_table", {})
    plain = (
        len(tree["statements"]) == 1
        and node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and not node["select_list"][0].get("alias")
        and table.get("table_name") == "source_line"
        and not any(node[part] for part in ("where_clause", "group_expressions", "having", "qualify", "modifiers"))
    )
    if not plain:
        raise _wrong(repr(condition), at)
    return node["select_list"][0]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _check_kind(node: Mapping[str, Any], at: _Place) -> None:
    if node["class"] not in _HARMLESS or node["type"] == "GROUPING_FUNCTION":
        raise _wrong(_REFUSED.get(node["class"], node["type"].lower().replace("_", " ")), at)


def _column(node: Mapping[str, Any], columns: Mapping[str, str], at: _Place) -> str:
    """Return the column that a reference means: as SQL, in any case of letters."""
    name = node["column_names"][0]
    by_lower = {c.lower(): c for c in columns}
    if name.lower() in by_lower:
        return by_lower[name.lower()]
    if name.lower() in _CLOCK_WORDS:
        raise _wrong(f"the clock ({name})", at)
    hint = nearest(name, columns, of=at.of)
    raise PipelineError(f"Expected a column of {at.of}, got {name!r} in {at.key}.", hint=hint)


def nearest(name: str, known: Collection[str], *, of: str = "the source") -> str:
    """Return a hint: the known column most like `name`, else what there is."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {by_lower[near[0]]!r}?"
    return f"{of[0].upper()}{of[1:]} has {culprits(known, most=20)}."


def _check_functions(names: Collection[str], *, at: _Place, engine: Engine) -> None:
    known: dict[str, set[tuple[str, str | None]]] = {}
    for name, kind, stability in engine.rows(
        "SELECT lower(function_name), function_type, stability FROM duckdb_functions()"
    ):
        known.setdefault(name, set()).add((kind, stability))
    for name in sorted(names):
        kinds = known.get(name, set())
        if name in _ROWWISE_MACROS or (kinds == {("scalar", "CONSISTENT")} and name not in _CLOCK):
            continue
        if not kinds:
            raise PipelineError(
                f"Expected a function that the engine knows, got {name!r} in {at.key}.",
                hint=f"Did you mean {near[0]!r}?" if (near := difflib.get_close_matches(name, known, n=1)) else "",
            )
        raise _wrong(f"the function {name!r}", at)


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


def _wrong(got: str, at: _Place) -> PipelineError:
    return PipelineError(
        f"Expected one condition over one row of {at.of}, got {got} in {at.key}.",
        hint="No subquery, aggregate, window, current date or time, random number or file; texts in single quotes.",
    )
