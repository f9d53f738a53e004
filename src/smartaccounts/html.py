"""What a notebook shows of a result: a small piece of HTML without script or colours of its own, every text escaped.

It takes font and colours from the page around it, so that it reads on light and on dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Cell = str | tuple[str, str]
"""A text, or a text and what stands below it in small type."""

_TABLE = "border-collapse:collapse;margin:.5em 0;font-variant-numeric:tabular-nums"
_CELL = "padding:.2em .7em;text-align:{side};vertical-align:top;background:none;border:0;border-bottom:1px solid #8886"
_SMALL = "font-size:85%;opacity:.75;white-space:nowrap"


def section(title: str, *parts: str) -> str:
    """Return a title with the parts (HTML) below it."""
    return f'<div style="max-width:60em"><strong>{escape(title)}</strong>{"".join(parts)}</div>'


def sentences(said: Iterable[str], *, small: bool = False) -> str:
    """Return one paragraph per sentence."""
    style = "margin:.3em 0;font-size:85%;opacity:.75" if small else "margin:.3em 0"
    return "".join(f'<p style="{style}">{escape(s)}</p>' for s in said if s)


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, texts: int = 1) -> str:
    """Return a table; the first `texts` columns hold texts, the others numbers."""
    sides = ["left" if i < texts else "right" for i in range(len(head))]
    top = "".join(_cell("th", h, side) for h, side in zip(head, sides, strict=True))
    body = "".join(
        f"<tr>{''.join(_cell('td', c, side) for c, side in zip(row, sides, strict=True))}</tr>" for row in rows
    )
    return f'<table style="{_TABLE}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _cell(tag: str, cell: Cell, side: str) -> str:
    value, below = (cell, "") if isinstance(cell, str) else cell
    small = f'<br><span style="{_SMALL}">{escape(below)}</span>' if below else ""
    whole = ";white-space:nowrap" if tag == "td" else ""  # a head may wrap, a date or an interval may not
    return f'<{tag} style="{_CELL.format(side=side)}{whole}">{escape(value)}{small}</{tag}>'
