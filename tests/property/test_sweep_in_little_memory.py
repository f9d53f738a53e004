"""However little memory there is, and however few lines a range has: the same snapshot, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, FINE, as_ofs, random_history

from smartaccounts.config import Target
from smartaccounts.engine.memory import Room
from smartaccounts.features.sweep import coded, run, sold

TARGET = Target(min_active=3, horizon_days=91)


@pytest.mark.parametrize("money", [CENTS, FINE], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(3))
def test_arrays_in_files_ranges_of_few_lines_pieces_of_few_rows(
    order_lines: MakeLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, money: Any
) -> None:
    lines = order_lines(random_history(seed, money))
    (plenty,) = run.whole(lines, as_ofs(seed), [TARGET])

    monkeypatch.setattr(lines.engine, "room", Room(0, tmp_path))
    monkeypatch.setattr(coded, "RANGE", 20)
    monkeypatch.setattr(coded, "BATCH", 64)
    monkeypatch.setattr(sold, "AT_ONCE", 2)
    (little,) = run.whole(lines, as_ofs(seed), [TARGET])
    pieces = list(run.pieces(lines, as_ofs(seed), TARGET, pd.DataFrame.copy, rows=7))

    pd.testing.assert_frame_equal(little, plenty, check_exact=True)
    assert max(map(len, pieces)) <= max(7, len(set(as_ofs(seed))))
    by_customer = plenty.sort_values(["market", "customer_id", "as_of"], ignore_index=True)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), by_customer, check_exact=True)
    assert list(tmp_path.iterdir()) == []
