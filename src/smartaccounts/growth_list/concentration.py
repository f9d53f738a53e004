"""How much of the spend hangs on few customers: today, and if the list delivers what it lets expect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smartaccounts.evaluation.metrics import Floats
from smartaccounts.growth_list.costs import gain
from smartaccounts.growth_list.facts import Concentration


def concentration(spend: Floats) -> Concentration | None:
    """Return the shares of the largest customers; net spend of a customer below zero counts as none.

    HHI is the sum of the squared shares (Herfindahl, Hirschman): 1 over the number of customers of equal size that
    would be as concentrated. None where nobody spent anything.
    """
    positive = np.sort(np.maximum(spend, 0.0))[::-1]
    total = positive.sum()
    if not total > 0:
        return None
    shares = positive / total
    first = np.cumsum(shares)
    largest_1, largest_5, largest_10 = (float(first[min(n, len(first)) - 1]) for n in (1, 5, 10))
    return Concentration(largest_1, largest_5, largest_10, float((shares**2).sum()))


def today(customers: pd.DataFrame) -> Concentration | None:
    """Return the concentration of the spend of the last horizon; `customers` are all rows of one snapshot.

    A customer is one within its market; the shares are of all markets together.
    """
    return concentration(customers["spend_h"].to_numpy(dtype=float))


def delivered(customers: pd.DataFrame, listed: pd.DataFrame) -> Concentration | None:
    """Return the same if every listed account spends chance x gain more; None where a chance is unknown.

    `listed` are rows of that snapshot with probability and potential beside; the gain is that of `costs.gain`.
    """
    more = listed["probability"] * gain(listed)
    if more.isna().any():
        return None
    key = ["market", "customer_id"]
    added = pd.Series(more.to_numpy(), index=pd.MultiIndex.from_frame(listed[key]))
    spend = customers["spend_h"].to_numpy(dtype=float, copy=True)
    near = np.flatnonzero(customers["customer_id"].isin(listed["customer_id"]))  # few, and keys of all would be large
    spend[near] += added.reindex(pd.MultiIndex.from_frame(customers[key].iloc[near])).fillna(0.0).to_numpy()
    return concentration(spend)
