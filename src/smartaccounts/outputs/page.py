"""The growth list as one page that needs nothing else: no request, no font, no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smartaccounts.growth_list.facts import PastList
from smartaccounts.growth_list.keep_small import said as said_of
from smartaccounts.growth_list.stability import NEW
from smartaccounts.outputs.account_figures import history, potential
from smartaccounts.outputs.notes import definitions
from smartaccounts.outputs.page_figures import figures, found, most_of, past_list
from smartaccounts.outputs.page_rows import content, embedded, facets
from smartaccounts.outputs.shown import Shown, flagged, missing, sentences
from smartaccounts.outputs.summary import DASH, about, dependence, marks, period, stated, summary

MOVED = 12
"""So many of the accounts that moved most are named on top; each says itself where it stood."""

FIRST = 12
"""So many accounts from the top make a start: what to expect of them is said above the list."""

SCRIPT_WORDS = ("filter.count", "filter.none", "pager.page")


@dataclass(frozen=True)
class Account:
    """A listed account as the page shows it."""

    row: dict[str, Any]
    anchor: str
    title: str
    history: Markup
    potential: Markup


def page(shown: Shown) -> str:
    """Return the page as HTML; the same list gives the same text. Every text of the data is escaped."""
    environment = Environment(
        loader=PackageLoader("smartaccounts", "outputs/templates"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= _filters(shown)
    environment.tests["missing"] = missing
    script, accounts = _own("growth_list.js"), _accounts(shown)
    return environment.get_template("growth_list.html.j2").render(
        shown=shown,
        facts=shown.facts,
        summary=summary(shown.facts, shown.words),
        said=lambda key, **values: shown.words.say(f"page.{key}", **values),
        column=shown.label,
        horizon=period(shown.facts.horizon_days, shown.words),
        marks=marks(shown.frame, shown.facts, shown.words),
        first=_first(shown),
        definitions=definitions(shown),
        figures=figures(shown),
        found=found(shown),
        accounts=accounts,
        facets=facets(shown),
        moved=_moved(accounts),
        dependence=dependence(shown.facts, shown.words),
        past=[(p, past_list(p, most_of(shown.facts.past), shown)) for p in shown.facts.past],
        small=None if shown.kept is None else " ".join(said_of(shown.kept, shown.words)),
        next_in_line=_next(shown),
        small_rows=int(flagged(shown.rest["keep_small"]).sum()),
        rest_rows=len(shown.rest),
        known=shown.known.__contains__,
        style=_own("growth_list.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        rows=embedded(content(shown) | _told(shown)),
    )


def write_page(shown: Shown, path: Path) -> None:
    """Write the page (UTF-8)."""
    path.write_bytes(page(shown).encode("utf-8", "replace"))


def _own(name: str) -> Markup:
    """Return a file of ours as it is, without the last line break."""
    path = files("smartaccounts.outputs") / "templates" / name
    return Markup(path.read_text(encoding="utf-8").rstrip("\n"))


def _told(shown: Shown) -> dict[str, Any]:
    """Return what the script says."""
    said = {k: shown.words.messages[f"page.{k}"] for k in SCRIPT_WORDS}
    return {"language": shown.words.language, "words": said, "attributes": shown.attributes}


def _accounts(shown: Shown) -> list[Account]:
    rows: list[dict[str, Any]] = [{str(k): v for k, v in r.items()} for r in shown.listed.to_dict("records")]
    blocks = [None] * len(rows) if shown.blocks is None else shown.blocks.to_numpy(dtype=float)
    return [
        Account(
            row=row,
            anchor=f"a{row['rank']}",
            title=str(row["customer_id"]) if missing(row["name"]) or not str(row["name"]).strip() else str(row["name"]),
            history=Markup() if spend is None else history(shown, spend, _known(row["key_spend"])),
            potential=potential(shown, row),
        )
        for row, spend in zip(rows, blocks, strict=True)
    ]


def _first(shown: Shown) -> str:
    """Say what to expect of the first FIRST accounts and of all; empty without chances or more accounts than that."""
    chance = shown.listed["probability"]
    if len(chance) <= FIRST or chance.isna().any():
        return ""
    number, found = (about(float(c.sum()), shown.words) for c in (chance.head(FIRST), chance))
    return shown.words.say("page.list.first", count=FIRST, number=number, listed=len(chance), found=found)


def _next(shown: Shown) -> str:
    """Say that unlisted accounts to develop are next in line; empty where there are none."""
    play = shown.play("develop")
    there = play is not None and bool(((shown.frame["play"] == "develop") & ~flagged(shown.frame["listed"])).any())
    return shown.words.say("page.rest.next", play=play.name) if there and play is not None else ""


def _known(value: Any) -> float | None:
    return None if missing(value) else float(value)


def _moved(accounts: list[Account]) -> list[Account]:
    """Return the accounts that stayed and whose rank changed most, the farthest first."""
    stayed = [a for a in accounts if a.row["status"] != NEW]  # the new ones are named beside
    known = [a for a in stayed if not missing(a.row["previous_rank"]) and a.row["previous_rank"] != a.row["rank"]]
    return sorted(known, key=lambda a: -abs(a.row["previous_rank"] - a.row["rank"]))[:MOVED]


def _filters(shown: Shown) -> dict[str, Callable[..., Any]]:
    words = shown.words

    def written(kind: str) -> Callable[[Any], str]:
        return lambda value: DASH if missing(value) else words.write(value, kind)

    def range_of(past: PastList) -> str:
        return stated(past, words)

    def whole(value: float) -> str:
        return about(value, words)

    def day(value: str) -> str:
        return words.write(date.fromisoformat(value), "day")

    return {kind: written(kind) for kind in ("money", "count", "chance")} | {
        "day": day,
        "as_date": date.fromisoformat,
        "stated": range_of,
        "about": whole,
        "sentences": sentences,
        "play": shown.play,
    }
