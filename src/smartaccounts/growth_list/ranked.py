"""The growth list: the eligible customers of one as_of, ranked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartaccounts.bundle import Bundle
from smartaccounts.config import Pipeline
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.growth_list.flags import flags
from smartaccounts.growth_list.reasons import reasons
from smartaccounts.growth_list.words import words

COLUMNS = [
    "rank", "market", "customer_id", "name", "probability", "probability_low", "probability_high", "spend_12m",
    "spend_prior_12m", "potential_low", "potential", "potential_high", "play", "reasons_for", "reasons_against",
    "flags", "as_of", "model_version", "listed", "score", "spend_h", "key_spend", "small_spend", "orders_365d",
    "recency_days",
]  # fmt: skip
"""The columns of growth_list.parquet; up to `model_version` they are relied on from outside."""

UNKNOWN = ["potential_low", "potential", "potential_high"]


@dataclass(frozen=True)
class GrowthList:
    """frame: one row per eligible customer with COLUMNS, by rank; `listed` marks the first `capacity`.

    Money in currency; spend_12m is [as_of-365, as_of), spend_prior_12m the 365 days before. Reasons and flags
    are lists of sentences for the listed rows, null for the others; potential and play are null so far.
    """

    frame: pd.DataFrame
    capacity: int


def growth_list(
    eligible: Snapshot, bundle: Bundle, pipeline: Pipeline, *, names: pd.Series | None = None
) -> GrowthList:
    """Rank the eligible rows of a snapshot of one as_of by score; ties go by market and customer_id.

    `names` maps (market, customer_id) to a name; null where it has none.
    """
    frame = eligible.frame
    scored = bundle.fitted.score(frame)
    order = np.lexsort(
        (frame["customer_id"].to_numpy(dtype=object), frame["market"].to_numpy(dtype=object), -scored.score)
    )
    ranked = frame.iloc[order].reset_index(drop=True)
    capacity = pipeline.growth_list.capacity
    top = ranked.head(capacity)
    said = words(pipeline.growth_list.language)
    told = reasons(bundle.fitted.contributions(top), top, frame, most=pipeline.growth_list.reasons, words=said)
    beware = flags(top, frame, records=None, attributes=None, words=said)
    blank = [None] * (len(ranked) - len(top))
    texts = pd.Series([None] * len(ranked), dtype="object")
    out = pd.DataFrame(
        {
            "rank": np.arange(1, len(ranked) + 1),
            "market": ranked["market"],
            "customer_id": ranked["customer_id"],
            "name": _names(ranked, names),
            "probability": np.nan if scored.probability is None else scored.probability[order],
            "probability_low": np.nan if scored.low is None else scored.low[order],
            "probability_high": np.nan if scored.high is None else scored.high[order],
            "spend_12m": ranked["spend_365d"],
            "spend_prior_12m": ranked["spend_prior_365d"],
            "play": texts,
            "reasons_for": pd.Series([*([r.text for r in t.speaking_for] for t in told), *blank], dtype="object"),
            "reasons_against": pd.Series([*([r.text for r in t.against] for t in told), *blank], dtype="object"),
            "flags": pd.Series([*beware, *blank], dtype="object"),
            "as_of": ranked["as_of"],
            "model_version": bundle.version,
            "listed": np.arange(len(ranked)) < capacity,
            "score": scored.score[order],
            **{c: ranked[c] for c in ("spend_h", "key_spend", "small_spend", "orders_365d", "recency_days")},
            **dict.fromkeys(UNKNOWN, np.nan),
        }
    )
    return GrowthList(out[COLUMNS], capacity)


def _names(ranked: pd.DataFrame, names: pd.Series | None) -> pd.Series:
    if names is None:
        return pd.Series([None] * len(ranked), dtype="object")
    keys = pd.MultiIndex.from_frame(ranked[["market", "customer_id"]])
    return pd.Series(names.reindex(keys).to_numpy(dtype=object), dtype="object")
