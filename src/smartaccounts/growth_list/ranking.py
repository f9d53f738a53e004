"""Who ranks where: the eligible customers of one as_of by score, with chances, reach and peers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.bundle import Bundle
from smartaccounts.engine.memory import IN_MEMORY, Room
from smartaccounts.features.piecewise import taken
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.growth_list.columns import CHANCES, PEERS, POTENTIAL
from smartaccounts.rankers.base import Scores


@dataclass(frozen=True)
class Ranking:
    """The eligible customers of one as_of in order.

    now: every customer of that as_of. bundle: the model that scored them. rows: the eligible rows of `now` by score,
    ties by market and customer_id, with score, CHANCES, POTENTIAL (currency, in the horizon) and PEERS. places: which
    row of `now` each of them is.
    """

    now: Snapshot
    bundle: Bundle
    rows: pd.DataFrame
    places: NDArray[np.intp]


def rank(now: Snapshot, bundle: Bundle, *, room: Room = IN_MEMORY) -> Ranking:
    """Score the eligible rows of a snapshot of one as_of and put them in order; they lie in the room."""
    eligible = np.flatnonzero(now.frame["eligible"])
    frame = taken(now.frame, eligible, room)
    scored = bundle.fitted.score(frame)
    scores = _scores(scored, frame.index)
    beside = pd.concat([scores, _reach(frame, scores["probability"].to_numpy(dtype=float), bundle)], axis=1)
    order = np.argsort(-scored.score, kind="stable")  # those of a snapshot are by market and customer_id
    rows = pd.concat([taken(part, order, room) for part in (frame, beside)], axis=1)
    return Ranking(now, bundle, rows, eligible[order])


def _scores(scored: Scores, index: pd.Index) -> pd.DataFrame:
    ends = dict(zip(CHANCES, (scored.probability, scored.low, scored.high), strict=True))
    known = {name: np.nan if end is None else end for name, end in ends.items()}
    return pd.DataFrame({"score": scored.score, **known}, index=index)


def _reach(frame: pd.DataFrame, chance: np.ndarray, bundle: Bundle) -> pd.DataFrame:
    """Return POTENTIAL and PEERS; null where the model carries none.

    No account can spend more than its peers ever did, unless its chance says that it may well reach K.
    """
    out = pd.DataFrame(np.nan, index=frame.index, columns=[*POTENTIAL, *PEERS])
    highest = np.full(len(frame), np.nan)
    if bundle.peers is not None:
        of_peers = bundle.peers.of(frame)
        out[PEERS] = of_peers[PEERS]
        highest = of_peers["peer_highest"].to_numpy(dtype=float)
    if bundle.potential is not None:
        reach = bundle.potential.predict(frame).reaching(frame["key_spend"].to_numpy(dtype=float), chance, highest)
        out[POTENTIAL] = np.column_stack([reach.low, reach.middle, reach.high])
    return out
