"""A simulated supplier, and what every command said and left when it was worked through in one folder."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smartaccounts.cli.app import run
from smartaccounts.orders.simulate import simulate

PIPELINE = """\
name: supplier
source: {path: orders.parquet, cancelled: "order_id LIKE 'C%'"}
columns: {customer_id: customer_id, order_id: order_id, order_date: order_date, known_date: known_date,
          product_id: product_id, quantity: quantity, amount: amount, unit_price: unit_price, list_price: list_price,
          discount: discount, cost: cost, channel: channel, category: category}
keep: "product_id NOT IN ('FREIGHT', 'BANK FEE', 'TEST01') AND unit_price > 0"
model: {rounds: 30, bags: 2, training_dates: 8}
growth_list: {capacity: 40}
"""
BEFORE, NOW, OPEN = "2023-06-01", "2023-07-01", "2024-01-01"
LONG_BEFORE = "2022-12-01"
"""Its horizon is over by BEFORE."""
OVER_TIME = ("--over-time", "--as-of", LONG_BEFORE, "--as-of", BEFORE, "--as-of", NOW)


def new_store(folder: Path, template: Path) -> None:
    """Put an empty store into a folder."""
    (folder / "mlruns").mkdir()
    shutil.copy(template, folder / "mlruns" / "mlflow.db")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Have commands that tests start hear Ctrl-C, though a shell has what runs in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def supplier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the order lines of 800 customers over three years, and their pipeline file."""
    folder = tmp_path_factory.mktemp("supplier")
    simulate(folder / "orders.parquet", customers=800, years=3.0, seed=0)
    (folder / "supplier.yaml").write_text(PIPELINE)
    return folder


@dataclass(frozen=True)
class Said:
    """Exit code, and what went to stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return stdout read as JSON."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Return stdout without line breaks."""
        return " ".join(self.out.split())


def call(*arguments: str) -> Said:
    """Run a command in the current folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(a) for a in arguments])
    return Said(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class World:
    """The folder that was worked in, and command -> what it said."""

    folder: Path
    said: dict[str, Said]


@pytest.fixture(scope="session")
def world(supplier: Path, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Work through the whole path once: two trainings, a promotion by force, and back."""
    folder = tmp_path_factory.mktemp("world")
    new_store(folder, template)
    for file in ("orders.parquet", "supplier.yaml"):
        shutil.copy(supplier / file, folder / file)
    said: dict[str, Said] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("COLUMNS", "100")
        on = "supplier.yaml"
        for name, *words in (
            ("check", "check", on, "--json"),
            ("features", "features", on, "--as-of", BEFORE, "--as-of", NOW, "--out", "snapshot.parquet", "--json"),
            ("backtest", "backtest", on, "--as-of", BEFORE, "--as-of", NOW, "--as-of", OPEN, "--out", "backtest"),
            ("backtest open", "backtest", on, "--as-of", OPEN, "--out", "open", "--json"),
            ("train", "train", on, "--as-of", NOW, "--json"),
            ("predict", "predict", on, "--as-of", OPEN, "--out", "list", "--json"),
            ("train again", "train", on, "--as-of", OPEN, "--memory", "500MB"),
            ("predict challenger", "predict", on, "--as-of", OPEN, "--out", "other", "--model", "challenger"),
            ("compare", "compare", on),
            ("compare figure", "compare", on, "--out", "compared"),
            ("over time", "compare", on, *OVER_TIME, "--out", "compared", "--json"),
            ("promote", "promote", on, "--force"),
            ("compare promoted", "compare", on, "--json"),
            ("predict promoted", "predict", on, "--as-of", OPEN, "--out", "promoted", "--json"),
            ("rollback", "rollback", on),
            ("predict rolled back", "predict", on, "--as-of", OPEN, "--out", "back", "--memory", "500MB", "--json"),
            ("rollback too far", "rollback", on),
        ):
            said[name] = call(*words)
        yield World(folder, said)
