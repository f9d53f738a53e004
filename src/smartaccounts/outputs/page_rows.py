"""The rows of the page's tables as compact JSON: one array per column, repeated texts numbered."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from smartaccounts.outputs.shown import Shown, flagged, missing

MONEY = ("spend_12m", "spend_prior_12m", "potential", "cost_to_serve", "cost_proposed")


def content(shown: Shown) -> dict[str, Any]:
    """Return the columns of the listed rows and then of the rest that is shown, by rank each.

    columns: name -> values; levels: name -> the texts that the numbers in a column stand for. Money is rounded to whole
    currency and chances to tenths of a percent, as they are shown; null where there is none.
    """
    money = [c for c in MONEY if c in shown.known]
    texts = [c for c in (*shown.attributes, "play", "status") if c in shown.known]
    wanted = ["rank", "name", "customer_id", "keep_small", "probability", *money, *texts]
    rows = pd.concat([shown.listed[wanted], shown.rest[wanted]])
    columns: dict[str, list[Any]] = {
        "rank": rows["rank"].astype(int).tolist(),
        "name": [None if missing(v) or not str(v).strip() else str(v) for v in rows["name"]],
        "customer_id": rows["customer_id"].astype(str).tolist(),
        "keep_small": flagged(rows["keep_small"]).astype(int).tolist(),
        "probability": _rounded(rows["probability"], 3),
        **{c: _rounded(rows[c], 0) for c in money},
    }
    levels: dict[str, list[str]] = {}
    for name in texts:
        columns[name], levels[name] = _numbered(_said(shown, name, rows[name]))
    return {"listed": len(shown.listed), "columns": columns, "levels": levels}


def facets(shown: Shown) -> list[str]:
    """Return the columns worth filtering by: those with more than one text."""
    return [c for c in (*shown.attributes, "play") if c in shown.known and len(shown.frame[c].dropna().unique()) > 1]


def embedded(value: Mapping[str, Any]) -> Markup:
    """Return JSON that can stand inside a <script> element: no text in it can end or open one."""
    said = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        said = said.replace(char, f"\\u{ord(char):04x}")
    return Markup(said)


def _said(shown: Shown, name: str, values: pd.Series) -> list[str | None]:
    if name == "play":
        named = {v: p.name for v in values.dropna().unique() if (p := shown.play(v)) is not None}
        return [None if missing(v) else named[v] for v in values]
    return [None if missing(v) else str(v) for v in values]


def _numbered(values: list[str | None]) -> tuple[list[int | None], list[str]]:
    levels = sorted({v for v in values if v is not None})
    number = {v: i for i, v in enumerate(levels)}
    return [None if v is None else number[v] for v in values], levels


def _rounded(values: pd.Series, digits: int) -> list[float | int | None]:
    numbers = np.round(values.to_numpy(dtype=float), digits).tolist()
    kind = int if digits == 0 else float
    return [None if math.isnan(v) else kind(v) for v in numbers]
