"""A simulated supplier to measure on: its order lines, and the pipeline file that maps them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from smartaccounts.orders.simulate import Simulation, simulate
from smartaccounts.timeline import firsts_of_months

END = date(2025, 1, 1)
DATES = [str(d) for d in firsts_of_months(END - timedelta(days=365), END)][-12:]
"""Twelve monthly cut-offs up to the end of the lines."""

AS_OFS = [word for day in DATES for word in ("--as-of", day)]


def supplier(folder: Path, *, customers: int, years: float) -> tuple[Path, Simulation]:
    """Simulate order lines of the years before END in three markets; return the pipeline file that names their columns.

    In a process of its own: one that is started later would be said to have its peak of memory.
    """
    folder.mkdir(exist_ok=True)
    start = END - timedelta(days=int(365.25 * years))
    asked: dict[str, Any] = {"customers": customers, "years": years, "markets": 3, "start": start}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        made = apart.submit(simulate, folder / "orders.parquet", **asked).result()
    columns = {name: name for name in pq.read_schema(made.lines).names}
    pipeline = folder / "speed.yaml"
    pipeline.write_text(yaml.safe_dump({"name": "speed", "source": {"path": made.lines.name}, "columns": columns}))
    return pipeline, made
