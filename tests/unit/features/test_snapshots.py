"""Several targets over the same features: as if each had been asked for alone."""

from __future__ import annotations

import re
from datetime import date

import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, random_history

from smartaccounts.config import Target
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.snapshot import CATALOGUE, FAMILIES, KEY, STANDING, snapshot, snapshots

DATES = [date(2019, 6, 1), date(2019, 10, 1), date(2020, 6, 1), date(2020, 9, 1), date(2021, 1, 1)]  # more than at once
TARGETS = [
    Target(min_active=3, horizon_days=182),
    Target(min_active=3, horizon_days=91),  # the shortest need not come first
    Target(min_active=2, horizon_days=365, key_spend=300.0, small_spend=100.0),
]


def test_a_further_target_gets_what_it_would_get_alone(order_lines: MakeLines) -> None:
    lines = order_lines(random_history(3, CENTS))
    together = snapshots(lines, DATES, TARGETS)
    alone = [snapshot(lines, DATES, target) for target in TARGETS]
    for one, other, target in zip(together, alone, TARGETS, strict=True):
        assert (one.target, one.absent) == (target, other.absent)
        assert one.frame["eligible"].any()
        pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
    rows = [len(one.frame) for one in together]
    assert rows[1] > rows[0] > rows[2]  # a longer horizon needs more history: those dates have no rows


def test_only_the_standing_depends_on_the_target(order_lines: MakeLines) -> None:
    half, quarter, year = (
        s.at(DATES[2:]).frame for s in snapshots(order_lines(random_history(3, CENTS)), DATES, TARGETS)
    )
    same = [*KEY, *CATALOGUE]
    pd.testing.assert_frame_equal(half[same], quarter[same], check_exact=True)
    pd.testing.assert_frame_equal(half[same], year[same], check_exact=True)
    assert not half[STANDING].equals(quarter[STANDING])


def test_the_features_are_computed_once(order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, ran = order_lines(random_history(3, CENTS)), []
    run = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, sql, values=(): (ran.append(sql), run(self, sql, values))[1])
    snapshots(lines, DATES[1:], TARGETS)  # as many as are laid out at once
    made = [found[1] for sql in ran if (found := re.match(r"CREATE OR REPLACE TABLE (\w+)", sql))]
    assert [made.count(f"family_{family.name}") for family in FAMILIES] == [1] * len(FAMILIES)
    assert [made.count(name) for name in ("orders", "items", "seen", "seen_orders")] == [1] * 4
    assert [made.count(f"standing_{i}") for i in range(4)] == [1, 1, 1, 0]
