"""SQL expressions of a pipeline file, taken apart: every part of one must be known to be harmless before it runs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartaccounts.engine.duckdb import Engine, first_line, quoted, reading
from smartaccounts.errors import PipelineError, culprits

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


@dataclass(frozen=True)
class Place:
    """Where an expression stands in the pipeline file, whose columns it reads, what is expected of it, and the hint."""

    key: str
    of: str
    expected: str
    hint: str

    def wrong(self, got: str) -> PipelineError:
        """Return the error for an expression that is no such one."""
        return PipelineError(f"Expected {self.expected}, got {got} in {self.key}.", hint=self.hint)


def parsed(expression: str, *, at: Place, engine: Engine) -> Any:
    """Return the tree of a single expression; PipelineError for anything else."""
    # the newline ends a comment in the expression: what follows it must still be parsed
    answer = engine.rows("SELECT json_serialize_sql(?)", [f"SELECT {expression}\nFROM source_line"])[0][0]
    tree = json.loads(answer)
    if tree["error"]:
        said = " ".join(tree["error_message"].split())
        raise at.wrong(f"{expression!r} ({said})")
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
        raise at.wrong(repr(expression))
    return node["select_list"][0]


def used(
    expression: str, *, columns: Mapping[str, str], at: Place, engine: Engine
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the columns and the functions of a single expression; PipelineError where a part of it is refused.

    `columns` is name -> SQL type as the expression will see them; functions are in small letters, not looked at yet.
    """
    parts = list(_nodes(parsed(expression, at=at, engine=engine)))
    for node in parts:
        _check_kind(node, at)
    read = frozenset(_column(node, columns, at) for node in parts if node["class"] == "COLUMN_REF")
    return read, frozenset(function(node) for node in parts if node["class"] == "FUNCTION")


def function(node: Mapping[str, Any]) -> str:
    """Return the name of a function, in small letters."""
    return str(node["function_name"]).lower()


def type_of(expression: str, *, columns: Mapping[str, str], engine: Engine, grouped: Sequence[str] = ()) -> str:
    """Return the SQL type of an expression over columns of these types; InputError where it does not fit them.

    grouped: columns that have one value in a group, where the expression is an aggregate.
    """
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    by = f" GROUP BY {', '.join(grouped)}" if grouped else ""
    with reading(first_line):
        return engine.columns(f"(SELECT (\n{expression}\n) AS answer FROM (SELECT {nulls}){by})")["answer"]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a tree that has a class, outer ones first."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _check_kind(node: Mapping[str, Any], at: Place) -> None:
    """PipelineError where a part is a subquery, a window, a lambda, a star, a parameter, ..."""
    if node["class"] not in _HARMLESS or node["type"] == "GROUPING_FUNCTION":
        raise at.wrong(_REFUSED.get(node["class"], node["type"].lower().replace("_", " ")))


def _column(node: Mapping[str, Any], columns: Mapping[str, str], at: Place) -> str:
    """Return the column that a reference means: as SQL, in any case of letters."""
    name = node["column_names"][0]
    by_lower = {c.lower(): c for c in columns}
    if name.lower() in by_lower:
        return by_lower[name.lower()]
    if name.lower() in _CLOCK_WORDS:
        raise at.wrong(f"the clock ({name})")
    hint = nearest(name, columns, of=at.of)
    raise PipelineError(f"Expected a column of {at.of}, got {name!r} in {at.key}.", hint=hint)


def nearest(name: str, known: Collection[str], *, of: str = "the source") -> str:
    """Return a hint: the known column most like `name`, else what there is."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {by_lower[near[0]]!r}?"
    return f"{of[0].upper()}{of[1:]} has {culprits(known, most=20)}."


def check_functions(names: Collection[str], *, at: Place, engine: Engine, aggregates: Collection[str] = ()) -> None:
    """PipelineError where a function is none of one row without a clock, chance or file, nor one of `aggregates`."""
    asked = {*names} - {*aggregates}
    if not asked:
        return
    known: dict[str, set[tuple[str, str | None]]] = {}
    for name, kind, stability in engine.rows(
        "SELECT lower(function_name), function_type, stability FROM duckdb_functions()"
    ):
        known.setdefault(name, set()).add((kind, stability))
    for name in sorted(asked):
        kinds = known.get(name, set())
        if name in _ROWWISE_MACROS or (kinds == {("scalar", "CONSISTENT")} and name not in _CLOCK):
            continue
        if not kinds:
            raise PipelineError(
                f"Expected a function that the engine knows, got {name!r} in {at.key}.",
                hint=f"Did you mean {near[0]!r}?" if (near := difflib.get_close_matches(name, known, n=1)) else "",
            )
        raise at.wrong(f"the function {name!r}")
