"""A small growth model trained on random numbers, a training to log, and a store that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from smartaccounts.bundle import Bundle, Card
from smartaccounts.config import Model, Target
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.features.snapshot import CATALOGUE, KEY, STANDING, Snapshot
from smartaccounts.panel import panel
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.store import Store, store_at

ROWS = 200


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """Rows of a snapshot with all its columns: random features, K 100, S 50."""
    rng = np.random.default_rng(0)
    features = {name: rng.gamma(1.0, 20.0, ROWS) for name in CATALOGUE}
    features["history_days"] = np.full(ROWS, 800.0)
    standing = {
        "as_of": pd.Timestamp("2011-06-01"),
        "market": "EIRE",
        "customer_id": [f"secret-{i}" for i in range(ROWS)],
        "active": True,
        "eligible": True,
        "key_spend": 100.0,
        "small_spend": 50.0,
    }
    more = {name: rng.gamma(1.0, 20.0, ROWS) for name in STANDING if name not in standing}
    return pd.DataFrame(standing | more | features)


def card(ranker: str) -> Card:
    return Card(
        pipeline="shop",
        ranker=ranker,
        as_of="2011-06-01",
        target=Target(),
        needs=(),
        training_dates=("2010-11-01", "2010-12-01"),
        data_digest="d" * 64,
        verdict="Better than the plain ranking.",
        notes=(Note("refit", {"dates": 2, "as_of": "2011-06-01"}),),
        versions={},
        better=True,
    )


@pytest.fixture(scope="session")
def growth_bundle(frame: pd.DataFrame) -> Bundle:
    """Train the real recipe, small: those who spend more than most become key accounts."""
    months = [frame.assign(as_of=pd.Timestamp(day)) for day in ("2010-11-01", "2010-12-01")]
    rows = pd.concat(months, ignore_index=True)
    grown = (rows["spend_182d"] > rows["spend_182d"].quantile(0.7)).astype(float)
    outcome = rows[KEY].assign(spend_ahead=150 * grown, months_ahead=3 * grown)
    learned = panel(Snapshot(rows, Target(), ()), outcome, [date(2010, 11, 1), date(2010, 12, 1)])
    recipe = Growth(Model(rounds=10, bags=2, leaves=4, min_rows_per_leaf=20))
    return Bundle(recipe.fit(learned), card("growth"))


@pytest.fixture
def plain_bundle() -> Callable[[str], Bundle]:
    return lambda name: Bundle(PLAIN[name], card(name))


@pytest.fixture(scope="session")
def training(growth_bundle: Bundle) -> Training:
    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    figure.subplots().plot([0, 1], [0, 1])
    return Training(
        pipeline="shop",
        bundle=growth_bundle,
        params={"target.horizon_days": "182", "model.rounds": "200"},
        metrics={"average_precision": Interval(0.2, 0.1, 0.3), "auc": 0.8, "ece": float("nan")},
        per_date=(
            ("2010-12-01", {"average_precision": 0.15, "skill": float("nan")}),
            ("2011-03-01", {"average_precision": 0.25, "skill": 0.1}),
        ),
        digests={"order_lines": "d" * 64},
        figures={"gain": figure},
        artifacts={"quality.json": {"rows_in": 10, "missing": None}, "catalogue.md": "# Features\n"},
        tags={"country": "IE"},
    )


@pytest.fixture(scope="session")
def another(training: Training) -> Training:
    """The same training with another verdict, so that its bundle has another version."""
    said = replace(training.bundle.card, verdict="Worse than the plain ranking.")
    return replace(training, bundle=Bundle(training.bundle.fitted, said))


def empty_store(template: Path, folder: Path) -> Store:
    """Return an empty store of its own below a folder."""
    (folder / "mlruns").mkdir()
    shutil.copy(template, folder / "mlruns" / "mlflow.db")
    return store_at(folder)


@pytest.fixture(autouse=True, scope="session")
def _no_uri() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Store:
    """Return an empty store of its own below tmp_path."""
    return empty_store(template, tmp_path)


@pytest.fixture(scope="module")
def shared_store(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store that the tests of a module share; its first user fills it, the others look at it only."""
    return empty_store(template, tmp_path_factory.mktemp("shared"))
