"""The columns of a growth list, and how one of few texts is held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CHANCES = ["probability", "probability_low", "probability_high"]
POTENTIAL = ["potential_low", "potential", "potential_high"]
PEERS = ["peers", "peer_low", "peer_middle", "peer_high"]
CHANGES = ["status", "previous_rank", "moved_because"]
SHOWN_ATTRIBUTES = ["segment", "region", "sales_rep"]
COLUMNS = [
    "rank", "market", "customer_id", "name", *CHANCES, "spend_12m", "spend_prior_12m", *POTENTIAL, "play",
    "reasons_for", "reasons_against", "flags", "as_of", "model_version", "listed", "score", "spend_h", "key_spend",
    "small_spend", "orders_365d", "recency_days", "gap", *PEERS, "play_rule", "play_why", "play_value", "cost_to_serve",
    "cost_proposed", "keep_small", *CHANGES, *SHOWN_ATTRIBUTES,
]  # fmt: skip
"""The columns of growth_list.parquet; up to `model_version` they are relied on from outside."""

TAKEN = {*COLUMNS, "pipeline", "to_do"} - {"market", "name", *SHOWN_ATTRIBUTES}
"""What no attribute of growth_list.per can be called: the files have a column of that name for something else."""


def chosen(texts: Sequence[str], at: NDArray[np.intp]) -> pd.Categorical[str]:
    """Return for each of some places the text that is there, as a category: a million rows hold it once."""
    codes, levels = pd.factorize(np.array(texts, dtype=object))
    return pd.Categorical.from_codes(codes[at], pd.Index(levels))
