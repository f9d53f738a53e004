"""The data dictionary: every feature with its family, unit, meaning and needs. `python -m` prints it as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from smartaccounts.features.extra import TITLE, Extra
from smartaccounts.features.snapshot import CATALOGUE, FAMILIES


def rows(extra: Sequence[Extra] = ()) -> dict[str, dict[str, Any]]:
    """Return feature -> family, unit, meaning, needs, in the order of the snapshot's columns.

    Those of a pipeline file come last, with their sql and within_days beside.
    """
    own = {
        e.name: {
            "family": TITLE, "unit": e.unit, "meaning": e.meaning, "needs": list(e.needs), "sql": e.sql,
            "within_days": e.within_days,
        }
        for e in extra
    }  # fmt: skip
    return {
        f.name: {"family": family.title, "unit": f.unit, "meaning": f.meaning, "needs": list(f.needs)}
        for family in FAMILIES
        for f in family.features
    } | own


def as_markdown() -> str:
    """Return the dictionary as a page, one table per family."""
    about = (
        f"{len(CATALOGUE)} features of a customer at an as_of date, from lines known before it. Money is raw, in the "
        "source's currency; windows are half-open: `[as_of - days, as_of)`. A feature is null where the source lacks "
        "a column that it needs. The same in the terminal: `smartaccounts features --list`. This page is written by "
        "`python -m smartaccounts.features.dictionary > docs/features.md`."
    )
    said = ["# Features", "", about]
    for family in FAMILIES:
        said += ["", f"## {family.title}", "| feature | unit | meaning | needs |", "|---|---|---|---|"]
        said += [f"| `{f.name}` | {f.unit} | {f.meaning} | {', '.join(f.needs)} |" for f in family.features]
    return "\n".join(said) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
