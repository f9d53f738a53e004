"""Pictures of how good ranked lists were, to be read at 800 pixels by somebody who knows no statistics.

Every function returns a Figure of its own on an Agg canvas: no pyplot, nothing global. Colours are those of Okabe and
Ito, which colour-blind readers can tell apart; line style and marker say the same again.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from smartaccounts.engine.interrupt import heed
from smartaccounts.evaluation.canvas import (
    COLOURS,
    FAINT,
    INK,
    MARKERS,
    RANDOM,
    SOFT,
    canvas,
    day_labels,
    percent,
    tick,
    with_legend,
)
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.metrics import Bin, Curve

NICE_SHARES = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1)
DOTS_PER_INCH = 150


@dataclass(frozen=True)
class Mark:
    """A place in the list, as a share of its rows, and what it is called: ("the first 50", 0.021)."""

    label: str
    share: float


@dataclass(frozen=True)
class _Look:
    label: str
    colour: str
    style: str = "-"
    width: float = 2.4
    marker: str = "o"
    depth: int = 3


def gain_figure(
    curves: Mapping[str, Curve],
    *,
    highlight: Sequence[str],
    best_plain: str | None = None,
    capacity: Mark | None = None,
    subtitle: str = "",
) -> Figure:
    """Draw the share of key accounts found against the share of the list worked through.

    curves: one per ranker (`metrics.gain_curve`). highlight: the rankers in colour, at most four; best_plain is dashed;
    all others are thin and grey. capacity: where the list will be cut; what each ranker finds until there is told.
    """
    figure, (axes,) = canvas("Share of future key accounts found when you work through the list", subtitle)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1.2, linestyle=":", label=RANDOM, zorder=1)
    for ranker, look in _looks(curves, highlight, best_plain).items():
        curve, label = curves[ranker], look.label
        if capacity is not None and look.depth > 1:
            found = float(np.interp(capacity.share, curve.share, curve.value))
            label += f": {found:.0%} in {capacity.label}" if np.isfinite(found) else ": no key accounts"
            axes.plot([capacity.share], [found], look.marker, color=look.colour, markersize=6, zorder=look.depth + 3)
        _line(axes, curve, look, label)
    if capacity is not None:
        _mark(axes, capacity)
    axes.set(xlim=(0, 1), ylim=(0, 1.005), xlabel="Share of the list worked through, from the top")
    axes.set_ylabel("Share of key accounts found")
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    axes.yaxis.set_major_formatter(FuncFormatter(tick))
    return with_legend(figure, axes)


def lift_figure(
    curves: Mapping[str, Curve],
    *,
    highlight: Sequence[str],
    best_plain: str | None = None,
    capacity: Mark | None = None,
    subtitle: str = "",
) -> Figure:
    """Draw how many times more key accounts the top of the list holds than random order would.

    curves: one per ranker (`metrics.lift_curve`); shares below 0.5% are too few rows to draw. Else as `gain_figure`.
    """
    figure, (axes,) = canvas("How many times more key accounts than in random order", subtitle)
    axes.axhline(1, color=SOFT, linewidth=1.2, linestyle=":", label=RANDOM, zorder=1)
    top = 1.0
    for ranker, look in _looks(curves, highlight, best_plain).items():
        seen = curves[ranker].share >= 0.005
        shown = Curve(curves[ranker].share[seen], curves[ranker].value[seen])
        top = max([top, *shown.value[np.isfinite(shown.value)]])
        _line(axes, shown, look, look.label)
    axes.set_xscale("log")
    if capacity is not None and capacity.share >= 0.005:
        _mark(axes, capacity)
    axes.set(xlim=(0.005, 1), ylim=(0, 1.12 * top), xlabel="Share of the list worked through, from the top")
    axes.set_ylabel("Times as many as in random order")
    axes.xaxis.set_major_locator(FixedLocator([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda lift, _: f"{lift:g}x"))
    return with_legend(figure, axes)


def reliability_figure(bins: Sequence[Bin], *, subtitle: str = "") -> Figure:
    """Draw the predicted chance against what happened, and below how many key accounts that was in each bin.

    bins: of `metrics.reliability`, lowest probabilities first; may be empty. Both upper axes have a square-root scale,
    which spreads the low chances and still has a 0.
    """
    if not bins:
        figure, (axes,) = canvas("Do the predicted chances come true?", subtitle)
        axes.set_axis_off()
        axes.annotate("No customers to show.", (0.004, 0.95), xycoords="axes fraction", fontsize=11.5, color=INK)
        return figure
    figure, (axes, below) = canvas("Do the predicted chances come true?", subtitle, height=7.4, panels=(2.6, 1))
    predicted = np.array([b.predicted for b in bins])
    observed = np.array([b.observed for b in bins])
    ends = np.array([[b.observed - b.low for b in bins], [b.high - b.observed for b in bins]]).reshape(2, -1)
    limit = 1.06 * max([0.01, *predicted, *(b.high for b in bins)])
    limit = min(limit, 1.0)
    axes.plot([0, limit], [0, limit], color=SOFT, linewidth=1.2, linestyle=":", label="exactly as predicted")
    look: dict[str, Any] = {
        "fmt": "o",
        "color": COLOURS[0],
        "markersize": 7,
        "capsize": 3,
        "linewidth": 1.6,
        "clip_on": False,
    }
    axes.errorbar(predicted, observed, np.maximum(ends, 0), label="what happened, with its margin of error", **look)
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("function", functions=(lambda v: np.sqrt(np.maximum(v, 0)), np.square))
        axis.set_major_locator(FixedLocator(_spread_shares(limit)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(tick))
    axes.set(xlim=(0, limit), ylim=(0, limit), ylabel="Share that became key accounts")
    axes.set_xlabel("Predicted chance (mean of a group of customers; square-root scale)")
    _legend_above(axes)
    _bin_counts(below, bins)
    return figure


def average_precision_figure(
    dates: Sequence[date],
    intervals: Mapping[str, Sequence[Interval]],
    *,
    highlight: Sequence[str],
    best_plain: str | None = None,
    base_rates: Sequence[float] | None = None,
    subtitle: str = "",
) -> Figure:
    """Draw the average precision of rankers at every as_of date with its interval, side by side.

    intervals: per ranker one Interval per date (nan is left out). base_rates: what a random order would reach.
    """
    figure, (axes,) = canvas("How well each list was ordered, date by date", subtitle)
    looks = _looks(intervals, highlight, best_plain)
    shown = [r for r in looks if looks[r].depth > 1]
    at = np.arange(len(dates), dtype=float)
    if base_rates is not None:
        axes.hlines(base_rates, at - 0.42, at + 0.42, color=SOFT, linestyle=":", linewidth=1.6, label=RANDOM)
    for ranker, look in looks.items():
        value, low, high = np.array([(i.value, i.low, i.high) for i in intervals[ranker]]).reshape(-1, 3).T
        if look.depth == 1:
            axes.plot(at, value, "_", color=FAINT, markersize=14, markeredgewidth=1.6, label=look.label, zorder=1)
            continue
        place = at + 0.6 * ((shown.index(ranker) + 0.5) / len(shown) - 0.5)
        axes.vlines(place, low, high, color=look.colour, linewidth=2, zorder=2)
        hollow = "white" if ranker == best_plain else look.colour
        axes.plot(
            place, value, look.marker, color=look.colour, markerfacecolor=hollow, markersize=8, markeredgewidth=2,
            label=look.label, zorder=3,
        )  # fmt: skip
    axes.set(xlim=(-0.6, max(len(dates), 1) - 0.4), ylabel="Average precision (1 is perfect)")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Date of the list")
    axes.set_xticks(at, day_labels(dates))
    axes.grid(visible=False, axis="x")
    return with_legend(figure, axes)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG: the same figure gives the same bytes; the file is whole or not there.

    The folder must exist (OSError otherwise).
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content.getvalue())
        heed()
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _looks(rankers: Mapping[str, object], highlight: Sequence[str], best_plain: str | None) -> dict[str, _Look]:
    """Return how each ranker is drawn, in the order of the legend: highlights, the best plain ranking, the others."""
    named = [r for r in highlight if r in rankers and r != best_plain]
    if len(named) > len(COLOURS):
        raise ValueError(f"Expected at most {len(COLOURS)} highlighted rankers, got {len(named)}.")
    looks = {r: _Look(r, COLOURS[i], marker=MARKERS[i], depth=5 - i) for i, r in enumerate(named)}
    if best_plain in rankers:
        looks[str(best_plain)] = _Look(f"{best_plain} (best plain ranking)", INK, "--", 1.9, "s", depth=6)
    others = [r for r in rankers if r not in looks]
    for i, ranker in enumerate(others):
        label = f"other rankings: {', '.join(others)}" if len(others) < 4 else f"{len(others)} other rankings"
        looks[ranker] = _Look(label if i == 0 else "_", FAINT, "-", 1.2, depth=1)
    return looks


def _line(axes: Axes, curve: Curve, look: _Look, label: str) -> None:
    axes.plot(
        curve.share, curve.value, color=look.colour, linestyle=look.style, linewidth=look.width, label=label,
        zorder=look.depth,
    )  # fmt: skip


def _mark(axes: Axes, mark: Mark) -> None:
    axes.axvline(mark.share, color=INK, linewidth=1, zorder=2)
    left = mark.share > 0.6
    axes.annotate(
        f"{mark.label} ({percent(mark.share)})", (mark.share, 1), xycoords=("data", "axes fraction"),
        xytext=(3 if left else -3, 3), textcoords="offset points", ha="right" if left else "left", va="bottom",
        fontsize=10.5, color=INK,
    )  # fmt: skip


def _bin_counts(axes: Axes, bins: Sequence[Bin]) -> None:
    """Draw key accounts per bin: found as bars with their number, predicted as marks."""
    at = np.arange(len(bins))
    found, predicted = [b.positives for b in bins], [b.predicted * b.rows for b in bins]
    axes.bar(at, found, width=0.7, color="#8fbfdc", label="became key accounts")
    axes.hlines(predicted, at - 0.42, at + 0.42, color=COLOURS[1], linewidth=2.4, label="predicted")
    top = max([1.0, *found, *predicted])
    for place, number, height in zip(at, found, np.maximum(found, predicted), strict=True):
        axes.annotate(
            str(number), (place, height), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=10, color=INK
        )
    axes.set_ylim(0, 1.25 * top)
    axes.set_xticks(at, [percent(b.predicted) for b in bins])
    axes.grid(visible=False, axis="x")
    sizes = sorted({b.rows for b in bins})
    size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}" if sizes else "no"
    axes.set_xlabel(f"Predicted chance of each group ({size} customers in each)")
    axes.set_ylabel("Key accounts")
    _legend_above(axes)


def _legend_above(axes: Axes) -> None:
    where: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.985), "ncols": 2}
    axes.legend(frameon=False, fontsize=10.5, labelcolor=INK, **where)


def _spread_shares(limit: float) -> list[float]:
    """Return round shares up to `limit` that do not crowd each other on a square-root scale."""
    ticks = [0.0]
    for share in NICE_SHARES:
        if share <= limit and np.sqrt(share) - np.sqrt(ticks[-1]) >= 0.07 * np.sqrt(limit):
            ticks.append(share)
    return ticks
