from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from smartaccounts.orders.simulate import Simulation, simulate


@dataclass(frozen=True)
class Simulated:
    made: Simulation
    lines: pd.DataFrame
    truth: pd.DataFrame


def _read(path: Path, dates: list[str]) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in dates})


@pytest.fixture(scope="session")
def supplier(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """The default: 4,000 customers, 4 years."""
    made = simulate(tmp_path_factory.mktemp("simulated") / "orders.parquet")
    return Simulated(
        made,
        _read(made.lines, ["order_date", "known_date"]),
        _read(made.truth, ["growth_start", "growth_end", "entry_date", "exit_date"]),
    )
