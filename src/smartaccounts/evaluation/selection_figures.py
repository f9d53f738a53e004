"""The figures of rankers followed over time; each can be drawn narrow, for a phone, and without a title, for a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from smartaccounts.evaluation.canvas import (
    COLOURS,
    FAINT,
    INK,
    MARKERS,
    RANDOM,
    SOFT,
    canvas,
    day_labels,
    tick,
    with_legend,
)
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.selection import Followed, Judged, Selection

NARROW = 5.0
"""Inches below which a figure is drawn for a phone: fewer labels, legends in one column."""
IN_COLOUR = 3
FEW = 12
"""Up to so many dates there is room for the intervals of more than the leader."""


@dataclass(frozen=True)
class Frame:
    """How a figure is framed: inches wide, and whether it bears its own title."""

    width: float = 8.0
    titled: bool = True

    @property
    def narrow(self) -> bool:
        """Say whether it is drawn for a phone."""
        return self.width < NARROW


def figures(found: Selection, frame: Frame = Frame()) -> dict[str, Figure]:
    """Return name -> figure: over_time, lift, distance, and stability and rules where there is something to draw."""
    drawn = {"over_time": _over_time(found, frame), "lift": _lift(found, frame), "distance": _distance(found, frame)}
    if any(f.changes for f in found.followed):
        drawn["stability"] = _stability(found, frame)
    if any(r.picks for r in found.rules):
        drawn["rules"] = _rules(found, frame)
    return drawn


def in_colour(found: Selection) -> tuple[str, ...]:
    """Return the rankers that are drawn in colour: the leader, then those with the least regret."""
    return tuple(f.ranker for f in by_regret(found)[:IN_COLOUR])


def by_regret(found: Selection) -> list[Followed]:
    """Return the rankers, the leader first, then by mean regret."""
    return sorted(found.followed, key=lambda f: (f is not found.leader, f.mean_regret))


def _over_time(found: Selection, frame: Frame) -> Figure:
    figure, axes = _by_date(
        found, frame, "How well each list was ordered, date by date", lambda judged: judged.average_precision
    )
    at = _days(found)
    axes.plot(at, found.base_rates, color=SOFT, linestyle=":", linewidth=1.6, label=RANDOM, zorder=1)
    axes.set_ylabel("Average precision")
    return _legend(figure, axes, frame)


def _lift(found: Selection, frame: Frame) -> Figure:
    title = "How many times more key accounts in the first 2% than in random order"
    figure, axes = _by_date(found, frame, title, lambda judged: judged.lift)
    axes.axhline(1, color=SOFT, linestyle=":", linewidth=1.6, label=RANDOM, zorder=1)
    axes.set_ylabel("Lift of the first 2%")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda lift, _: f"{lift:g}x"))
    return _legend(figure, axes, frame)


def _by_date(found: Selection, frame: Frame, title: str, measured: Callable[[Judged], Interval]) -> tuple[Figure, Axes]:
    """Draw a measure of every ranker over the dates: in colour with a band for its interval, the others thin."""
    figure, axes = _one(found, frame, title, height=4.6 if frame.narrow else 5.0)
    at, coloured = _days(found), in_colour(found)
    for f in by_regret(found):
        intervals = [measured(j) for j in f.judged]
        value, low, high = np.array([(i.value, i.low, i.high) for i in intervals]).T
        if f.ranker not in coloured:
            axes.plot(at, value, color=FAINT, linewidth=1.2, label=_others(found, f), zorder=1)
            continue
        i = coloured.index(f.ranker)
        axes.plot(
            at, value, color=COLOURS[i], linewidth=2.4 - 0.5 * (i > 0), marker=MARKERS[i], markersize=6,
            label=f.ranker, zorder=5 - i,
        )  # fmt: skip
        if i == 0:
            axes.fill_between(at, low, high, color=COLOURS[i], alpha=0.16, linewidth=0, zorder=0)
        elif len(at) <= FEW:
            axes.vlines(at + 1.5 * i, low, high, color=COLOURS[i], linewidth=1.2, alpha=0.6, zorder=1)
    axes.set_xticks(at, day_labels(found.dates, most=4 if frame.narrow else 8))
    axes.set_xlim(at[0] - 12, at[-1] + 12)
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    return figure, axes


def _distance(found: Selection, frame: Frame) -> Figure:
    """Draw at how many dates each ranker is within so much of the best: a curve in the corner is never far."""
    figure, axes = _one(found, frame, "How far below the best, and how often", height=4.4)
    shares, coloured = np.linspace(0, 1, 201), in_colour(found)
    for f in by_regret(found):
        i = coloured.index(f.ranker) if f.ranker in coloured else None
        within = [f.within(float(s)) for s in shares]
        colour, width = (FAINT, 1.2) if i is None else (COLOURS[i], 2.4)
        label = _others(found, f) if i is None else f"{f.ranker}: {f.near_share:.0%} within a tenth"
        axes.plot(shares, within, color=colour, linewidth=width, label=label, zorder=1 if i is None else 5 - i)
    axes.axvline(0.1, color=INK, linewidth=1, linestyle=":", zorder=2)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel("How far below the best of the date")
    axes.set_ylabel("Share of the dates")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(tick))
    return with_legend(figure, axes, columns=1 if frame.narrow else 2)


def _stability(found: Selection, frame: Frame) -> Figure:
    """Draw what became of the first k from one list to the next: listed again, overtaken, no longer eligible."""
    shown = [f for f in by_regret(found) if f.changes]
    title = f"What became of the first {found.capacity} on the next list"
    figure, axes = _one(found, frame, title, height=1.6 + 0.36 * len(shown))
    counts = np.array([[sum(getattr(c, w) for c in f.changes) for w in ("kept", "overtaken", "left")] for f in shown])
    shares = counts / counts.sum(axis=1, keepdims=True)
    starts = np.cumsum(shares, axis=1) - shares
    at = np.arange(len(shown))
    named = ("listed again", "overtaken by others", "no longer eligible")
    for column, (label, colour) in enumerate(zip(named, (COLOURS[0], COLOURS[1], FAINT), strict=True)):
        axes.barh(at, shares[:, column], left=starts[:, column], height=0.62, color=colour, label=label)
    for place, share in zip(at, shares[:, 0], strict=True):
        axes.annotate(f"{share:.0%}", (0.012, place), va="center", fontsize=10.5, color="white", fontweight="bold")
    _rows(axes, [f.ranker for f in shown])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    axes.set_xlabel(f"Share of the first {found.capacity}")
    return _legend(figure, axes, frame)


def _rules(found: Selection, frame: Frame) -> Figure:
    """Draw the mean regret of rules that look backward, and of staying with one ranker, over the same dates."""
    rows = [(r.name, r.mean_regret, True) for r in found.rules if r.picks]
    rows += [(f"always {name}", regret, False) for name, regret in found.staying.items()]
    rows.sort(key=lambda row: row[1])
    figure, axes = _one(found, frame, "What choosing would have cost", height=1.7 + 0.34 * len(rows))
    at = np.arange(len(rows))
    for rule, colour, label in ((True, COLOURS[0], "a rule that looks backward"), (False, FAINT, "one ranker always")):
        own = [(place, regret) for place, (_, regret, is_rule) in zip(at, rows, strict=True) if is_rule == rule]
        axes.barh([p for p, _ in own], [r for _, r in own], height=0.6, color=colour, label=label)
    for place, (_, regret, _) in zip(at, rows, strict=True):
        axes.annotate(
            f"{regret:.3f}", (regret, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=10.5,
            color=INK,
        )  # fmt: skip
    _rows(axes, [name for name, _, _ in rows])
    axes.set_xlim(0, 1.18 * max([1e-9, *(regret for _, regret, _ in rows)]))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("Mean regret in average precision")
    return _legend(figure, axes, frame)


def _one(found: Selection, frame: Frame, title: str, *, height: float) -> tuple[Figure, Axes]:
    dates = f"{len(found.dates)} date{'s' if len(found.dates) > 1 else ''}"
    said = f"{found.pipeline}: {dates} from {found.dates[0]} to {found.dates[-1]}"
    texts = (title, said) if frame.titled else ("", "")
    figure, (axes,) = canvas(*texts, width=frame.width, height=height + (0.7 if frame.titled else 0))
    return figure, axes


def _days(found: Selection) -> np.ndarray:
    return np.array([d.toordinal() for d in found.dates], dtype=float)


def _others(found: Selection, followed: Followed) -> str:
    others = [f.ranker for f in by_regret(found) if f.ranker not in in_colour(found)]
    return f"{len(others)} other ranker{'s' if len(others) > 1 else ''}" if followed.ranker == others[0] else "_"


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def _legend(figure: Figure, axes: Axes, frame: Frame) -> Figure:
    return with_legend(figure, axes, columns=1 if frame.narrow else 3)
