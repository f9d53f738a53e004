"""How the sweep (features/sweep) computes a feature: the counterpart of its SQL expression, as data.

Measures are columns that the sweep sums up per customer and day (sweep/measures.py names them). Windows are ages in days:
`[as_of - oldest, as_of - newest)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EVER = 1 << 30
"""An age that no line has: a window up to the first line."""

Kind = Literal["money", "count"]


@dataclass(frozen=True)
class Total:
    """A measure summed over a window; as money in currency, rounded to 1e-6."""

    measure: str
    newest: int = 0
    oldest: int = EVER
    kind: Kind = "count"
    history: int = 0
    """Null at an as_of with less history than this many days."""


@dataclass(frozen=True)
class Quotient:
    """A total over a total, null where that below is not above zero; `rest`: one minus that."""

    over: Total
    under: Total
    rest: bool = False


@dataclass(frozen=True)
class Difference:
    """A total minus a total, as money in currency, rounded to 1e-6."""

    of: Total
    less: Total


@dataclass(frozen=True)
class Faded:
    """A measure summed over all days, each times exp(-age / days)."""

    measure: str
    days: int
    kind: Kind = "count"


@dataclass(frozen=True)
class Own:
    """What the sweep computes by a rule of its own, under the feature's name."""


Swept = Total | Quotient | Difference | Faded | Own
