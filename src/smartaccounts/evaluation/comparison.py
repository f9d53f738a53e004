"""The figure of a leaderboard: average precision of every training, and its difference to the champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from smartaccounts.evaluation.canvas import COLOURS, INK, SOFT, canvas, plain_axes
from smartaccounts.evaluation.intervals import Interval

MOST = 30
"""How many trainings a figure has room for."""


@dataclass(frozen=True)
class Dots:
    """One training in the figure: its name, its measures (None where there is none), and whether it is in service."""

    label: str
    mean: Interval | None
    difference: Interval | None
    champion: bool = False
    paired: bool = True


def comparison_figure(trainings: Sequence[Dots], *, subtitle: str = "") -> Figure:
    """Draw one row per training, in their order: mean average precision, and beside it the difference to the champion.

    The champion is a square in black; what is not paired is hollow. Beyond MOST trainings only the first are drawn, and
    the champion.
    """
    shown = [t for i, t in enumerate(trainings) if i < MOST or t.champion]
    height = 2.0 + 0.36 * len(shown)
    figure, (left,) = canvas("Trainings beside the champion", subtitle, height=height)
    figure.delaxes(left)
    left, right = figure.subplots(1, 2, sharey=True)
    at = np.arange(len(shown))
    for axes, measured in ((left, [t.mean for t in shown]), (right, [t.difference for t in shown])):
        plain_axes(axes)
        axes.grid(visible=False, axis="y")
        for place, training, interval in zip(at, shown, measured, strict=True):
            if interval is not None:
                _dot(axes, float(place), interval, training, hollow=axes is right and not training.paired)
    left.set_yticks(at, [f"{t.label}  champion" if t.champion else t.label for t in shown])
    for text, training in zip(left.get_yticklabels(), shown, strict=True):
        text.set_fontweight("bold" if training.champion else "normal")
    left.set_ylim(len(shown) - 0.4, -0.6)
    left.set_xlim(left=0)
    left.set_xlabel("Average precision")
    right.axvline(0, color=SOFT, linewidth=1.2, linestyle=":", zorder=1)
    right.set_xlabel("Difference to the champion")
    if not any(t.difference is not None for t in shown):
        right.set_xticks([0], ["0"])
        right.annotate("Nothing to compare.", (0.5, 0.5), xycoords="axes fraction", ha="center", color=SOFT)
    elif not all(t.paired for t in shown if t.difference is not None):
        right.annotate(
            "hollow: not paired", (1, 1.01), xycoords="axes fraction", ha="right", va="bottom", fontsize=10, color=SOFT
        )
    return figure


def _dot(axes: Axes, place: float, interval: Interval, training: Dots, *, hollow: bool) -> None:
    colour = INK if training.champion else COLOURS[0]
    axes.hlines(place, interval.low, interval.high, color=colour, linewidth=2, zorder=2)
    axes.plot(
        [interval.value], [place], "s" if training.champion else "o", color=colour, markersize=8, markeredgewidth=2,
        markerfacecolor="white" if hollow else colour, zorder=3,
    )  # fmt: skip
