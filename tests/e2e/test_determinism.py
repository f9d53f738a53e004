"""The same lines give the same bytes: again, on more threads, in little memory, in another order."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.leakage import Said, differences, say
from tests.e2e.conftest import NOW

from smartaccounts.config import read_pipeline
from smartaccounts.engine import duckdb
from smartaccounts.engine.memory import Room
from smartaccounts.features import piecewise
from smartaccounts.workflow import lines

pytestmark = pytest.mark.slow

AS_OF = date.fromisoformat(NOW)


@pytest.fixture(scope="module")
def once(supplier: Path, tmp_path_factory: pytest.TempPathFactory) -> Said:
    return say(read_pipeline(supplier / "supplier.yaml"), AS_OF, tmp_path_factory.mktemp("once"))


@pytest.mark.parametrize("threads", ["1", "2"])
def test_again(once: Said, supplier: Path, tmp_path: Path, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", threads)
    assert list(differences(once, say(read_pipeline(supplier / "supplier.yaml"), AS_OF, tmp_path))) == []


def test_in_files_where_memory_does_not_suffice(
    once: Said, supplier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb, "Room", lambda _, folder: Room(0, folder))
    monkeypatch.setattr(lines, "LARGE", 0)
    monkeypatch.setattr(piecewise, "PIECE", 1500)
    assert list(differences(once, say(read_pipeline(supplier / "supplier.yaml"), AS_OF, tmp_path))) == []


def test_shuffled(once: Said, supplier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", "2")
    pipeline = read_pipeline(supplier / "supplier.yaml")
    rows = pd.read_parquet(supplier / "orders.parquet").sample(frac=1, random_state=1)
    rows.to_parquet(tmp_path / "shuffled.parquet", row_group_size=5000)
    source = pipeline.source.model_copy(update={"path": str(tmp_path / "shuffled.parquet")})
    shuffled = say(pipeline.model_copy(update={"source": source}), AS_OF, tmp_path)
    assert list(differences(once, shuffled)) == []
