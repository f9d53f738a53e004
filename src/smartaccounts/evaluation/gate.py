"""Whether a model may serve: it must not be worse than the best plain ranking."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smartaccounts.evaluation.backtest import BAR, Backtest


@dataclass(frozen=True)
class Verdict:
    """better: the challenger's mean average precision is not below the best plain ranking's; None: nothing to judge by.

    ratio, low, high: challenger over best plain ranking with its interval; dates: how many were judged.
    """

    challenger: str
    better: bool | None
    best_plain: str | None
    ratio: float | None
    low: float | None
    high: float | None
    dates: int
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Return it as a mapping."""
        return asdict(self)


def judge(result: Backtest | None, challenger: str, *, reason: str = "") -> Verdict:
    """Compare `challenger` with the best ranking by past spend, over the judged dates at which both have a value."""
    if result is None or result.measured is None:
        return _not_judged(challenger, reason or "no as_of date has both training dates before it and a known outcome")
    if result.best_plain is None:
        return _not_judged(challenger, "nobody became a key account after any of the past dates")
    if challenger not in result.judged_rankers:
        return _not_judged(challenger, reason or "it could not be trained for any past date whose outcome is known")
    compared = result.measured.compare(challenger, result.best_plain, BAR)
    by_date = (result.measured.by_date(r, BAR) for r in (challenger, result.best_plain))
    both = np.array([(m.value, p.value) for m, p in zip(*by_date, strict=True)])
    both = both[~np.isnan(both).any(axis=1)]
    if not len(both):
        return _not_judged(challenger, "nobody became a key account after any past date that it was trained for")
    model, plain = both.mean(axis=0)
    better = bool(model >= plain)
    dates, ratio = f"{len(both)} past date{'s' if len(both) > 1 else ''}", compared.ratio
    sentence = (
        f"Over {dates} the {challenger} model's lists were {ratio.value:.2f} times as good as those of "
        f"the best plain ranking ({result.best_plain}); 90% interval {ratio.low:.2f} to {ratio.high:.2f}"
        f" (average precision {model:.3f} against {plain:.3f})."
    )
    if not better:
        sentence += " The plain ranking is better."
    value, low, high = (_known(v) for v in (ratio.value, ratio.low, ratio.high))
    return Verdict(challenger, better, result.best_plain, value, low, high, len(both), sentence)


def _not_judged(challenger: str, why: str) -> Verdict:
    said = f"Not judged against the plain rankings: {why.rstrip('.')}."
    return Verdict(challenger, None, None, None, None, None, 0, said)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
