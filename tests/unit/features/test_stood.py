"""How customers stand in their market, of very many customers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from smartaccounts.config import Target
from smartaccounts.features.sweep.peers import Rows
from smartaccounts.features.sweep.pieces import _Columns
from smartaccounts.features.sweep.run import STOOD, level_names, stood

CUSTOMERS = 50_000


def rows(starts: list[int], person: npt.NDArray[np.int64]) -> Rows:
    names = level_names(Target())
    table = np.random.default_rng(0).gamma(1.0, 100.0, (len(names), len(person))).round(2)
    return Rows(
        _Columns({name: i for i, name in enumerate(names)}, table, np.arange(len(person))),
        np.array(starts),
        person,
        900,
    )


@pytest.mark.parametrize(
    ("starts", "person", "most"),
    [
        ([0, CUSTOMERS], np.arange(CUSTOMERS), 90),
        ([0, CUSTOMERS // 2, CUSTOMERS], np.arange(CUSTOMERS) % (CUSTOMERS // 2), 120),
    ],
    ids=["one market", "everybody in two"],
)
def test_a_column_at_a_time_is_in_memory(starts: list[int], person: npt.NDArray[np.int64], most: int) -> None:
    """All columns that there are and come of them would be 270 bytes a customer."""
    asked = rows(starts, person)
    tracemalloc.start()
    names = [name for name, values in stood(asked, Target()) if len(values) == CUSTOMERS]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sorted(names) == sorted(STOOD)
    assert peak / CUSTOMERS < most, peak / CUSTOMERS


def test_columns_are_those_of_the_rows() -> None:
    columns = _Columns({"a": 0, "b": 1}, np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([0, 2]))
    assert {name: values.tolist() for name, values in columns.items()} == {"a": [1, 3], "b": [4, 6]}
    assert len(columns) == 2
    assert "c" not in columns
