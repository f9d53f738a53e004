"""What changed since the list before, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from smartaccounts.growth_list.facts import Gone
from smartaccounts.growth_list.previous import COLUMNS, KEY, PreviousList
from smartaccounts.growth_list.words import Words

NEW, STAYED, HELD = "new", "stayed", "held"
SPEAKS = 0.05
"""Spend or orders that changed by a smaller share are no reason."""

_STANDING = ["key_spend", "small_spend", "spend_h", "spend_before_h", "spend_365d", "recency_days", "tenure_days"]


@dataclass(frozen=True)
class Changes:
    """rows: CHANGES, one row per row of the list; gone: who was listed and is not now, by the rank it had.

    status: NEW, STAYED or HELD for the listed rows, null for the others; previous_rank: null where it was not ranked;
    moved_because: a sentence for the listed rows. All null without a previous list.
    """

    rows: pd.DataFrame
    gone: tuple[Gone, ...]


def compare(
    now: pd.DataFrame,
    previous: PreviousList | None,
    *,
    everybody: pd.DataFrame,
    held: np.ndarray,
    horizon_days: int,
    words: Words,
) -> Changes:
    """Compare a list with the one before.

    `now`: one row per eligible customer with rank, market, customer_id, probability, spend_h, orders_365d,
    recency_days, as_of, model_version, listed. `everybody`: the rows of the snapshot of that as_of, eligible or not.
    `held`: which rows of `now` are listed by hysteresis only. `horizon_days`: what spend_h covers.
    """
    rows = pd.DataFrame({"status": None, "previous_rank": np.nan, "moved_because": None}, index=now.index)
    rows = rows.astype({"status": "object", "moved_because": "object"})
    if previous is None:
        return Changes(rows, ())
    teller = _Teller(previous.as_of, horizon_days, words)
    ranks = now[KEY].merge(previous.frame[[*KEY, "rank"]], on=KEY, how="left", validate="one_to_one")["rank"]
    listed, before = now["listed"].to_numpy(), previous.listed(now)
    rows["previous_rank"] = ranks.to_numpy(dtype=float)
    rows.loc[listed, "status"] = np.select([held, before], [HELD, STAYED], NEW)[listed]
    spoken_of = now.loc[listed | before, [c for c in COLUMNS if c != "name"]]  # few of many
    both = spoken_of.merge(previous.frame, on=KEY, how="left", suffixes=("", "_before"), validate="one_to_one")
    told = both[both["listed"]].assign(status=rows.loc[listed, "status"].to_numpy())
    told = told.merge(everybody[[*KEY, "tenure_days"]], on=KEY, how="left")
    rows.loc[listed, "moved_because"] = [teller.moved(r) for r in _records(told)]
    return Changes(rows, tuple(_gone(both, previous, everybody, teller)))


def _gone(both: pd.DataFrame, previous: PreviousList, everybody: pd.DataFrame, teller: _Teller) -> Iterator[Gone]:
    """Yield who was listed and is not; `both`: the rows of now that are or were listed, those of before beside."""
    missing = previous.frame[previous.frame["listed"]].merge(
        both.loc[both["listed"], KEY], on=KEY, how="left", indicator=True
    )
    missing = missing.loc[missing["_merge"] == "left_only", [*KEY, "rank", "name"]]
    standing = missing.merge(everybody[[*KEY, *_STANDING]], on=KEY, how="left", indicator="known")
    ranked = {(r["market"], r["customer_id"]): r for r in _records(both.merge(missing[KEY], on=KEY))}
    for row in _records(standing):
        again = ranked.get((row["market"], row["customer_id"]))
        reason = teller.gone(row) if again is None else teller.overtaken(again)
        name = None if pd.isna(row["name"]) else row["name"]
        yield Gone(row["market"], row["customer_id"], name, int(row["rank"]), reason)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


@dataclass(frozen=True)
class _Teller:
    """Says why an account moved; `day` is the as_of of the list before."""

    day: date
    horizon_days: int
    words: Words

    def moved(self, row: dict[str, Any]) -> str:
        """Return the sentence of a listed account: its figures of now, those of before with the suffix _before."""
        before, rank = row["rank_before"], row["rank"]
        if np.isnan(before):
            joined = row["tenure_days"] <= (row["as_of"].date() - self.day).days
            return self._say("first" if joined else "joined", day=self.day, spend=row["spend_h"])
        kind = "new" if row["status"] == NEW else "up" if rank < before else "down" if rank > before else "same"
        said = self._say(kind, before=before, now=rank, day=self.day, why=self._why(row))
        return f"{said} {self._say('held')}" if row["status"] == HELD else said

    def overtaken(self, row: dict[str, Any]) -> str:
        """Return the sentence of an account that is ranked still, but not listed."""
        return self._say("overtaken", before=row["rank_before"], now=row["rank"], day=self.day, why=self._why(row))

    def gone(self, row: dict[str, Any]) -> str:
        """Return the sentence of an account that is not eligible now, from its row of the snapshot."""
        spend, year, key, small = row["spend_h"], row["spend_365d"], row["key_spend"], row["small_spend"]
        reasons: tuple[tuple[bool, str, dict[str, float]], ...] = (
            (row["known"] == "left_only", "absent", {}),
            (np.isnan(key), "small_market", {}),
            (spend >= key, "key", {"spend": spend, "limit": key}),
            (spend >= small, "grown", {"spend": spend, "limit": small}),
            (year <= 0, "silent", {"spend": year, "recency": row["recency_days"]}),
            (row["spend_before_h"] >= key, "key_between", {"spend": row["spend_before_h"], "limit": key}),
            (True, "unranked", {}),
        )
        return next(self._say(name, **values) for holds, name, values in reasons if holds)

    def _why(self, row: dict[str, Any]) -> str:
        """Return what speaks in the direction of the move, and the chance then and now."""
        said = [self._cause(row)]
        then, now = row["probability_before"], row["probability"]
        if not np.isnan(then) and not np.isnan(now):
            same = self.words.write(then, "chance") == self.words.write(now, "chance")
            said.append(self._say("chance_same" if same else "chance", before=then, now=now))
        return "; ".join(s for s in said if s)

    def _cause(self, row: dict[str, Any]) -> str:
        rank, rank_before = row["rank"], row["rank_before"]
        spend, spend_before = row["spend_h"], row["spend_h_before"]
        orders, orders_before = row["orders_365d"], row["orders_365d_before"]
        up, down = rank < rank_before, rank > rank_before
        if down and row["recency_days"] >= (row["as_of"].date() - self.day).days:
            return self._say("no_order", day=self.day, recency=row["recency_days"])
        if (up and _rose(spend_before, spend)) or (down and _rose(spend, spend_before)):
            return self._say("spend_up" if up else "spend_down", before=spend_before, now=spend)
        if (up and _rose(orders_before, orders)) or (down and _rose(orders, orders_before)):
            return self._say("orders_up" if up else "orders_down", before=orders_before, now=orders)
        if rank == rank_before:
            return self._say("spend_then_and_now", before=spend_before, now=spend)
        if row["model_version"] != row["model_version_before"]:
            return self._say("other_model")
        return self._say("others_behind" if up else "others_ahead")

    def _say(self, key: str, **values: Any) -> str:
        return self.words.say(f"stability.{key}", days=self.horizon_days, **values)


def _rose(before: float, now: float) -> bool:
    """Say whether a figure rose by more than SPEAKS of what it was."""
    return bool(now > 0 and now > before * (1 + SPEAKS if before > 0 else 1))
