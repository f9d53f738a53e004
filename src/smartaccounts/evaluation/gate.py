"""Whether a model may serve: it must not be worse than the best plain ranking."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

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
    """Compare `challenger` with the best ranking by past spend over the judged dates of a backtest."""
    if result is None or result.measured is None or result.best_plain is None or challenger not in result.rankers:
        why = reason or "no as_of date has both a training horizon before it and a known outcome"
        return Verdict(challenger, None, None, None, None, None, 0, f"Not judged against the plain rankings: {why}.")
    compared = result.measured.compare(challenger, result.best_plain, BAR)
    model, plain = result.mean(challenger, BAR).value, result.mean(result.best_plain, BAR).value
    better = bool(model >= plain)
    ratio = compared.ratio
    dates = len(result.judged)
    sentence = (
        f"Over {dates} past dates the {challenger} model's lists were {ratio.value:.2f} times as good as those of "
        f"the best plain ranking ({result.best_plain}); 90% interval {ratio.low:.2f} to {ratio.high:.2f}"
        f" (average precision {model:.3f} against {plain:.3f})."
    )
    if not better:
        sentence += " The plain ranking is better."
    return Verdict(challenger, better, result.best_plain, ratio.value, ratio.low, ratio.high, dates, sentence)
