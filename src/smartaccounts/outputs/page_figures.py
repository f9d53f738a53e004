"""The figures of the list as a whole: what to expect, gain, profit, potential, dependence, past lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from markupsafe import Markup

from smartaccounts.growth_list.facts import Concentration, PastList, ProfitCurve
from smartaccounts.outputs import drawn
from smartaccounts.outputs.drawn import Plot, axis_x, axis_y, dot, line, linear, path, svg, text, ticks
from smartaccounts.outputs.shown import Shown, flagged, missing
from smartaccounts.outputs.summary import DASH, about, ends, period, stated

WIDTH = 480.0
PLOT = Plot(left=52, right=368, top=34, bottom=238)
NUMBERED = 12
"""So many of the first accounts bear their rank in the figure of potentials."""


NOTHING = Markup()


@dataclass(frozen=True)
class Figures:
    """Each drawing, empty where there is nothing to draw."""

    expected: Markup = NOTHING
    gain: Markup = NOTHING
    profit: Markup = NOTHING
    quadrant: Markup = NOTHING
    mix: Markup = NOTHING


def figures(shown: Shown) -> Figures:
    """Return the figures that the list has the data for."""
    return Figures(expected(shown), gain(shown), profit(shown), quadrant(shown), mix(shown))


def expected(shown: Shown) -> Markup:
    """Draw how many key accounts to expect of the list, of last year's spend, and at random."""
    facts, words = shown.facts, shown.words
    if facts.expected is None:
        return Markup()
    low, high = facts.expected.low, facts.expected.high
    rows = [("list", facts.expected.mean, ends(low, high, words))]
    for key, number in (("spend", facts.expected_by_spend), ("random", facts.expected_random)):
        if number is not None:
            rows.append((key, number, about(number, words)))
    scale = linear(0, max(float(high), *(number for _, number, _ in rows), 1.0), 0, 330)
    parts = []
    for i, (key, number, said) in enumerate(rows):
        y, end, first = i * 54, scale(number), key == "list"
        parts += [text(0, y + 15, _page(shown, f"expect.{key}"), kind="soft")]
        parts += [drawn.bars([(0, y + 23, end, 16)], "mark" if first else "quiet")]
        if first:
            parts += [line((scale(low), y + 31), (scale(high), y + 31), "range"), dot(end, y + 31, 3, "rangemid")]
            end = max(end, scale(high))
        parts += [text(end + 10, y + 37, said, kind="big" if first else "strong")]
    told = dict.fromkeys(("list", "spend", "random"), DASH) | {key: said for key, _, said in rows}
    label = _page(shown, "expect.label", listed=facts.listed, **told)
    return svg(parts, width=WIDTH, height=len(rows) * 54, label=label)


def gain(shown: Shown) -> Markup:
    """Draw how many key accounts to expect among the first n: this list, last year's spend, at random.

    From the chances of the list itself, so that at the capacity it says what stands on top.
    """
    listed_first = np.argsort(~flagged(shown.frame["listed"]), kind="stable")
    rows = shown.frame[["probability", "spend_12m"]].iloc[listed_first]
    chance = rows["probability"].to_numpy(dtype=float)
    if not len(chance) or np.isnan(chance).any():
        return Markup()
    listed = shown.facts.listed
    last = int(min(len(chance), max(10 * listed, 20)))
    by_spend = np.argsort(-rows["spend_12m"].fillna(-np.inf).to_numpy(dtype=float), kind="stable")
    curves = [
        ("mark", _page(shown, "gain.list"), _summed(chance, last)),
        ("second", _page(shown, "gain.spend"), _summed(chance[by_spend], last)),
        ("third", _page(shown, "gain.random"), np.arange(last + 1) * chance.mean()),
    ]
    x = linear(0, last, PLOT.left, PLOT.right)
    most = max(float(c[-1]) for _, _, c in curves)
    y = linear(0, most, PLOT.bottom, PLOT.top)
    parts = [
        axis_y(PLOT, y, _counts(shown, (t for t in ticks(0, most) if t == int(t))), _page(shown, "gain.y")),
        axis_x(PLOT, x, _counts(shown, ticks(0, last)), _page(shown, "gain.x")),
        *_capacity(shown, x, listed, PLOT.top + 8),
    ]  # fmt: skip
    at = np.unique(np.linspace(0, last, 80).round().astype(int))
    places = drawn.apart([y(float(c[-1])) for _, _, c in curves], 17, low=PLOT.top, high=PLOT.bottom)
    for (kind, name, curve), place in reversed(list(zip(curves, places, strict=True))):  # the list on top
        parts += [path([(x(float(n)), y(float(curve[n]))) for n in at], f"curve {kind}")]
        parts += [text(PLOT.right + 6, place + 4, name, kind=f"label {kind}")]
        if kind == "mark" and listed <= last:
            parts += [dot(x(listed), y(float(curve[listed])), 4, "dot")]
    return svg(parts, width=WIDTH, height=282, label=_page(shown, "gain.label"))


