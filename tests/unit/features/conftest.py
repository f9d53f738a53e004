"""A snapshot of one date as a table to look values up in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import pandas as pd
import pytest
from tests.conftest import MakeLines

from smartaccounts.config import Target
from smartaccounts.features.snapshot import snapshot

Features = Callable[..., pd.DataFrame]

# long ago, so that an as_of has a history; not among the customers that the tests look at
OLD = {"customer_id": "old", "day": "2015-01-01", "amount": 1.0}


@pytest.fixture
def features(order_lines: MakeLines) -> Features:
    """Return a function from rows and an as_of to the snapshot, indexed by customer_id (or market and customer_id)."""

    def of(
        rows: Iterable[Mapping[str, Any]], as_of: str, *, target: Target | None = None, old: bool = True, **more: Any
    ) -> pd.DataFrame:
        lines = order_lines([*([OLD] if old else []), *rows], **more)
        frame = snapshot(lines, [date.fromisoformat(as_of)], target or Target(min_active=2)).frame
        one_market = len(set(frame["market"])) < 2
        return frame.set_index("customer_id" if one_market else ["market", "customer_id"])

    return of
