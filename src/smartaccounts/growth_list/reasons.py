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


def reasons(contributions: Contributions, rows: pd.DataFrame, peers: pd.DataFrame, *, most: int) -> list[Told]:
    """Return for each row the `most` strongest sentences for and against.

    A sentence is the meaning of a column, the account's own value, and the median of `peers` (the eligible rows).
    Columns that the account has no value in say nothing; one theme speaks once on each side, so that correlated
    windows do not crowd out the rest.
    """
    typical = {n: float(peers[n].median()) for n in contributions.names if n in CATALOGUE and peers[n].notna().any()}
    return [_told(contributions.names, values, row, typical, most) for values, row in _paired(contributions, rows)]


def _paired(contributions: Contributions, rows: pd.DataFrame) -> list[tuple[np.ndarray, dict[str, float]]]:
    return list(zip(contributions.values, cast("list[dict[str, float]]", rows.to_dict("records")), strict=True))


def _told(
    names: tuple[str, ...], values: np.ndarray, row: dict[str, float], typical: dict[str, float], most: int
) -> Told:
    order = np.argsort(-np.abs(values), kind="stable")
    sides: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for i in order:
        if values[i] == 0:
            break
        side = sides[bool(values[i] > 0)]
        theme = _theme(names[i])
        if theme not in side and len(side) < most and (said := _sentence(names[i], row, typical)):
            side[theme] = said
    return Told(list(sides[True].values()), list(sides[False].values()))


def _theme(name: str) -> str:
    """Names of one theme differ in their window only: spend_91d and spend_365d are one."""
    return name.split("_", maxsplit=1)[0]


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
