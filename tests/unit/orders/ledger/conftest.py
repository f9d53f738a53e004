"""A source in files that a test writes, and its ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.contract import OrderLines
from smartaccounts.orders.ledger.manifest import Manifest, load
from smartaccounts.orders.ledger.update import Asked, Updated, update
from smartaccounts.orders.read import read

TODAY = date(2025, 6, 1)
HEADER = "customer,date,amount\n"


@dataclass(frozen=True)
class Shop:
    """A folder with `weeks/*` as source and `ledger` beside; `more` are further keys of the pipeline."""

    folder: Path
    more: dict[str, Any]

    def pipeline(self, *, ledger: bool = True) -> Pipeline:
        said: dict[str, Any] = {
            "name": "shop",
            "source": {"path": "weeks/*"},
            "columns": {"customer_id": "customer", "order_date": "date", "amount": "amount"},
            "ledger": self.more.get("ledger", "ledger") if ledger else None,
        }
        said["source"] |= self.more.get("source", {})
        said["columns"] |= self.more.get("columns", {})
        return pipeline_from(said | {k: v for k, v in self.more.items() if k not in said}, folder=self.folder)

    def file(self, name: str) -> Path:
        return self.folder / "weeks" / name

    def write(self, name: str, *lines: str, header: str = HEADER) -> None:
        self.file(name).write_text(header + "".join(f"{line}\n" for line in lines))

    def append(self, name: str, text: str) -> None:
        with self.file(name).open("a") as file:
            file.write(text)

    def update(self, *, today: date = TODAY, **asked: bool) -> Updated:
        with Engine() as engine:
            return update(self.pipeline(), engine, today=today, asked=Asked(**asked))

    def read(self, *, ledger: bool = True, today: date = TODAY) -> tuple[list[tuple[Any, ...]], OrderLines]:
        with Engine() as engine:
            lines = read(self.pipeline(ledger=ledger), engine, today=today)
            return engine.rows(f"SELECT * FROM {lines.table} ORDER BY ALL"), lines

    def is_its_source(self, *, today: date = TODAY) -> bool:
        one, other = self.read(today=today), self.read(today=today, ledger=False)
        return one[0] == other[0] and one[1].intake == other[1].intake

    @property
    def manifest(self) -> Manifest:
        found = load(self.folder / "ledger")
        assert found is not None
        return found

    @property
    def parts(self) -> set[str]:
        return {p.name for p in (self.folder / "ledger" / "parts").iterdir()}


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Shop]:
    """Make a shop of two files."""

    def make(**more: Any) -> Shop:
        made = Shop(tmp_path, more)
        (tmp_path / "weeks").mkdir()
        made.write("1.csv", "a,2025-01-02,1", "b,2025-01-03,2")
        made.write("2.csv", "a,2025-01-09,3")
        return made

    return make
