"""Rows that come from Spark in pieces are put in their place, wherever that lies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from smartaccounts.engine.memory import Room
from smartaccounts.features.from_spark import _placed

NUMBERS = ["spend_h", "orders_365d"]
WHO = [("south", "b"), ("", "z"), ("south", "ä"), ("north", "00017"), ("south", "B"), ("", "a")]
ASCENDING = [("", "a"), ("", "z"), ("north", "00017"), ("south", "B"), ("south", "b"), ("south", "ä")]


def piece(first: int, end: int) -> pa.Table:
    who = WHO[first:end]
    return pa.table(
        {
            "as_of": pa.array([date(2024, 6, 1)] * len(who), pa.date32()),
            "market": [m for m, _ in who],
            "customer_id": [c for _, c in who],
            "active": [c == "a" for _, c in who],
            "eligible": [c == "z" for _, c in who],
            "spend_h": pa.array([float(ASCENDING.index(w)) for w in who]),
            "orders_365d": pa.array([None if w == ("south", "b") else -float(ASCENDING.index(w)) for w in who]),
        }
    )


def in_memory(shape: tuple[int, int], _: Path) -> Any:
    return np.empty(shape)


def in_a_file(shape: tuple[int, int], folder: Path) -> Any:
    return Room(0, folder).table(shape)


@pytest.mark.parametrize("empty", [in_memory, in_a_file])
@pytest.mark.parametrize("cuts", [(0, 6), (0, 1, 1, 4, 6)])
def test_rows_ascend_by_market_and_customer(
    cuts: tuple[int, ...], empty: Callable[[tuple[int, int], Path], Any], tmp_path: Path
) -> None:
    table = empty((2, 8), tmp_path)
    table[:] = 77.0
    pieces = (piece(a, b) for a, b in pairwise(cuts))
    told = _placed(pieces, NUMBERS, table[:, 1:7])  # between those of other dates
    assert [*zip(told["market"].to_pylist(), told["customer_id"].to_pylist(), strict=True)] == ASCENDING
    assert told["active"].to_pylist() == [True, False, False, False, False, False]
    assert told["eligible"].to_pylist() == [False, True, False, False, False, False]
    np.testing.assert_array_equal(table[0], [77, 0, 1, 2, 3, 4, 5, 77])
    np.testing.assert_array_equal(table[1], [77, 0, -1, -2, -3, np.nan, -5, 77])


@pytest.mark.parametrize(("came", "counted"), [(4, 6), (6, 4)])
def test_as_many_rows_come_as_were_counted(came: int, counted: int) -> None:
    with pytest.raises(AssertionError, match=f"{came} rows came of {counted}"):
        _placed([piece(0, came)], NUMBERS, np.empty((2, counted)))
