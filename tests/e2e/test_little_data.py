"""Too little to learn from: a training leaves the plain ranking in service and says why; and the demo."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.e2e.conftest import Said, call, new_store

from smartaccounts.orders.simulate import simulate
from smartaccounts.workflow import demo

pytestmark = pytest.mark.slow

START = date(2020, 1, 1)


@pytest.fixture
def command(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    new_store(tmp_path, template)
    return call


def test_nobody_ever_grew(command: Callable[..., Said]) -> None:
    rows = [
        f"k{c:02d},{START + timedelta(days=7 * week)},{10 + c}" for c in range(60) for week in range(c % 2, 100, 2)
    ]  # fmt: skip
    Path("lines.csv").write_text("c,d,a\n" + "\n".join(rows))
    Path("shop.yaml").write_text(
        "name: shop\nsource: {path: lines.csv}\ncolumns: {customer_id: c, order_date: d, amount: a}\n"
        "target: {horizon_days: 91, min_active: 20, key_spend: 5000, small_spend: 900}\n"
    )
    trained = command("train", "shop.yaml", "--as-of", "2021-12-01")
    assert trained.code == 0
    assert "Expected at least 10 customers that grew into key accounts, got 0 in" in trained.words
    assert "is in service: no model could be trained." in trained.words
    predicted = command("predict", "shop.yaml", "--as-of", "2021-12-01", "--out", "out")
    assert predicted.code == 0
    assert "A plain ranking serves: all spend, fading with 180 days." in predicted.words
    run = json.loads(Path("out/run.json").read_text())
    assert (run["ranker"], run["base_rate"], run["expected"]) == ("decay_180", 0, None)
    again = command("train", "shop.yaml", "--as-of", "2021-12-01", "--promote")
    assert again.code == 1  # the answer is no
    assert "is in service: no model could be trained." in again.words  # the plain ranking, as of now
    assert command("promote", "shop.yaml").code == 0  # a plain ranking needs no evidence
    assert command("compare", "shop.yaml", "--json").json[0]["ranker"] == "decay_180"


def test_the_demo_leaves_a_list(command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    def small(path: Path, *, customers: int, **more: object) -> object:
        assert customers == 4000
        return simulate(path, customers=600, **more)

    monkeypatch.setattr(demo, "simulate", small)
    monkeypatch.setattr(demo, "QUICK", {"rounds": 30, "bags": 2, "training_dates": 6})
    said = partial(command, "demo", "--out", "data/demo")()
    assert said.code == 0
    assert sorted(p.name for p in Path("data/demo").iterdir()) == [
        "growth_list.csv", "growth_list.html", "growth_list.parquet", "growth_list.xlsx", "orders.parquet",
        "orders_customers.csv", "orders_truth.parquet", "run.json",
    ]  # fmt: skip
    for text in (
        "Simulated ",
        "Of 1,000 small customers like these",
        "The first 10",
        "Open the list: data/demo/growth_list.html",
    ):
        assert text in said.words
    assert Path("models/demo/bundle.json").is_file()
