"""Rows of a snapshot some at a time, and some of them in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from smartaccounts.engine import memory
from smartaccounts.engine.memory import IN_MEMORY, Room
from smartaccounts.features import piecewise
from smartaccounts.features.piecewise import taken, texts_taken

FRAME = pd.DataFrame({
    "market": pd.Series(["a", None, "", "d", "e", "f", "g"], dtype="str"),
    "listed": [True, False] * 3 + [True],
    "play": pd.Categorical(["x", "y", "x", "x", "y", None, "x"]),
    "spend": [1.0, np.nan, 3.0, 4.0, 5.0, 6.0, 7.0],
    "name": pd.Series([None] * 7, dtype="str"),
})  # fmt: skip


@pytest.mark.parametrize("together", [1, 3, 7])
@pytest.mark.parametrize("at", [[], [4], [0, 1, 2, 3, 4, 5, 6], [6, 0, 3, 3, 1, 5, 2, 4, 0]])
@pytest.mark.parametrize("in_file", [True, False])
def test_rows_are_those_at_their_places(
    at: list[int], together: int, in_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piecewise, "TEXTS", together)
    found = taken(FRAME, np.array(at, dtype=np.intp), Room(0, tmp_path) if in_file else IN_MEMORY)
    pd.testing.assert_frame_equal(found[[*FRAME]], FRAME.iloc[at].reset_index(drop=True), check_exact=True)


def test_texts_of_many_chunks_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piecewise, "TEXTS", 4)
    table = pa.table({"a": pa.chunked_array([["x", "y"], [], [None, "z"], ["w"]])})
    before = set(memory._TABLES)
    found = texts_taken(table, np.array([4, 0, 3, 2, 1, 1]), Room(0, tmp_path))
    assert found["a"].fillna("-").tolist() == ["w", "x", "z", "-", "y", "y"]
    assert len(set(memory._TABLES) - before) == 1
