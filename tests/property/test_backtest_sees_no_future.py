"""A backtest learns the same from the whole file and from a copy that ends before its test date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, random_history

from smartaccounts.config import Target, pipeline_from
from smartaccounts.evaluation.backtest import backtest
from smartaccounts.orders.contract import COLUMNS
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted
from smartaccounts.rankers.plain import PLAIN

TEST = date(2020, 10, 1)
HORIZON = 92  # a training horizon that begins on 1 July ends on the test date itself


@dataclass(frozen=True)
class Watched:
    """A ranking that keeps what it was given to learn from."""

    seen: list[pd.DataFrame] = field(default_factory=list)
    name: str = "past_h"

    def fit(self, panel: Panel) -> Fitted:
        self.seen.append(panel.frame)
        return PLAIN["past_h"].fit(panel)


@pytest.mark.slow
@pytest.mark.parametrize("quiet_days", [0, 12])  # before the test date: a holiday ends no horizon
@pytest.mark.parametrize("late", [True, False])
def test_lines_after_the_test_date_do_not_change_what_is_learned(
    order_lines: MakeLines, quiet_days: int, late: bool
) -> None:
    quiet = TEST - timedelta(days=quiet_days)
    rows: list[Mapping[str, Any]] = [
        row if late else row | {"known_day": row["day"]}
        for seed in range(3)
        for row in random_history(seed, CENTS)
        if not quiet <= row["day"] < TEST
    ]
    columns = [c.name for c in COLUMNS if late or c.name != "known_date"]
    spec = {
        "name": "test",
        "source": {"path": "-"},
        "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
        "target": Target(min_active=5, horizon_days=HORIZON).model_dump(),
    }
    pipeline = pipeline_from(spec, folder=Path())

    found = []
    for some in (rows, [row for row in rows if row["known_day"] < TEST and row["day"] < TEST]):
        watched = Watched()
        tested = backtest(order_lines(some, provided=columns), [TEST], pipeline, [watched]).tested[0]
        found.append((watched.seen[0], tested.scores["past_h"].score.tolist(), tested.known_base_rate))
    whole, cut = found
    assert whole[0]["target"].sum() > 0
    assert TEST - timedelta(days=HORIZON) in set(whole[0]["as_of"].dt.date)
    pd.testing.assert_frame_equal(cut[0], whole[0], check_exact=True)
    assert cut[1:] == whole[1:]
