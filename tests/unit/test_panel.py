"""The panel: a snapshot beside what came after it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines

from smartaccounts.config import Target
from smartaccounts.features.snapshot import snapshot
from smartaccounts.panel import Panel, panel
from smartaccounts.target import complete, outcome

FIRST, SECOND = date(2020, 6, 1), date(2020, 12, 1)
TARGET = Target(horizon_days=100, min_active=2, key_spend=100.0, small_spend=50.0)
NULL = float("nan")


def line(customer: str, day: str, amount: float, market: str = "") -> dict[str, object]:
    return {"customer_id": customer, "day": day, "amount": amount, "market": market}


@pytest.fixture
def made(order_lines: MakeLines) -> Panel:
    rows = [
        line("grows", "2020-01-01", 10.0), line("grows", "2020-05-01", 10.0),
        line("grows", "2020-07-01", 60.0), line("grows", "2020-08-01", 40.0),
        line("spike", "2020-05-01", 10.0), line("spike", "2020-07-01", 900.0),
        line("stops", "2020-05-01", 10.0),
        line("new", "2020-08-01", 500.0),  # not there at the first date
        line("alone", "2020-05-01", 10.0, "tiny"), line("alone", "2020-07-01", 500.0, "tiny"),
        line("stops", "2021-01-01", 10.0),  # the source ends before the second horizon does
    ]  # fmt: skip
    lines = order_lines(rows)
    dates = [FIRST, SECOND]
    over = complete(dates, horizon_days=100, known_before=None, last_day=lines.last_day)
    return panel(snapshot(lines, dates, TARGET), outcome(lines, dates, horizon_days=100), over)


def test_outcomes_stand_beside_their_rows(made: Panel) -> None:
    first = made.frame[made.frame["as_of"] == pd.Timestamp(FIRST)]
    found = first.set_index("customer_id")[["spend_ahead", "months_ahead", "target"]]
    expected = {
        "grows": [100, 2, 1],
        "spike": [900, 1, 0],
        "stops": [0, 0, 0],  # no line in the horizon: nothing spent, not unknown
        "alone": [500, 1, NULL],  # its market has too few active customers for a K
    }
    pd.testing.assert_frame_equal(
        found.sort_index(),
        pd.DataFrame.from_dict(expected, orient="index", columns=found.columns, dtype=float)
        .sort_index()
        .rename_axis("customer_id"),
        check_index_type=False,
        check_column_type=False,
    )


def test_a_horizon_that_is_not_over_has_no_outcome(made: Panel) -> None:
    second = made.frame[made.frame["as_of"] == pd.Timestamp(SECOND)]
    assert len(second) == 5
    assert second[["spend_ahead", "months_ahead", "target"]].isna().all(axis=None)


def test_rows_keep_features_and_outcome_together(made: Panel) -> None:
    mask = made.frame["target"].notna()
    kept = made.rows(mask)
    pd.testing.assert_frame_equal(kept.frame, made.frame[mask].reset_index(drop=True))
    assert len(kept.snapshot.frame) == len(kept.outcome) == 3


def test_all_rows_are_the_panel_itself_and_a_mask_of_others_is_refused(made: Panel) -> None:
    everything = made.outcome["target"].isna() | made.outcome["target"].notna()
    assert made.rows(everything) is made
    with pytest.raises(ValueError, match="Expected a mask of"):
        made.rows(everything.iloc[1:])


def test_rows_in_another_order_are_refused(made: Panel) -> None:
    with pytest.raises(ValueError, match="ascend by as_of"):
        panel(made.snapshot.some(np.arange(len(made.outcome))[::-1]), made.outcome.iloc[:0], [])
