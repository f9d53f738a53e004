"""The gate: a model serves only where past lists show that it is better than the best plain ranking.

Challenger, champion and all rankings by past spend are compared over the same past dates under the same draws of
customers. Too little evidence is said to be that: then nothing is judged, and the plain ranking serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.intervals import Comparison

JUDGED_DATES = 6
"""On how many past dates, a quarter of a year apart, the gate judges at most."""

MIN_DATES = 3
MIN_KEY_ACCOUNTS = 30
MIN_MONTHS = 18
"""Below these (past dates, key accounts over them, months of history) the gate refuses to judge."""

SURE = 0.95
"""In so many of the draws of customers the challenger must be better than the best plain ranking."""


@dataclass(frozen=True)
class Verdict:
    """better: the challenger is better than the best plain ranking, and no worse than the champion; None: not judged.

    ratio, low, high: challenger over best plain ranking with its interval; sure: the share of draws in which it is
    better. dates: how many were judged; key_accounts: how many came of them. missing: what is lacking to be judged.
    against_champion: challenger over champion, where a champion of another recipe was judged beside; champion_better:
    whether that one is ahead of the best plain ranking.
    """

    challenger: str
    better: bool | None
    best_plain: str | None
    ratio: float | None
    low: float | None
    high: float | None
    dates: int
    sentence: str
    sure: float | None = None
    key_accounts: int = 0
    missing: tuple[str, ...] = ()
    against_champion: float | None = None
    champion_better: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a mapping."""
        return asdict(self)


def lacking(*, dates: int, history_days: int, key_accounts: int | None = None) -> tuple[str, ...]:
    """Return what is missing for a judgement, in words; empty where there is enough. key_accounts None: not known yet.

    >>> lacking(dates=4, history_days=400, key_accounts=12)
    ('13 months of history, 18 are needed', '12 key accounts over the past dates, 30 are needed')
    """
    months = int(history_days / 30.4)
    said = []
    if dates < MIN_DATES:
        dates_said = f"{dates} past date{'' if dates == 1 else 's'}"
        said.append(
            f"{dates_said} whose outcome is known and that has training dates before it, {MIN_DATES} are needed"
        )
    if months < MIN_MONTHS:
        said.append(f"{months} months of history, {MIN_MONTHS} are needed")
    if key_accounts is not None and key_accounts < MIN_KEY_ACCOUNTS:
        said.append(f"{key_accounts} key accounts over the past dates, {MIN_KEY_ACCOUNTS} are needed")
    return tuple(said)


def judge(
    result: Backtest | None, challenger: str, *, history_days: int, champion: str | None = None, reason: str = ""
) -> Verdict:
    """Compare `challenger` with the best ranking by past spend, over the judged dates at which both have a value.

    history_days: from the source's first line to the date of the decision. champion: the name under which the recipe
    in service was tested, where that is another one. reason: why there is no result, or none of the challenger.
    """
    if result is None or result.measured is None:
        return _not_judged(challenger, [reason] if reason else lacking(dates=0, history_days=history_days))
    if result.best_plain is None:
        return _not_judged(challenger, ["nobody became a key account after any of the past dates"])
    if challenger not in result.judged_rankers:
        why = reason or "it could not be trained for any past date whose outcome is known"
        return _not_judged(challenger, [why])
    values = [[i.value for i in result.measured.by_date(r, BAR)] for r in (challenger, result.best_plain)]
    known = ~np.isnan(np.array(values)).any(axis=0)
    dates = int(known.sum())
    if not dates:
        return _not_judged(challenger, ["nobody became a key account after any past date that it was trained for"])
    grown = int(sum(t.rows["target"].sum() for t, k in zip(result.judged, known, strict=True) if k))
    model, plain = np.array(values)[:, known].mean(axis=1)
    compared = result.measured.compare(challenger, result.best_plain, BAR)
    sentence = _measured(challenger, result.best_plain, compared, dates=dates, means=(model, plain))
    missing = lacking(dates=dates, history_days=history_days, key_accounts=grown)
    against, ahead = None, None
    if champion is not None and champion in result.judged_rankers:
        against = result.measured.compare(challenger, champion, BAR)
        ahead = result.measured.compare(champion, result.best_plain, BAR).difference.value > 0
    if missing:
        better, said = None, f"Not judged: {'; '.join(missing)}. {sentence} That proves nothing yet."
    else:
        better, said = _decided(compared, sentence, better_mean=bool(model > plain))
        if better and against is not None and not np.isnan(against.difference.value):
            better, said = _against(against, said)
    value, low, high = (_known(v) for v in (compared.ratio.value, compared.ratio.low, compared.ratio.high))
    return Verdict(
        challenger, better, result.best_plain, value, low, high, dates, said,
        sure=_known(compared.better_share), key_accounts=grown, missing=missing,
        against_champion=None if against is None else _known(against.ratio.value), champion_better=ahead,
    )  # fmt: skip


def _measured(challenger: str, plain: str, compared: Comparison, *, dates: int, means: tuple[float, float]) -> str:
    ratio, said = compared.ratio, f"{dates} past date{'s' if dates > 1 else ''}"
    return (
        f"Over {said} the {challenger} model's lists were {ratio.value:.2f} times as good as those of "
        f"the best plain ranking ({plain}); 90% interval {ratio.low:.2f} to {ratio.high:.2f}"
        f" (average precision {means[0]:.3f} against {means[1]:.3f})."
    )


def _decided(compared: Comparison, sentence: str, *, better_mean: bool) -> tuple[bool, str]:
    if compared.better_share >= SURE and better_mean:
        return True, sentence
    if not better_mean:
        return False, f"{sentence} The plain ranking is not worse."
    sure = f"in {_rounded_down(compared.better_share)} of the draws of customers it is better, {SURE:.0%} are asked"
    return False, f"{sentence} That is not sure enough: {sure}."


def _rounded_down(share: float) -> str:
    return f"{int(100 * share + 1e-9)}%"


def _against(compared: Comparison, sentence: str) -> tuple[bool, str]:
    better = compared.difference.value >= 0
    against = f"{compared.ratio.value:.2f} times as good as those of the recipe in service"
    return better, f"{sentence} {'They were' if better else 'But they were only'} {against}."


def _not_judged(challenger: str, why: Sequence[str]) -> Verdict:
    said = f"Not judged against the plain rankings: {'; '.join(why).rstrip('.')}."
    return Verdict(challenger, None, None, None, None, None, 0, said, missing=tuple(why))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
