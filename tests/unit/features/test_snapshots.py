"""Several targets over the same features: as if each had been asked for alone."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, START, random_history
from tests.unit.features.test_extra import extra

from smartaccounts.config import Target
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.snapshot import CATALOGUE, KEY, STANDING, latest, snapshot, snapshots

DATES = [date(2019, 6, 1), date(2019, 10, 1), date(2020, 6, 1), date(2020, 9, 1), date(2021, 1, 1)]  # more than at once
JUNE = DATES[2]
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


def test_the_lines_are_read_once(order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, read = order_lines(random_history(3, CENTS)), []
    batches = Engine.batches
    monkeypatch.setattr(
        Engine, "batches", lambda self, sql, *, rows: (read.append(sql), batches(self, sql, rows=rows))[1]
    )
    snapshots(lines, [date(2019, 6, 1) + timedelta(days=20 * i) for i in range(13)], TARGETS)
    assert len(read) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("earlier", "as_of"),
    [(JUNE, DATES[-1]), (START + timedelta(days=9), JUNE), (date(2018, 1, 1), START + timedelta(days=9))],
    ids=["both", "the earlier too early", "both too early"],
)
@pytest.mark.parametrize("dear", [False, True], ids=["by the sweep", "money by SQL"])
def test_the_latest_snapshot_and_who_stood_where_before(
    order_lines: MakeLines, earlier: date, as_of: date, *, dear: bool
) -> None:
    rows, own = random_history(3, CENTS), extra(weekend_lines={"sql": "COUNT(*)", "unit": "count"})
    if dear:
        rows.append(rows[0] | {"day": START, "known_day": START, "amount": 1e13})
    lines, target = order_lines(rows), Target(min_active=3, horizon_days=91)
    both = snapshot(lines, [earlier, as_of], target, extra=own)
    then, now = latest(lines, earlier, as_of, target, extra=own)
    wanted = both.at([earlier]).frame[[*KEY, *STANDING]]
    pd.testing.assert_frame_equal(then.frame, wanted, check_exact=True)
    pd.testing.assert_frame_equal(now.frame, both.at([as_of]).frame, check_exact=True)
    assert (now.target, now.absent, now.extra) == (both.target, both.absent, both.extra)