def found(shown: Shown) -> tuple[float, float]:
    """Return how many key accounts are expected in all and among the listed."""
    chance = shown.frame["probability"]
    return float(chance.sum()), float(shown.listed["probability"].sum())


def _summed(chance: np.ndarray, last: int) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(chance)])[: last + 1]


def _capacity(shown: Shown, x: drawn.Scale, listed: int, place: float) -> list[Markup]:
    said = _page(shown, "gain.capacity", listed=listed)
    return [
        line((x(listed), PLOT.top - 4), (x(listed), PLOT.bottom), "capacity"),
        text(x(listed) + 5, place, said, kind="soft halo"),
    ]


def profit(shown: Shown) -> Markup:
    """Draw the profit curve with its range; the best length and the capacity are marked."""
    curve = shown.facts.curve
    if curve is None or len(curve.lengths) < 2:
        return Markup()
    low, high = min(0.0, *curve.low, *curve.profit), max(0.0, *curve.high, *curve.profit)
    x = linear(0, curve.lengths[-1], PLOT.left, PLOT.right + 64)
    y = linear(low, high, PLOT.bottom, PLOT.top)
    wide = Plot(PLOT.left, PLOT.right + 64, PLOT.top, PLOT.bottom)
    band = [(x(n), y(v)) for n, v in zip(curve.lengths, curve.low, strict=True)]
    band += [(x(n), y(v)) for n, v in zip(reversed(curve.lengths), reversed(curve.high), strict=True)]
    middle = [(x(n), y(v)) for n, v in zip(curve.lengths, curve.profit, strict=True)]
    parts = [
        path(band, "band", closed=True),
        axis_y(wide, y, _counts(shown, ticks(low, high)), _page(shown, "profit.y")),
        axis_x(wide, x, _counts(shown, ticks(0, curve.lengths[-1])), _page(shown, "gain.x")),
        line((wide.left, y(0)), (wide.right, y(0)), "zero"),
        path(middle, "curve mark"),
        *(_marks(shown, curve, x, y)),
    ]  # fmt: skip
    listed = shown.facts.listed
    first = shown.listed["rank"].max() == listed  # else others than the first ranks are worked
    if listed <= curve.lengths[-1] and first:
        parts += _capacity(shown, x, listed, PLOT.bottom - 8)
    return svg(parts, width=WIDTH, height=282, label=_page(shown, "profit.label", best=curve.best))


def _marks(shown: Shown, curve: ProfitCurve, x: drawn.Scale, y: drawn.Scale) -> list[Markup]:
    """Mark the best length and the break-even rank where they lie on the curve."""
    parts: list[Markup] = []
    for key, n, kind in (("even", curve.break_even, "ring"), ("best", curve.best, "dot")):
        if not 0 < n <= curve.lengths[-1] or (key == "even" and abs(x(n) - x(curve.best)) < 40):
            continue
        at = float(np.interp(n, curve.lengths, curve.profit))
        right = x(n) > (PLOT.left + PLOT.right) / 2
        said = _page(shown, f"profit.{key}", **{key: n})
        place = y(at) - 10 if key == "best" else y(at) + 20
        parts += [dot(x(n), y(at), 4.5, kind)]
        parts += [text(x(n) + (-4 if right else 4), place, said, kind="halo", anchor="end" if right else "start")]
    return parts


def quadrant(shown: Shown) -> Markup:
    """Draw the listed accounts by spend now and potential, both over a horizon; the medians part the four corners."""
    rows = shown.listed[["rank", "name", "customer_id", "spend_h", "potential"]].copy()
    rows = rows[(rows["potential"] > 0) & rows["spend_h"].notna()]
    if len(rows) < 2:
        return Markup()
    (left, right), (low, high) = (_ends(rows[c]) for c in ("spend_h", "potential"))
    plot = Plot(left=62, right=470, top=34, bottom=330)
    x = drawn.logarithmic(left, right, plot.left, plot.right)
    y = drawn.logarithmic(low, high, plot.bottom, plot.top)
    same = max(left, low), min(right, high)  # where both axes bear the same amounts
    middle_x, middle_y = x(float(rows["spend_h"].median())), y(float(rows["potential"].median()))
    when = period(shown.facts.horizon_days, shown.words)
    parts = [
        axis_y(plot, y, _amounts(shown, low, high), _page(shown, "quadrant.y", period=when)),
        axis_x(plot, x, _amounts(shown, left, right), _page(shown, "quadrant.x", period=when)),
        line((middle_x, plot.top), (middle_x, plot.bottom), "split"),
        line((plot.left, middle_y), (plot.right, middle_y), "split"),
        text(plot.left + 6, plot.top + 12, _page(shown, "quadrant.grow"), kind="corner"),
        text(plot.right - 6, plot.bottom - 8, _page(shown, "quadrant.same"), kind="corner", anchor="end"),
    ]
    if same[0] < same[1]:
        parts.append(drawn.path([(x(v), y(v)) for v in same], "diagonal"))
    return svg([*parts, *_accounts(shown, rows, x, y)], width=WIDTH, height=374, label=_page(shown, "quadrant.label"))


