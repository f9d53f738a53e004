"""Training: which past dates judge it, and what comes of it where there is little to learn from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import HistoryError, PipelineError
from smartaccounts.evaluation.draws import DRAWS, from_text
from smartaccounts.evaluation.expectation import stated
from smartaccounts.evaluation.gate import JUDGED_DATES
from smartaccounts.evaluation.served import past_dates
from smartaccounts.orders.contract import OrderLines
from smartaccounts.orders.read import read
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.growth import GrowthModel
from smartaccounts.rankers.plain import FALLBACK, CalibratedPlain, Plain
from smartaccounts.tracking.content import points
from smartaccounts.workflow.backtest import run_backtest
from smartaccounts.workflow.rankers import rankers
from smartaccounts.workflow.train import Trained, fit
from smartaccounts.workflow.tune import tune

START, WEEKS = date(2020, 1, 1), 104
END = START + timedelta(days=7 * WEEKS)


def pipeline(folder: Path, **change: Any) -> Pipeline:
    said = {
        "name": "shop", "source": {"path": "lines.csv"},
        "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
        "target": {"horizon_days": 91, "min_active": 20}, "growth_list": {"capacity": 5},
        "model": {"rounds": 10, "bags": 2, "leaves": 4, "min_rows_per_leaf": 10, "training_dates": 6},
    }  # fmt: skip
    return pipeline_from(said | change, folder=folder)


def write(folder: Path, *, growers: int) -> None:
    """Eighty customers buy evenly every two weeks; so many of them triple, one after the other."""
    rows = ["c,d,a"]
    for c in range(80):
        rng = np.random.default_rng(c)
        from_week = 30 + 4 * (c % 16) if c < growers else WEEKS
        for week in range(c % 2, WEEKS, 2):
            amount = (10 + c / 2) * (8 if week >= from_week else 1) * rng.uniform(0.9, 1.1)
            rows.append(f"k{c:02d},{START + timedelta(days=7 * week)},{amount:.2f}")
    (folder / "lines.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def grows(tmp_path: Path) -> Path:
    write(tmp_path, growers=40)
    return tmp_path


@pytest.fixture
def lines(grows: Path) -> Iterator[OrderLines]:
    with Engine() as engine:
        yield read(pipeline(grows), engine)


def test_the_rankers_of_a_pipeline_are_the_learned_and_the_plain_ones(tmp_path: Path) -> None:
    assert [r.name for r in rankers(pipeline(tmp_path))] == [
        "growth", "logistic", "btyd", "past_h", "past_365", "decay_60", "decay_180", "decay_365", "spend_change", "rfm",
    ]  # fmt: skip


def test_the_judged_dates_are_firsts_of_quarters_and_their_horizon_is_over(lines: OrderLines, grows: Path) -> None:
    found = past_dates(lines, END, pipeline(grows))
    assert len(found) == 5 <= JUDGED_DATES
    assert found[-1] + timedelta(days=91) <= END < found[-1] + timedelta(days=91 + 92)
    assert {d.month % 3 for d in found} == {1}
    assert {(b.year - a.year) * 12 + b.month - a.month for a, b in pairwise(found)} == {3}


@pytest.mark.parametrize(
    ("as_of", "dates"), [("2020-04-01", 0), ("2020-09-20", 0), ("2020-10-01", 1), ("2021-01-01", 4)]
)
def test_with_little_history_fewer_dates_judge(lines: OrderLines, grows: Path, as_of: str, dates: int) -> None:
    found = past_dates(lines, date.fromisoformat(as_of), pipeline(grows))
    assert len(found) == dates  # firsts of months while fewer than three quarters fit


@pytest.fixture(scope="module")
def steps() -> list[str]:
    return []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> Trained:
    folder = tmp_path_factory.mktemp("grows")
    write(folder, growers=40)
    return fit(pipeline(folder), END, step=steps.append)


@pytest.mark.slow
def test_a_training_leaves_a_model_with_its_evidence(made: Trained, steps: list[str]) -> None:
    assert made.model is not None
    assert isinstance(made.model.fitted, GrowthModel)
    card = made.model.card
    assert (card.pipeline, card.ranker, card.as_of, card.better) == ("shop", "growth", str(END), made.verdict.better)
    assert card.verdict == made.verdict.sentence
    assert card.needs == ()  # customer, date and amount are always there
    assert card.training_dates[-1] <= str(END - timedelta(days=91))
    assert card.data_digest.startswith("4160-")
    assert made.verdict.missing == ("16 key accounts over the past dates, 30 are needed",)
    assert made.plain.card.ranker == FALLBACK  # what is not judged has no best one
    assert made.plain.card.better is None
    assert isinstance(made.plain.fitted, CalibratedPlain)
    assert made.serves is (made.model if made.verdict.better else made.plain)
    assert "model fitted" in steps
    assert made.verdict.dates == 4  # after the first of the five nobody became a key account


@pytest.mark.slow
def test_both_models_carry_what_accounts_can_spend_and_how_past_lists_turned_out(made: Trained) -> None:
    assert made.model is not None
    for bundle in (made.model, made.plain):
        assert bundle.potential is not None
        assert bundle.peers is not None
        assert bundle.potential.notes[0] in bundle.card.notes
        for past in bundle.card.past:
            assert past.listed == 5
            assert 0 <= past.came <= past.listed
            assert past.by_spend is not None
            assert 0 < past.random < past.listed
    assert made.result is not None
    growth, plain = made.model.card.past, made.plain.card.past
    judged = {str(t.fold.test): set(t.scores) for t in made.result.judged}
    assert [p.as_of for p in growth] == [day for day, scored in judged.items() if "growth" in scored]
    assert [p.as_of for p in plain] == list(judged)
    by_spend = {p.as_of: p.by_spend for p in plain}
    assert all(p.by_spend == by_spend[p.as_of] for p in growth)
    assert all(p.low is not None and p.high is not None and p.low <= p.high for p in growth)
    assert all(p.expected is None for p in plain)  # the gate's plain rankings have no chances
    said = stated(made.result)["growth"]
    assert [p.came for p in growth] == [s.came_first for s in said]


@pytest.mark.slow
def test_what_is_logged_is_complete_and_holds_no_customer(made: Trained) -> None:
    content = made.content
    assert content.params["target.horizon_days"] == "91"
    assert content.params["as_of"] == str(END)
    assert set(content.figures) == {"gain", "lift", "by_date", "reliability"}
    assert len(content.per_date) == 5
    assert {"average_precision", "ratio_to_best_plain"} <= set(content.metrics)
    assert len(list(points(content))) > 20
    assert set(content.artifacts) == {"quality.json", "metrics.json", "verdict.json", "catalogue.json", DRAWS}
    drawn = from_text(str(content.artifacts[DRAWS]))
    assert (drawn.ranker, drawn.dates) == ("growth", tuple(d for d, _ in content.per_date))
    assert [p.value for p in drawn.points] == [m["average_precision"] for _, m in content.per_date]
    said = json.dumps(content.artifacts, allow_nan=False)
    assert "k07" not in said
    assert "k07" not in json.dumps([dict(content.tags), dict(content.params)])


@pytest.mark.slow
def test_what_comes_after_as_of_changes_nothing(grows: Path) -> None:
    as_of = date(2021, 7, 1)
    whole = fit(pipeline(grows), as_of)
    rows = (grows / "lines.csv").read_text().splitlines()
    (grows / "lines.csv").write_text("\n".join(r for r in rows if r < "k" or r.split(",")[1] < str(as_of)))
    cut = fit(pipeline(grows), as_of)
    assert (whole.model, whole.plain, whole.verdict) == (cut.model, cut.plain, cut.verdict)


@pytest.mark.slow
def test_a_plain_ranking_needs_the_columns_of_the_potential_beside_it(grows: Path) -> None:
    head, *rows = (grows / "lines.csv").read_text().splitlines()
    with_products = [f"{head},p", *(f"{row},p{i % 7}" for i, row in enumerate(rows))]
    (grows / "lines.csv").write_text("\n".join(with_products) + "\n")
    columns = {"customer_id": "c", "order_date": "d", "amount": "a", "product_id": "p"}
    made = fit(pipeline(grows, columns=columns, model={"rounds": 4, "bags": 1, "training_dates": 4}), END)
    assert made.plain.potential is not None
    assert made.plain.card.needs == ("product_id",)


@pytest.mark.slow
def test_where_nobody_grows_the_plain_ranking_serves_and_the_verdict_says_why(tmp_path: Path) -> None:
    write(tmp_path, growers=0)
    made = fit(
        pipeline(tmp_path, target={"horizon_days": 91, "min_active": 20, "key_spend": 5000, "small_spend": 900}), END
    )
    assert made.model is None
    assert made.serves is made.plain
    assert made.plain.card.ranker == FALLBACK
    assert isinstance(made.plain.fitted, Plain)  # nothing to calibrate on
    assert made.verdict.better is None
    assert "Expected at least 10 customers that grew into key accounts, got 0" in made.plain.card.verdict
    assert "A plain ranking serves: all spend, fading with 180 days." in made.plain.card.verdict
    assert made.content.bundle is made.plain
    json.dumps(made.content.artifacts, allow_nan=False)


@pytest.mark.parametrize("as_of", ["2020-05-15", "2020-06-01"])
def test_where_no_horizon_is_over_the_plain_ranking_serves(grows: Path, as_of: str) -> None:
    made = fit(pipeline(grows), date.fromisoformat(as_of))
    assert (made.model, made.result, made.plain.card.ranker) == (None, None, FALLBACK)
    assert made.plain.card.training_dates == ()
    assert (made.plain.potential, made.plain.peers, made.plain.card.past) == (None, None, ())
    assert made.plain.card.notes == (Note("no_potential", {"needed": 50}), Note("no_peers", {"needed": 30}))
    assert "got 0 in 0 training rows of 0 as_of dates" in made.verdict.sentence


@pytest.mark.slow
def test_where_no_past_date_can_judge_it_the_plain_ranking_serves(grows: Path) -> None:
    made = fit(pipeline(grows), date(2020, 9, 20))
    assert made.result is None
    assert made.verdict.better is None
    assert made.serves is made.plain


def test_less_history_than_a_horizon_is_refused(grows: Path) -> None:
    with pytest.raises(HistoryError, match="at least 91 days of history, got 2020-03-31 in a source that begins") as no:
        fit(pipeline(grows), date(2020, 3, 31))
    assert no.value.hint == "The first possible as_of is 2020-04-01."


@pytest.mark.parametrize("command", ["train", "backtest", "tune"])
def test_too_little_memory_is_refused(tmp_path: Path, command: str) -> None:
    write(tmp_path, growers=40)
    asked = {
        "train": partial(fit, pipeline(tmp_path), END),
        "backtest": partial(run_backtest, pipeline(tmp_path), [END], tmp_path / "out"),
        "tune": partial(tune, pipeline(tmp_path), END, trials=1),
    }
    with pytest.raises(PipelineError, match="Expected at least 400MB of memory, got '5MB' in --memory"):
        asked[command](memory="5MB")
