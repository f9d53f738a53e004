"""What accounts like this one reached in a horizon before: the same market, age and pattern of buying.

The second view beside the potential: no model, only what came. All amounts are over K, so that markets and years
compare; as spend moves with the season, low, middle and high are told for the season ahead, the highest as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import Places
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.calibration import RANGE, customer_numbers, season_came, season_expected

MIN_PEERS = 30
"""With fewer different customers in its cell an account is compared with those of a wider one."""

TAIL = (1 - RANGE) / 2
YEARS = (182.0, 365.0, 730.0)
"""Ends of the bands of age, in days since its first purchase."""

SPENDS = (0.02, 0.1, 0.25, 0.5, 1.0)
"""Ends of the bands of spend: that of the last 365 days, for a horizon, over K."""

RECENCIES = (60.0, 182.0)
"""Ends of the bands of pattern: days since its last purchase."""

TREND = 1.5
"""Growing: spend of the last 91 days at more than so many times the pace of 365; falling: at less than its inverse."""

PATTERNS = np.array(["steady", "rising", "falling", "resting", "lapsed"], dtype=object)

Bands = NDArray[np.int8]
"""The number of the band of each row."""

BANDED = ("spend_365d", "spend_91d", "tenure_days", "recency_days")
"""The features that bands are told from."""

VIEWS = (
    ("market", "age", "spend", "pattern"),
    ("age", "spend", "pattern"),
    ("spend", "pattern"),
    ("spend",),
    (),
)
"""What makes accounts peers, the narrowest first."""


@dataclass(frozen=True)
class Reached:
    """What the accounts of a cell reached, over K: low to high holds 80% of them; as many above the middle as below.

    peers: how many different customers. low, middle and high as in a usual season; highest as it was.
    """

    peers: int
    low: float
    middle: float
    high: float
    highest: float


@dataclass(frozen=True)
class Peers:
    """Cells by name (`VIEWS`, the names of its bands), with MIN_PEERS customers or more but for the widest."""

    cells: Mapping[str, Reached]
    horizon_days: int
    season: bool

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return peers, peer_low, peer_middle, peer_high, peer_highest of a snapshot's eligible rows, in currency.

        One row per row, with its index; peers is a count (double).
        """
        kind, of_kind = _kinds(frame, self.horizon_days)
        found = np.full(len(of_kind), "", dtype=object)
        for names in reversed([_names(of_kind, view) for view in VIEWS]):
            found = np.where(names.isin(list(self.cells)), names, found)
        told = pd.DataFrame.from_dict({name: vars(cell) for name, cell in self.cells.items()}, orient="index")
        cells = told.loc[list(found)].iloc[kind]
        key = frame["key_spend"].to_numpy(dtype=float)
        season = np.exp(season_expected(frame)) if self.season else np.ones(len(frame))
        money = {f"peer_{n}": cells[n].to_numpy(dtype=float) * key * season for n in ("low", "middle", "high")}
        money["peer_highest"] = np.maximum(cells["highest"].to_numpy(dtype=float) * key, money["peer_high"])
        return pd.DataFrame({"peers": cells["peers"].to_numpy(dtype=float)} | money, index=frame.index)

    def to_files(self) -> dict[str, str]:
        """Return it as texts by file name."""
        cells = {name: list(vars(cell).values()) for name, cell in self.cells.items()}
        said = {"horizon_days": self.horizon_days, "season": self.season, "cells": cells}
        return {"peers.json": json.dumps(said, indent=1, sort_keys=True)}

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> Peers:
        """Return the peers of `to_files`; LookupError, TypeError or ValueError where they are not."""
        said = json.loads(files["peers.json"])
        return cls({name: Reached(*cell) for name, cell in said["cells"].items()}, said["horizon_days"], said["season"])


