"""The figures of one account: two years of spend, and what it can reach against its peers."""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
from babel.dates import format_date
from markupsafe import Markup

from smartaccounts.outputs import drawn
from smartaccounts.outputs.drawn import dot, line, linear, svg, text
from smartaccounts.outputs.shown import Shown, missing
from smartaccounts.outputs.summary import period

WIDTH = 440.0
BLOCK_DAYS = 30


def history(shown: Shown, spend: np.ndarray, key_spend: float | None) -> Markup:
    """Draw blocks of 30 days, the oldest first, the last half-year strong; the pace of a key account where it fits.

    Null blocks lie before the history and stay empty; returns point down.
    """
    values = np.asarray(spend, dtype=float).tolist()
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return Markup()
    words, top, bottom = shown.words, 22.0, 118.0
    pace = None if key_spend is None else key_spend * BLOCK_DAYS / shown.facts.horizon_days
    high, low = max(*known, 0.0), min(*known, 0.0)
    if pace is not None and pace > 3 * high > 0:
        pace = None  # the bars would shrink to nothing
    y = linear(low, max(high, pace or 0.0, low + 1), bottom, top)
    step = WIDTH / len(values)
    boxes = [
        (i * step + 1.5, min(y(v), y(0)), step - 3, max(abs(y(v) - y(0)), 0.8))
        for i, v in enumerate(values)
        if not math.isnan(v) and v != 0
    ]
    late = (len(values) - 6) * step
    parts = [
        drawn.bars([b for b in boxes if b[0] < late], "quiet"),
        drawn.bars([b for b in boxes if b[0] >= late], "mark"),
        line((0, y(0)), (WIDTH, y(0)), "zero"),
    ]
    if pace is not None:
        said = words.say("page.account.pace")
        parts += [line((0, y(pace)), (WIDTH, y(pace)), "pace"), text(2, y(pace) - 5, said, kind="soft halo")]
    if high > 0:
        at = values.index(high)
        anchor = "start" if at < 2 else "end" if at > len(values) - 3 else "middle"
        x = {"start": at * step + 1.5, "middle": (at + 0.5) * step, "end": (at + 1) * step - 1.5}[anchor]
        parts.append(text(x, y(high) - 5, words.write(high, "money"), kind="strong halo", anchor=anchor))
    days = len(values) * BLOCK_DAYS
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        when = shown.as_of - timedelta(days=round(days * (1 - share)))
        parts.append(text(share * WIDTH, bottom + 17, _month(when, words.language), kind="soft", anchor=anchor))
    label = words.say("page.account.history_label", most=high, latest=0.0 if math.isnan(values[-1]) else values[-1])
    return svg(parts, width=WIDTH, height=bottom + 22, label=label)


def potential(shown: Shown, row: dict[str, Any]) -> Markup:
    """Draw the range of the account and that of its peers on one scale with spend now and the mark of a key account."""
    own = [row[c] for c in ("potential_low", "potential", "potential_high")]
    if any(missing(v) for v in own):
        return Markup()
    peers = [row[c] for c in ("peer_low", "peer_middle", "peer_high")]
    mark, now, words = row["key_spend"], row["spend_h"], shown.words
    high = max(v for v in (*own, *peers, mark, now) if not missing(v))
    x = linear(0, high or 1, 4, WIDTH - 4)
    rows = [(words.say("page.account.own"), own, "mark")]
    if not any(missing(v) for v in (*peers, row["peers"])):
        rows.append((words.say("page.account.peers_row", peers=row["peers"]), peers, "quiet"))
    bottom = 26 + len(rows) * 44
    parts = []
    for value, side in ((now, "now"), (mark, "mark")):
        if not missing(value):
            right = x(value) > WIDTH * 0.55
            said = words.say(f"page.account.{side}", **{side: value})
            place = 12 if side == "mark" else bottom + 14
            spans = [(26.0 + i * 44 + 15, 26.0 + i * 44 + 35) for i in range(len(rows))]  # never across a text
            spans += [(16.0, 23.0)] if side == "mark" else []
            kind = "pace" if side == "mark" else "zero"
            parts += [line((x(value), top), (x(value), end), kind) for top, end in spans]
            parts += [text(x(value), place, said, kind="soft", anchor="end" if right else "start")]
    for i, (name, ends, kind) in enumerate(rows):
        y = 26 + i * 44
        said = f"{name}: {words.say('page.list.money_range', low=ends[0], high=ends[2])}"
        parts += [drawn.bars([(x(ends[0]), y + 18, max(x(ends[2]) - x(ends[0]), 1), 14)], f"{kind} pale")]
        parts += [dot(x(ends[1]), y + 25, 6, f"{kind} middle")]
        parts += [text(4, y + 11, said, kind="halo")]
    label = words.say(
        "page.account.potential_label",
        now=0 if missing(now) else now, low=own[0], high=own[2], middle=own[1], mark=0 if missing(mark) else mark,
        period=period(shown.facts.horizon_days, words),
    )  # fmt: skip
    return svg(parts, width=WIDTH, height=bottom + 20, label=label)


@cache
def _month(when: date, language: str) -> str:
    return str(format_date(when, "MMM yyyy", locale=language))
