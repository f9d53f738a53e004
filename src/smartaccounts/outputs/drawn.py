"""Small figures as SVG text: scales, lines and labels; colours are classes of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

Scale = Callable[[float], float]


@dataclass(frozen=True)
class Plot:
    """The drawing area of a figure, in units of its viewBox."""

    left: float
    right: float
    top: float
    bottom: float


def svg(parts: Iterable[Markup], *, width: float, height: float, label: str) -> Markup:
    """Return a figure as an <svg> element that is read out as `label` and grows with the page."""
    size = f"0 0 {number(width)} {number(height)}"
    return Markup(f'<svg viewBox="{size}" role="img" aria-label="{escape(label)}">{Markup().join(parts)}</svg>')


def number(value: float) -> str:
    """Write a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Return a scale from values to coordinates; where low is high, everything lies at the start."""
    span = high - low or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Return a scale of positive values; smaller ones lie at the start."""
    inner = linear(math.log(low), math.log(high), start, end)
    return lambda value: inner(math.log(max(value, low)))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values from low to high, about `most` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return round values between two positive ones for a logarithmic axis: the more powers of ten, the fewer each."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    finest: tuple[float, ...] = (
        (1, 1.5, 2, 3, 4, 5, 6, 8) if span <= 0.6 else (1, 1.5, 2, 3, 5, 7) if span <= 1 else (1, 2, 5)
    )
    factors = finest if span <= 2.2 else (1, 3) if span <= 3.2 else (1,)
    return [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]


def text(x: float, y: float, said: str, *, kind: str = "", anchor: str = "start") -> Markup:
    """Return a label; `anchor` is start, middle or end."""
    said = escape(said)
    classed = f' class="{kind}"' if kind else ""
    anchored = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return Markup(f'<text x="{number(x)}" y="{number(y)}"{classed}{anchored}>{said}</text>')


def line(start: tuple[float, float], end: tuple[float, float], kind: str) -> Markup:
    """Return a straight line."""
    return path([start, end], kind)


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False) -> Markup:
    """Return a line through points."""
    drawn = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return Markup(f'<path class="{kind}" d="M{drawn}{"z" if closed else ""}"/>')


def bars(boxes: Iterable[tuple[float, float, float, float]], kind: str) -> Markup:
    """Return boxes (x, y, width, height) as one element; empty where there are none."""
    drawn = "".join(f"M{number(x)} {number(y)}h{number(w)}v{number(h)}h{number(-w)}z" for x, y, w, h in boxes)
    return Markup(f'<path class="{kind}" d="{drawn}"/>') if drawn else Markup()


def dot(x: float, y: float, radius: float, kind: str, *, title: str = "") -> Markup:
    """Return a dot; `title` shows where the pointer rests."""
    named = f"<title>{escape(title)}</title>" if title else ""
    return Markup(f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}">{named}</circle>')


def beside(dots: Sequence[tuple[float, float]], said: Sequence[str], *, gap: float = 8) -> list[Markup]:
    """Return a label beside each dot where one fits between the dots and the labels before it; else an empty one.

    Right of it if it can, else left, above or below.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in dots]
    labels = []
    for (x, y), what in zip(dots, said, strict=True):
        width = 8.0 * len(what)
        for left, middle in ((x + gap, y), (x - gap - width, y), (x - width / 2, y - 13), (x - width / 2, y + 13)):
            box = (left, middle - 6, left + width, middle + 6)
            if not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
                taken.append(box)
                labels.append(text(left + width / 2, middle + 4.5, what, kind="strong halo", anchor="middle"))
                break
        else:
            labels.append(Markup())
    return labels


def link(target: str, inside: Markup, *, label: str) -> Markup:
    """Return a part of a figure that leads to an element of the page."""
    return Markup('<a href="#{}" aria-label="{}">{}</a>').format(escape(target), label, inside)


def axis_x(plot: Plot, scale: Scale, at: Iterable[tuple[float, str]], title: str) -> Markup:
    """Return labels below the plot and the axis's name."""
    labels = [text(scale(v), plot.bottom + 18, said, kind="soft", anchor="middle") for v, said in at]
    return Markup().join(
        [*labels, text((plot.left + plot.right) / 2, plot.bottom + 38, title, kind="soft", anchor="middle")]
    )


def axis_y(plot: Plot, scale: Scale, at: Iterable[tuple[float, str]], title: str) -> Markup:
    """Return lines across the plot with their labels at its left, and the axis's name above."""
    parts = [text(0, plot.top - 14, title, kind="soft")]
    for value, said in at:
        y = scale(value)
        parts += [line((plot.left, y), (plot.right, y), "grid")]
        parts += [text(plot.left - 6, y + 4, said, kind="soft", anchor="end")]
    return Markup().join(parts)


def apart(places: Sequence[float], gap: float, *, low: float, high: float) -> list[float]:
    """Return places moved so far that neighbours are `gap` apart, within low and high where they fit."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, now in pairwise(order):
        moved[now] = max(moved[now], moved[before] + gap)
    over = max((moved[i] for i in order), default=low) - high
    if over > 0:
        limit = high
        for i in reversed(order):
            moved[i] = min(moved[i], limit)
            limit = moved[i] - gap
    return [max(low, m) for m in moved] if over <= 0 else moved