def fit_peers(panel: Panel, *, season: bool = True) -> Peers:
    """Learn from the eligible rows of a panel whose horizon is over; HistoryError with fewer than MIN_PEERS customers.

    season: whether spend is taken to follow last year's season, as in model.season.
    """
    eligible = panel.snapshot.column("eligible")
    rows = panel.rows(panel.outcome["spend_ahead"].notna() & eligible)
    customers = pd.Series(customer_numbers(rows.snapshot.columns("market", "customer_id")), dtype="int64")
    if customers.nunique() < MIN_PEERS:
        raise HistoryError(
            f"Expected at least {MIN_PEERS} eligible customers whose horizon is over, got {customers.nunique()}.",
            hint="Use a longer history.",
        )
    frame, target = rows.snapshot.columns("market", "key_spend", *BANDED), rows.snapshot.target
    came = np.maximum((rows.outcome["spend_ahead"] / frame["key_spend"]).to_numpy(dtype=float), 0.0)
    usual = came / np.exp(season_came(rows)) if season else came
    kind, of_kind = _kinds(frame, target.horizon_days)
    del rows, frame  # of all training rows
    return Peers(dict(_cells(kind, of_kind, customers, usual, came)), target.horizon_days, season)


def _cells(
    kind: Places, of_kind: pd.DataFrame, customers: pd.Series, usual: Floats, came: Floats
) -> Iterator[tuple[str, Reached]]:
    for view in VIEWS:
        cell_of_kind, names = pd.factorize(_names(of_kind, view), sort=True)
        cells = cell_of_kind[kind]
        for name, at in zip(names, customers.groupby(cells).indices.values(), strict=True):  # both ascend
            peers = customers.iloc[at].nunique()
            if peers >= MIN_PEERS:
                yield str(name), _reached(peers, usual[at], float(came[at].max()))


def _reached(peers: int, usual: Floats, highest: float) -> Reached:
    """Return the range of a cell: where one in ten or more bought nothing, one in five ended above high."""
    low, middle, high, from_nothing = np.quantile(usual, [TAIL, 0.5, 1 - TAIL, RANGE])
    return Reached(peers, float(low), float(middle), float(high if low > 0 else from_nothing), highest)


def _kinds(frame: pd.DataFrame, horizon_days: int) -> tuple[Places, pd.DataFrame]:
    """Return which kind of account each row is, and the names of the bands of each kind: few beside the rows."""
    market, markets = pd.factorize(frame["market"])
    spend = frame["spend_365d"] * horizon_days / 365 / frame["key_spend"]
    bands: dict[str, tuple[Places | Bands, NDArray[np.object_]]] = {
        "market": (market, np.asarray(markets, dtype=object)),
        "age": (_band(frame["tenure_days"], YEARS), _numbers(len(YEARS) + 1)),
        "spend": (_band(spend, SPENDS), _numbers(len(SPENDS) + 1)),
        "pattern": (_pattern(frame), PATTERNS),
    }
    code = np.zeros(len(frame), dtype=np.intp)
    for place, names in bands.values():
        code = code * len(names) + place
    present = np.flatnonzero(np.bincount(code))
    kind, first = np.searchsorted(present, code), np.zeros(len(present), dtype=np.intp)
    first[kind] = np.arange(len(kind))  # a row of each
    return kind, pd.DataFrame({name: names[place[first]] for name, (place, names) in bands.items()})


def _pattern(frame: pd.DataFrame) -> Bands:
    """Return the place of each row among PATTERNS."""
    pace = (4 * frame["spend_91d"]).to_numpy(dtype=float)
    year = frame["spend_365d"].to_numpy(dtype=float)
    trend = np.select([pace > TREND * year, pace < year / TREND], [1, 2], 0)
    lapsed = _band(frame["recency_days"], RECENCIES)
    return np.where(lapsed == 0, trend, 2 + lapsed).astype(np.int8)


def _band(values: pd.Series, ends: tuple[float, ...]) -> Bands:
    """Return the number of the band of each value; ends belong to the band below, unknown to the last."""
    return np.searchsorted(ends, values.to_numpy(dtype=float), side="left").astype(np.int8)


def _numbers(count: int) -> NDArray[np.object_]:
    return np.arange(count).astype(str).astype(object)


def _names(bands: pd.DataFrame, view: tuple[str, ...]) -> pd.Series:
    """Return the name of the cell of each row in a view."""
    name = pd.Series("all" if not view else f"{len(view)}", index=bands.index, dtype="object")
    for band in view:
        name = name + "|" + bands[band].astype("object")
    return name
