"""A ledger of another making is refused, with what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.orders.ledger.conftest import Shop

from smartaccounts.config import pipeline_from
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders import mapping
from smartaccounts.orders.ledger.access import folder_of

Make = Callable[..., Shop]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"keep": "amount > 1"}, "'keep'"),
        ({"source": {"decimal": ","}}, "'source.decimal'"),
        ({"source": {"duplicates": "drop"}}, "'source.duplicates'"),
        ({"columns": {"order_id": "date"}}, "'columns.order_id'"),
        ({"columns": {"market": "customer"}, "keep": "amount > 1"}, "'columns.market', 'keep'"),
    ],
)
def test_other_settings_are_named(shop: Make, more: dict[str, Any], named: str) -> None:
    source = shop()
    source.update()
    other = replace(source, more=more)
    for refused in (other.read, other.update):
        with pytest.raises(InputError, match=f"made with another {named} in") as error:
            refused()
        assert "--rebuild" in error.value.hint
    other.update(rebuild=True)
    assert other.is_its_source()


@pytest.mark.parametrize("damage", [Path.unlink, lambda part: part.write_bytes(b"PAR1")], ids=["gone", "cut"])
def test_a_part_that_is_missing_or_cut_is_named(shop: Make, damage: Callable[[Path], object]) -> None:
    source = shop()
    source.update()
    part = next((source.folder / "ledger" / "parts").iterdir())
    damage(part)
    for refused in (source.read, source.update):
        with pytest.raises(InputError, match=f"got 1 missing or of another size .'{part.name}'") as error:
            refused()
        assert "--rebuild" in error.value.hint
    source.update(rebuild=True)
    assert source.is_its_source()


def test_settings_that_change_no_line_are_none(shop: Make) -> None:
    source = shop()
    source.update()
    other = replace(source, more={"target": {"horizon_days": 91}, "source": {"path": "weeks/?.csv"}})
    assert other.update().read == ()


def test_a_program_that_reads_otherwise_refuses_it(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    source = shop()
    source.update()
    monkeypatch.setattr(mapping, "finite", lambda number: number)
    source.read()  # the pipeline has no optional number: the same SQL
    monkeypatch.setattr(mapping, "day", lambda column: f"({column} + 0)")
    with pytest.raises(InputError, match="made by this version of the program"):
        source.read()


def test_a_pipeline_without_the_key_has_none(shop: Make) -> None:
    with pytest.raises(PipelineError, match="Expected the key 'ledger'") as error:
        folder_of(shop().pipeline(ledger=False))
    assert "ledger: ../data/ledger/shop" in error.value.hint


def test_spark_has_none(shop: Make) -> None:
    source = shop()
    said = source.pipeline().model_dump() | {"engine": "spark"}
    with pytest.raises(PipelineError, match="a ledger needs engine: embedded"):
        pipeline_from(said, folder=source.folder)
