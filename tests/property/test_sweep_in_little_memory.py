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
from smartaccounts.features.sweep import laid_out, pieces, run, sold

TARGET = Target(min_active=3, horizon_days=91)


@pytest.mark.parametrize("money", [CENTS, FINE], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(3))
def test_arrays_in_files_ranges_of_few_lines_pieces_of_few_rows(
    order_lines: MakeLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, money: Any
) -> None:
    lines = order_lines(random_history(seed, money))
    (plenty,) = run.whole(lines, as_ofs(seed), [TARGET])

    monkeypatch.setattr(lines.engine, "room", Room(0, tmp_path))
    monkeypatch.setattr(laid_out, "RANGE", 20)
    monkeypatch.setattr(laid_out, "BATCH", 64)
    monkeypatch.setattr(sold, "AT_ONCE", 2)
    (little,) = run.whole(lines, as_ofs(seed), [TARGET])
    monkeypatch.setattr(pieces, "ROWS", 7)
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", "2")
    parts = list(pieces.pieces(lines, as_ofs(seed), TARGET, pd.DataFrame.copy))

    pd.testing.assert_frame_equal(little, plenty, check_exact=True)
    assert len(parts) > 1
    assert max(map(len, parts)) <= max(7, len(set(as_ofs(seed))))
    by_customer = plenty.sort_values(["market", "customer_id", "as_of"], ignore_index=True)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), by_customer, check_exact=True)
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_a_piece_ends_it_in_whatever_thread(
    order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: pd.DataFrame) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pieces, "ROWS", 7)
    for cores in ("1", "2"):
        monkeypatch.setenv("SMARTACCOUNTS_THREADS", cores)
        with pytest.raises(ZeroDivisionError):
            list(pieces.pieces(order_lines(random_history(1, CENTS)), as_ofs(1), TARGET, failing))
        some = pieces.pieces(order_lines(random_history(1, CENTS)), as_ofs(1), TARGET, len)
        assert next(some)
        some.close()
