"""Own training rows and borrowed ones, one below the other: what a model learns from where its own past is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.panel import Loan, Panel
from smartaccounts.rankers.base import Floats, Note
from smartaccounts.rankers.training import training_rows

ENOUGH = 100
"""From so many own key accounts on, borrowed rows weigh less than own ones, the less the more there are."""


@dataclass(frozen=True)
class Pool:
    """rows: the own training rows, then those of each loan. source: 0 for own, then 1, 2, ... weight: 1 for own.

    Markets of lenders have the lender's name before them, so that no two customers are taken for one. notes: whose
    past this is.
    """

    rows: Panel
    source: NDArray[np.int16]
    weight: Floats
    notes: tuple[Note, ...]

    @property
    def own(self) -> Panel:
        """Return the own rows."""
        return self.rows.rows(pd.Series(self.source == 0))


def pooled(panel: Panel, files: Sequence[str]) -> Pool:
    """Return the training rows of a panel and of its loans of `files`; what the own source lacks is unknown in all."""
    own = training_rows(panel)
    loans = [loan for loan in panel.loans if loan.file in files]
    parts = [own, *(_comparable(loan, own.snapshot.absent) for loan in loans)]
    sizes = [len(p.outcome) for p in parts]
    source = np.repeat(np.arange(len(parts), dtype=np.int16), sizes)
    lent_weight = min(1.0, ENOUGH / max(float(own.outcome["target"].sum()), 1.0))
    own_alone = len(source) == sizes[0]  # then weights take no memory, and are read only
    weight = np.broadcast_to(1.0, len(source)) if own_alone else np.where(source == 0, 1.0, lent_weight)
    return Pool(_stacked(parts), source, weight, _whose(parts, loans))


def _comparable(loan: Loan, absent: Sequence[str]) -> Panel:
    rows = training_rows(loan.panel)
    seen = rows.snapshot
    market = loan.lender + "\x1f" + seen.frame["market"]
    frame = seen.frame.assign(market=market, **dict.fromkeys(absent, np.nan))
    return Panel(seen.of_table(frame), rows.outcome)


def _stacked(parts: Sequence[Panel]) -> Panel:
    own = parts[0]
    if not any(len(p.outcome) for p in parts[1:]):
        return own
    filled = [p for p in parts if len(p.outcome)]
    frame = pd.concat([p.snapshot.frame for p in filled], ignore_index=True)
    outcome = pd.concat([p.outcome for p in filled], ignore_index=True)
    return Panel(own.snapshot.of_table(frame), outcome)


def _whose(parts: Sequence[Panel], loans: Sequence[Loan]) -> tuple[Note, ...]:
    """Say what each lender gave: those that gave something first."""
    own, *lent = parts
    gave = [_lent(a, p, len(own.outcome)) for a, p in zip(loans, lent, strict=True) if len(p.outcome)]
    gave_none = [a for a, p in zip(loans, lent, strict=True) if not len(p.outcome)]
    return (*gave, *(Note("nothing_lent", {"lender": a.lender, "before": str(a.before)}) for a in gave_none))


def _lent(loan: Loan, rows: Panel, own: int) -> Note:
    dates = rows.snapshot.column("as_of")
    first, last = str(dates.min().date()), str(dates.max().date())
    return Note("lent", {"own": own, "rows": len(rows.outcome), "lender": loan.lender, "first": first, "last": last})
