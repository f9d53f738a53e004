"""The data dictionary: every feature with its family, unit, meaning and needs. `python -m` prints it as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, get_args

from smartaccounts.config import ExtraUnit
from smartaccounts.features.aggregate import AGGREGATES
from smartaccounts.features.extra import TITLE, Extra
from smartaccounts.features.snapshot import CATALOGUE, FAMILIES
from smartaccounts.orders.contract import COLUMNS


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
    said += ["", f"## {TITLE}", _own()]
    return "\n".join(said) + "\n"


def _own() -> str:
    """Return how a pipeline file adds features."""
    seen = ", ".join(f"`{c.held_as}`" for c in COLUMNS)
    aggregates = ", ".join(sorted(name.upper() for name in AGGREGATES if name != "count_star"))
    return f"""A pipeline file can add features of its own. Each is one SQL aggregate over the lines of a customer:

```yaml
features:
  extra:
    weekend_share_365d:         # small letters, digits and _; no name of a feature or column that there is
      sql: "SUM(CASE WHEN weekday >= 5 THEN amount ELSE 0 END) / NULLIF(SUM(amount), 0)"
      within_days: 365          # lines with as_of - 365 <= day < as_of; not given: all known lines
      unit: share               # {", ".join(get_args(ExtraUnit))}; money is set against K where a model learns from it
      meaning: share of spend ordered on weekends      # what reasons on the list say
      direction: free           # rises: more is never a sign of less future spend; the growth model is held to that
```

The SQL sees the lines of one customer that were *known before as_of and are of a day before as_of*, and nothing else: no
line of the future is there to be seen. Of a line it sees {seen} (days are numbers, 0 is 1970-01-01) and `as_of`, `age`
(as_of - day: 1 is yesterday), `weekday` (0 is Monday, 6 Sunday) and `month` (1 to 12).

- Aggregates: {aggregates}. Around and inside them CASE, casts and functions of one row. Subqueries, windows, the current date,
  random numbers and files are refused, and aggregates whose answer depends on the order of the rows (FIRST, STRING_AGG, ...).
- SUM and AVG are exact to 1e-15; neither the order of the rows nor threads nor later lines change a bit of an answer. A sum of a value
  from 1e22 on is null.
- Null where the customer has no line in the window, where the source lacks a column that the SQL reads, and where the answer is no
  finite number (a division by zero, or beyond 3e38).
- The growth model and classifiers learn from them; plain rankings, `logistic`, `btyd` and the potential do not. In the
  growth model it is the trees that see them: with few key accounts to learn from the curves, which do not, count more
  (`model.curve_strength`). Of `model.borrow`, they are computed of the lenders' lines too. Rules of `growth_list.plays` may name them.
- A model records them. `predict` refuses it where the SQL, window, unit or direction of one differs from the pipeline file: train again.
- They cost a scan of the lines for each as_of and each window.
- `smartaccounts features PIPELINE --list` prints them below the others."""


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
