"""What rankers followed over time come to, in plain words."""

from __future__ import annotations

import math

from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.selection import Followed, Selection


def summary(found: Selection, result: Backtest) -> tuple[str, ...]:
    """Return a few sentences: which ranker, how often best, how large the regret, how stable, and how to choose."""
    leader = found.leader
    said = [_leads(found, leader), _regret(found, leader), _sure(found, leader, result), _stable(leader)]
    return tuple(filter(None, [*said, _choice(found)]))


def _leads(found: Selection, leader: Followed) -> str:
    most = max(found.followed, key=lambda f: f.best_at)
    known = sum(not math.isnan(b) for b in found.best)
    often = f"it was the best at {leader.best_at} of {_dates(leader.dates)}"
    if leader.dates < known:
        often += f" at which it was judged, of {known} in all"
    if most.best_at > leader.best_at:
        often += f" ({most.ranker} at {most.best_at})"
    near = round(leader.near_share * leader.dates)
    rivals = f" of {len(found.followed)} rankers" if len(found.followed) > 1 else ""
    return (
        f"{leader.ranker} has the least regret{rivals}: {often}, and at {near} it was at most a tenth worse than the "
        "best."
    )


def _regret(found: Selection, leader: Followed) -> str:
    worst = max(leader.judged, key=lambda j: -1 if math.isnan(j.regret) else j.regret)
    said = (
        f"Staying with {leader.ranker} cost {leader.mean_regret:.3f} in average precision a date against knowing the "
        f"best in advance (its mean is {leader.average_precision.value:.3f})"
    )
    if worst.regret > 0:
        said += f"; at worst {worst.regret:.3f}, on {worst.as_of}"
    others = found.ranked[1:]
    return f"{said}. Next comes {others[0].ranker} with {others[0].mean_regret:.3f}." if others else f"{said}."


def _sure(found: Selection, leader: Followed, result: Backtest) -> str:
    others = found.ranked[1:]
    if not others or result.measured is None:
        return ""
    compared = result.measured.compare(leader.ranker, others[0].ranker, BAR)
    gap = compared.difference
    if math.isnan(gap.low):
        return ""
    sure = "beyond chance" if gap.low > 0 else "not beyond chance"
    return (
        f"Its lead over {others[0].ranker} is {sure}: {gap.value:+.3f} in mean average precision, 90% interval "
        f"{gap.low:+.3f} to {gap.high:+.3f}, better in {compared.better_share:.0%} of the draws of customers."
    )


def _stable(leader: Followed) -> str:
    if math.isnan(leader.kept_share):
        return ""
    steps = len(leader.changes)
    kept, overtaken, left = (sum(getattr(c, w) for c in leader.changes) / steps for w in ("kept", "overtaken", "left"))
    listed, days = kept + overtaken + left, sum(c.days for c in leader.changes) / steps
    return (
        f"Of its first {listed:.0f}, {kept:.0f} are listed again on the next list (on average, {days:.0f} days later), "
        f"{overtaken:.0f} are overtaken by others and {left:.0f} are no longer eligible: "
        f"{leader.kept_share:.0%} of those that still could be listed are."
    )


def _choice(found: Selection) -> str:
    rules = [r for r in found.rules if r.picks]
    if not rules:
        return (
            "No rule of choice could be tried: before no date was another date's horizon over, so a choice would have "
            "had to see the future."
        )
    best = min(rules, key=lambda r: r.mean_regret)
    said = (
        f"Choosing anew at {_dates(len(best.picks))}, only from outcomes known by then, the best rule ({best.name}) "
        f"would have cost {best.mean_regret:.3f} a date"
    )
    if found.staying:
        name = min(found.staying, key=lambda r: found.staying[r])
        said += f"; staying with {name} throughout, {found.staying[name]:.3f}"
    return f"{said}."


def _dates(number: int) -> str:
    return f"{number} date{'' if number == 1 else 's'}"
