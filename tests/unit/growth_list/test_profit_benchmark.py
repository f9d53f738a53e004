"""benchmarks/profit.py adds up what it says."""

from __future__ import annotations

import pandas as pd
import pytest
from benchmarks.profit import profit, realised

from smartaccounts.config import Costs

COSTS = Costs(margin_share=0.2, worked_account=0.01)


def listing(ranker: str, *rows: tuple[float, float, float]) -> pd.DataFrame:
    """Accounts in rank order: chance, spend before and after, over K."""
    frame = pd.DataFrame(list(rows), columns=["probability", "spend_h", "ahead"])
    return frame.assign(
        as_of="2024-01-01", ranker=ranker, key_spend=1.0, potential=float("nan"), margin_share_365d=float("nan"),
        probability_low=frame["probability"], probability_high=frame["probability"],
        target=(frame["ahead"] >= 1).astype(float),
    )  # fmt: skip


MODEL = listing("growth", (0.5, 0.5, 1.5), (0.2, 0.5, 0.0), (0.01, 0.5, 2.0))
PLAIN = listing("past_h", (0.06, 0.5, 0.5), (0.01, 0.5, 2.0), (0.01, 0.5, 1.5))


def test_profit_is_margin_of_what_was_spent_more_less_the_cost() -> None:
    assert profit(MODEL, 2, COSTS) == pytest.approx(0.2 * (1 - 0.5) - 0.02)
    assert profit(MODEL, 2, COSTS, grown_alone=True) == pytest.approx(0.2 * 1 - 0.02)
    assert profit(MODEL, 0, COSTS) == 0


def test_every_ranking_has_the_length_that_its_own_chances_propose() -> None:
    table = realised(pd.concat([MODEL, PLAIN]), COSTS, capacity=50)
    assert table.index.tolist() == ["growth", "past_h"]
    assert table["worked"].tolist() == [2, 0]  # past_h: a chance of 6% of a fifth of 0.75 K is below the cost
    assert table["all worked, as long as growth"].tolist() == pytest.approx([0.08, 0.28])
    assert realised(pd.concat([MODEL, PLAIN]), COSTS, capacity=1)["worked"].tolist() == [1, 0]
