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
from smartaccounts.features.sweep import coded, run

TARGET = Target(min_active=3, horizon_days=91)


@pytest.mark.parametrize("money", [CENTS, FINE], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(3))
def test_arrays_in_files_ranges_of_few_lines_pieces_of_few_rows(
    order_lines: MakeLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, money: Any
) -> None:
    lines = order_lines(random_history(seed, money))
    plenty = [f for _, (f,) in run.frames(lines, as_ofs(seed), [TARGET])]

    monkeypatch.setattr(lines.engine, "room", Room(0, tmp_path))
    monkeypatch.setattr(coded, "RANGE", 20)
    monkeypatch.setattr(coded, "BATCH", 64)
    monkeypatch.setattr(run, "AT_ONCE", 2)
    little = [(n, f.copy()) for n, (f,) in run.frames(lines, as_ofs(seed), [TARGET], rows=7)]

    assert max(len(f) for _, f in little) == 7
    assert sum(n for n, _ in little) == len(set(as_ofs(seed)))
    whole, cut = (
        pd.concat([f for f in parts if len(f)], ignore_index=True) for parts in (plenty, [f for _, f in little])
    )
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)
    assert list(tmp_path.iterdir()) == []