def _accounts(shown: Shown, rows: pd.DataFrame, x: drawn.Scale, y: drawn.Scale) -> list[Markup]:
    """Draw the dots, the first ranks on top; those bear their rank where it covers no other."""
    parts: list[Markup] = []
    at = [(x(float(s)), y(float(p))) for s, p in zip(rows["spend_h"], rows["potential"], strict=True)]
    ranks = [str(r) for r in rows["rank"].head(NUMBERED)]
    labels = drawn.beside(at[:NUMBERED], ranks)
    for place, row in reversed(list(enumerate(rows.to_dict("records")))):
        across, up = at[place]
        name = str(row["customer_id"] if missing(row["name"]) else row["name"])
        now, then = (shown.words.write(row[c], "money") for c in ("spend_h", "potential"))
        said = f"{row['rank']}. {name[:60]}: {now}, {then}"
        if place < NUMBERED:
            mark = dot(across, up, 5, "first-dot", title=said) + labels[place]
            parts.append(drawn.link(f"a{row['rank']}", mark, label=said))
        else:
            parts.append(dot(across, up, 4, "soft-dot", title=said))
    return parts


def _ends(values: pd.Series) -> tuple[float, float]:
    """Return the ends of a logarithmic axis for amounts, with room around; a few tiny amounts do not stretch it."""
    positive = values[values > 0]
    high = float(positive.max()) if len(positive) else 1.0
    low = max(float(positive.quantile(0.02)), high / 5000) if len(positive) else 0.1
    return low / 1.3, high * 1.3


def _amounts(shown: Shown, low: float, high: float) -> list[tuple[float, str]]:
    return [(v, shown.words.write(v, "money")) for v in drawn.decades(low, high)]


def mix(shown: Shown) -> Markup:
    """Draw the shares of the largest customers, today and if the list delivers."""
    facts = shown.facts
    rows = [(k, c) for k, c in (("today", facts.today), ("delivered", facts.delivered)) if c is not None]
    if not rows:
        return Markup()
    parts, said = [], []
    for i, (key, shares) in enumerate(rows):
        y, start = i * 58.0, 0.0
        parts.append(text(0, y + 14, _page(shown, f"mix.{key}"), kind="soft"))
        for j, share in enumerate(_pieces(shares)):
            width = share * WIDTH
            parts.append(drawn.bars([(start, y + 22, max(width - 1.5, 0.5), 24)], f"tint{j}"))
            if width > 34:
                parts.append(
                    text(start + width / 2, y + 39, shown.words.write(share, "share"), kind=f"on{j}", anchor="middle")
                )
            start += width
        told = ", ".join(shown.words.write(s, "share") for s in _pieces(shares)[:3])
        said.append(f"{_page(shown, f'mix.{key}')} {told}")
    label = _page(shown, "mix.label", today=said[0], then=said[-1] if len(said) > 1 else "")
    return svg(parts, width=WIDTH, height=len(rows) * 58 - 4, label=label)


def _pieces(shares: Concentration) -> list[float]:
    """Return the shares of the largest, the 2nd to 5th, the 6th to 10th, and all others."""
    edges = [0.0, shares.largest_1, shares.largest_5, shares.largest_10, 1.0]
    return [max(0.0, b - a) for a, b in pairwise(edges)]


def past_list(past: PastList, most: float, shown: Shown) -> Markup:
    """Draw one past list: the stated range, what came, and a ranking by past spend."""
    scale = linear(0, most or 1, 6, 174)
    parts = [line((6, 12), (174, 12), "grid")]
    if past.low is not None and past.high is not None:
        parts.append(drawn.bars([(scale(past.low) - 3, 7, scale(past.high) - scale(past.low) + 6, 10)], "tint"))
    if past.by_spend is not None:
        parts.append(line((scale(past.by_spend), 3), (scale(past.by_spend), 21), "tick"))
    parts.append(dot(scale(past.came), 12, 5, "dot"))
    return svg(
        parts, width=180, height=24, label=_page(shown, "trust.row", range=stated(past, shown.words), came=past.came)
    )


def most_of(past: Sequence[PastList]) -> float:
    """Return the largest number on past lists: they share a scale."""
    return float(max((max(p.came, p.high or 0, p.by_spend or 0) for p in past), default=1))


def _counts(shown: Shown, at: Iterable[float]) -> list[tuple[float, str]]:
    """Return places on an axis with their labels."""
    return [(t, shown.words.write(t, "count")) for t in at]


def _page(shown: Shown, key: str, **values: object) -> str:
    return shown.words.say(f"page.{key}", **values)
