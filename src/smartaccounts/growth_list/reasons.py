"""Why an account ranks where it does: the model's own contributions, said with the account's figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.rankers.base import Contributions
from smartaccounts.rankers.design import DERIVED
from smartaccounts.rankers.plain import PLAIN


@dataclass(frozen=True)
class Told:
    """Sentences for and against one account, the strongest first."""

    speaking_for: list[str]
    against: list[str]


ABOUT_THE_MARKET = frozenset({"market", "history", "small", "season"})
"""Themes that say nothing of the account: all accounts of a market share them."""

THEMES = {
    "orders": "order",
    "products": "product",
    "lines": "order",
    "rate": "spend",
    "block": "half",
    "purchase": "order",
}
"""Columns of one idea whose names begin differently."""


def reasons(contributions: Contributions, rows: pd.DataFrame, peers: pd.DataFrame, *, most: int) -> list[Told]:
    """Return for each row the `most` strongest sentences for and against.

    The contributions of one theme (spend, orders, products, ...) are added up, so that ten correlated windows do not
    crowd out the rest; the theme's strongest column that the account has a value in speaks: its meaning, the account's
    own value, and the median of `peers` (the eligible rows).
    """
    typical = {n: float(peers[n].median()) for n in contributions.names if n in CATALOGUE and peers[n].notna().any()}
    records = cast("list[dict[str, float]]", rows.to_dict("records"))
    pairs = zip(contributions.values, records, strict=True)
    return [_told(contributions.names, values, row, typical=typical, most=most) for values, row in pairs]


def _told(
    names: tuple[str, ...], values: np.ndarray, row: dict[str, float], *, typical: dict[str, float], most: int
) -> Told:
    themes: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        themes.setdefault(_theme(name), []).append(i)
    summed = {theme: float(values[at].sum()) for theme, at in themes.items() if theme not in ABOUT_THE_MARKET}
    sides: dict[bool, list[str]] = {True: [], False: []}
    for theme in sorted(summed, key=lambda t: (-abs(summed[t]), t)):
        side, sign = sides[summed[theme] > 0], np.sign(summed[theme])
        if not sign or len(side) == most:
            continue
        strongest = sorted(themes[theme], key=lambda i: (_is_faded(names[i]), -sign * values[i]))
        said = (_sentence(names[i], row, typical) for i in strongest if sign * values[i] > 0)
        side.extend(sentence for sentence in [next((text for text in said if text), "")] if sentence)
    return Told(sides[True], sides[False])


def _theme(name: str) -> str:
    """Names of one theme differ in their window only: spend_91d and spend_365d are one."""
    first = name.split("_", maxsplit=1)[0]
    return THEMES.get(first, first)


def _is_faded(name: str) -> bool:
    """Say whether a column is a decayed sum: the windows of its theme say the same more plainly."""
    return name.startswith("rate_") or (name in CATALOGUE and CATALOGUE[name].unit.endswith("decayed"))


def _sentence(name: str, row: dict[str, float], typical: dict[str, float]) -> str:
    if name in PLAIN:
        return f"Ranked by {PLAIN[name].meaning}"
    if name in DERIVED:
        return DERIVED[name].meaning
    feature, value = CATALOGUE[name], row[name]
    if np.isnan(value):
        return ""
    said = f"{feature.meaning}: {_number(value, feature.unit)}"
    return said + (f" (typical: {_number(typical[name], feature.unit)})" if name in typical else "")


def _number(value: float, unit: str) -> str:
    if unit in ("share", "rank"):
        return f"{value:.0%}"
    if unit.startswith("money") or unit in ("count", "days"):
        return f"{value:,.0f}"
    if unit == "log ratio":
        return f"x {np.exp(value):.2f}"
    return f"{value:,.2f}"
