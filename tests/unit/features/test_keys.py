"""Keys of lines by their hashes: two keys of one hash are noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, as_ofs, random_history

from smartaccounts.config import Target
from smartaccounts.features.sweep import customers, keys, laid_out, pieces, products, run, seen
from smartaccounts.features.sweep.keys import Index, keyed

TARGET = Target(min_active=3, horizon_days=91)


def test_hashes_that_take_two_keys_for_one_are_left_for_others(
    order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, dates = order_lines(random_history(1, CENTS)), as_ofs(1)
    assert keyed(lines, known_before=max(dates)).salt == 0
    (plain,) = run.whole(lines, dates, [TARGET])
    right = keys._hash
    monkeypatch.setattr(keys, "_hash", lambda column, salt: right(column, salt) if salt > 1 else "hash(market)")
    assert keyed(lines, known_before=max(dates)).salt == 2
    pd.testing.assert_frame_equal(run.whole(lines, dates, [TARGET])[0], plain, check_exact=True)


def test_an_index_finds_what_it_holds_and_nothing_else() -> None:
    hashes = np.random.default_rng(3).integers(0, 2**64, 5000, dtype=np.uint64)
    hashes[:64] = np.arange(64, dtype=np.uint64) << np.uint64(40)  # all want the same slot
    index = Index.of(hashes)
    assert (index.numbers(hashes[::-1].copy()) == np.arange(5000)[::-1]).all()
    assert (index.numbers(hashes + np.uint64(1)) == -1).all()
    assert (Index.of(hashes[:0]).numbers(hashes) == -1).all()


def test_keys_are_of_what_was_known_and_ascending(order_lines: MakeLines) -> None:
    rows = [("b", "Z", 3, None, 4), ("b", "A", 2, "y", 2), ("a", "Z", 1, "x", 1), ("a", "Z", 9, "q", 20)]
    names = ("customer_id", "market", "amount", "product_id", "known_day")
    dated = [dict(zip(names, row, strict=True)) for row in rows]
    lines = order_lines(
        [{**r, "day": f"2024-01-{r['amount']:02}", "known_day": f"2024-01-{r['known_day']:02}"} for r in dated]
    )
    found = keyed(lines, known_before=date(2024, 1, 10))
    day = (date(2024, 1, 1) - date(1970, 1, 1)).days
    assert found.customers.drop(["hash", "most", "kept"]).to_pylist() == [
        {"market": "A", "customer_id": "b", "lines": 1, "first_known": day + 1, "person": 1},
        {"market": "Z", "customer_id": "a", "lines": 1, "first_known": day, "person": 0},
        {"market": "Z", "customer_id": "b", "lines": 1, "first_known": day + 3, "person": 1},
    ]
    assert found.products.drop(["hash", "kept"]).to_pylist() == [
        {"market": "A", "product_id": "y"}, {"market": "Z", "product_id": "x"}
    ]  # fmt: skip
    assert found.categories.num_rows == 0
    assert found.most == 3


def test_what_is_compiled_is_never_called_in_the_first_thread(
    order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C that comes while it is compiled there would be lost."""
    called = []
    compiled = {
        keys: ("slotted", "numbered"), laid_out: ("queued", "filed", "placed", "by_code", "settled"),
        seen: ("earliest",), customers: ("swept",), products: ("weighed", "assorted", "categorised"),
    }  # fmt: skip
    for module, names in compiled.items():
        for name in names:
            right = getattr(module, name)

            def noted(*arguments: Any, name: str = name, right: Callable[..., Any] = right) -> Any:
                called.append((name, threading.current_thread() is threading.main_thread()))
                return right(*arguments)

            monkeypatch.setattr(module, name, noted)
    run.whole(order_lines(random_history(1, CENTS)), as_ofs(1), [TARGET])
    list(pieces.pieces(order_lines(random_history(1, CENTS)), as_ofs(1), TARGET, len))
    assert {name for name, _ in called} == {name for names in compiled.values() for name in names}
    assert not any(first for _, first in called)
