"""What all figures share: colours, a canvas with its title, plain axes, and how dates and shares are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK, SOFT, FAINT, GRID = "#222222", "#666666", "#b5b5b5", "#e6e6e6"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
MARKERS = ("o", "^", "D", "v")
RANDOM = "random order"


def canvas(
    title: str, subtitle: str, *, width: float = 8, height: float = 5.6, panels: Sequence[float] = (1,)
) -> tuple[Figure, list[Axes]]:
    """Return a figure, in inches, with its title and, one below the other, as many axes as `panels` has heights.

    Without a title, as on a page that has its own, no room is kept for one.
    """
    strip = 0.72 if subtitle else 0.45 if title else 0.0  # inches kept for the title
    layout = ConstrainedLayoutEngine(rect=(0.005, 0.01, 0.985, 0.99 - strip / height), hspace=0.06)
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    if title:
        figure.text(0.015, 1 - 0.1 / height, title, va="top", fontsize=14, fontweight="bold", color=INK)
    if subtitle:
        figure.text(0.015, 1 - 0.4 / height, subtitle, va="top", fontsize=11, color=SOFT)
    axes = list(figure.subplots(len(panels), 1, height_ratios=panels, squeeze=False)[:, 0])
    for panel in axes:
        plain_axes(panel)
    return figure, axes


def plain_axes(axes: Axes) -> None:
    """Take away all but the lines that are read: two spines, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=11, length=3, color=FAINT)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(size=11.5, color=INK)
    axes.yaxis.label.set(size=11.5, color=INK)


def with_legend(figure: Figure, axes: Axes, *, columns: int = 2) -> Figure:
    """Put the legend below the axes, where it covers nothing; random order is named last."""
    handles, labels = axes.get_legend_handles_labels()
    named = sorted(zip(labels, handles, strict=True), key=lambda pair: pair[0] == RANDOM)
    labels, handles = [label for label, _ in named], [handle for _, handle in named]
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=11, labelcolor=INK
    )
    return figure


def day_labels(dates: Sequence[date], *, most: int = 8) -> list[str]:
    """Return 'Jan 2011' for firsts of months, with the day where there is another; above `most`, every second one."""
    firsts = all(d.day == 1 for d in dates)
    every = 1 + (len(dates) - 1) // most
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    names = [
        f"{months[d.month - 1]}\n{d.year}" if firsts else f"{d.day} {months[d.month - 1]}\n{d.year}" for d in dates
    ]
    return [name if i % every == 0 else "" for i, name in enumerate(names)]


def tick(share: float, _place: int) -> str:
    """Return `percent` as matplotlib calls a formatter."""
    return percent(share)


def percent(share: float) -> str:
    """Return a share in at most two significant digits below 10%, and never more than two decimals.

    >>> [percent(v) for v in (0, 0.00002, 0.0056, 0.021, 0.995, 1)]
    ['0%', '<0.01%', '0.56%', '2.1%', '99.5%', '100%']
    """
    if 0 < share < 0.0001:
        return "<0.01%"
    return f"{round(float(f'{100 * share:.2g}'), 2) if share < 0.1 else round(100 * share, 1):g}%"
