"""Figures as part of a page: SVG with real text, in colours that follow the page's light or dark."""

from __future__ import annotations

import io
import re

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from smartaccounts.evaluation.canvas import COLOURS, FAINT, GRID, INK, SOFT

THEMED = {INK: "ink", SOFT: "soft", FAINT: "faint", GRID: "grid", **{c: f"c{i}" for i, c in enumerate(COLOURS)}}
"""Colour of a figure -> the custom property of the page that takes its place."""


def svg(figure: Figure, *, name: str, label: str) -> Markup:
    """Return a figure as an <svg> element; `name` is its own on the page, `label` what it is read out as.

    The same figure gives the same text. Texts in the figure are escaped by matplotlib; nothing is fetched.
    """
    content = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "svg.id": None}):
        figure.savefig(content, format="svg", transparent=True, metadata=nothing)
    text = content.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*; ?", "", text)  # the page's own
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\1{name}-", text)  # matplotlib counts from 1 in every figure
    text = re.sub(r"(#[0-9a-f]{6})\b", lambda m: f"var(--{THEMED[m[1]]})" if m[1] in THEMED else m[1], text)
    opening = text[: text.index(">") + 1]
    box = re.search(r'viewBox="[^"]*"', opening)
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0] if box else ""}'
    )
    return Markup(f'{start} role="img" aria-label="{Markup.escape(label)}">') + Markup(text[len(opening) :])
