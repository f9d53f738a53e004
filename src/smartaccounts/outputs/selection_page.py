"""The report on rankers over time as one page that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smartaccounts.evaluation.canvas import percent
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.selection import Selection
from smartaccounts.evaluation.selection_figures import Frame, by_regret, figures, in_colour
from smartaccounts.outputs.vector import svg

FRAMES = {"wide": Frame(10, titled=False), "narrow": Frame(4.4, titled=False)}
"""Every figure is drawn twice; the page shows the one that fits the screen."""

LABELS = {
    "over_time": "Average precision of every ranker at every date",
    "lift": "Lift of every ranker at every date",
    "distance": "Share of dates within a distance of the best, per ranker",
    "stability": "What became of the listed customers on the next list, per ranker",
    "rules": "Mean regret of rules of choice and of fixed rankers",
}


def page(found: Selection, words: Sequence[str]) -> str:
    """Return the page as HTML: the summary in words on top, then figures and tables. Every text is escaped."""
    environment = Environment(
        loader=PackageLoader("smartaccounts", "outputs/templates"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "share": share, "ends": ends, "day": day}
    return environment.get_template("selection.html.j2").render(
        found=found,
        words=words,
        rankers=by_regret(found),
        coloured=in_colour(found),
        drawn=_drawn(found),
        picked=_picked(found),
        near=0.1,
    )


def _drawn(found: Selection) -> dict[str, Markup]:
    """Return name -> both drawings of a figure."""
    drawn: dict[str, Markup] = {}
    for frame_name, frame in FRAMES.items():
        for name, figure in figures(found, frame).items():
            one = svg(figure, name=f"{name}-{frame_name}", label=LABELS[name])
            drawn[name] = drawn.get(name, Markup()) + Markup('<div class="{}">{}</div>').format(frame_name, one)
    return drawn


def _picked(found: Selection) -> list[tuple[date, str, list[tuple[str, float]]]]:
    """Return per date with picks: the date, the best ranker there, and each rule's pick with its regret."""
    by_date = {p.as_of for r in found.rules for p in r.picks}
    best = {
        day: next(f.ranker for f in found.followed for j in f.judged if j.as_of == day and j.regret == 0)
        for day in by_date
    }
    made = {(r.name, p.as_of): (p.ranker, p.regret) for r in found.rules for p in r.picks}
    return [(d, best[d], [made[r.name, d] for r in found.rules]) for d in sorted(by_date)]


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many decimals, a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"  # noqa: RUF001 - a dash, as on paper


def share(value: float) -> str:
    """Write a share in percent, a dash where there is none."""
    if value >= 0.1:
        return f"{value:.0%}"
    return "–" if math.isnan(value) else percent(value)  # noqa: RUF001 - a dash, as on paper


def ends(interval: Interval, digits: int = 3) -> str:
    """Write the ends of an interval; nothing where there are none."""
    return "" if math.isnan(interval.low) else f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"


def day(when: date) -> str:
    """Write a date as 1 Feb 2011."""
    return f"{when.day} {when:%b %Y}"
