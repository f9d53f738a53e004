"""Trainings beside the champion, and which dates are followed; the store is a mapping."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.conftest import MakeLines
from tests.unit.evaluation.test_draws import BAD, FEB, JAN, drawn, folds

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.errors import HistoryError, ModelError
from smartaccounts.evaluation.draws import NOT_PAIRED, Draws
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.tracking.leaderboard import Row
from smartaccounts.workflow import compare
from smartaccounts.workflow.selection import selection_dates

MODEL = Row(
    "run 1", "2020-03-01", "growth", 1, "growth-1", ("challenger",), {"average_precision": Interval(0.9, 0.8, 1)},
    datetime(2020, 3, 1, tzinfo=UTC),
)  # fmt: skip
PLAIN = replace(MODEL, run_id="run 2", ranker="past_h", version=2, aliases=("champion",))
OLD = replace(MODEL, run_id="run 3", version=None, aliases=())
OTHER = replace(MODEL, run_id="run 4", version=4, aliases=())
DRAWN = {
    "run 1": drawn(folds(JAN, FEB)),
    "run 2": drawn(folds(JAN, FEB, order=BAD)),
    "run 4": drawn(folds(FEB)),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    columns = {"customer_id": "c", "order_date": "d", "amount": "a"}
    return pipeline_from({"name": "shop", "source": {"path": "-"}, "columns": columns}, folder=tmp_path)


def standing(
    shop: Pipeline, monkeypatch: pytest.MonkeyPatch, rows: list[Row], drawn_by_run: dict[str, Draws] | None = None
) -> list[compare.Standing]:
    monkeypatch.setattr(compare, "leaderboard", lambda *_: rows)
    monkeypatch.setattr(compare, "read_draws", lambda *_: DRAWN if drawn_by_run is None else drawn_by_run)
    return compare.standings(shop)


def test_no_trainings_are_said(shop: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Expected trainings of 'shop', got none in") as no:
        compare.standings(shop)
    assert "smartaccounts train" in no.value.hint
    assert not (tmp_path / "mlruns").exists()


def test_a_plain_ranking_may_be_the_champion(shop: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    model, plain, old, other = standing(shop, monkeypatch, [MODEL, PLAIN, OLD, OTHER])
    assert model.against.comparison is not None
    assert model.against.paired
    assert model.against.comparison.difference.low > 0
    assert model.against.comparison.better_share == 1
    assert (plain.champion, plain.against.comparison, plain.against.reason) == (True, None, compare.IS_CHAMPION)
    assert (old.against.comparison, old.against.reason) == (None, compare.NO_DRAWS)
    assert (other.against.paired, other.against.reason, other.against.dates) == (False, NOT_PAIRED, ("2020-02-01",))


def test_without_a_champion_or_its_draws_there_is_no_difference(
    shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone,) = standing(shop, monkeypatch, [MODEL])
    assert alone.against.reason == compare.NO_CHAMPION
    model, _ = standing(shop, monkeypatch, [MODEL, PLAIN], {"run 1": DRAWN["run 1"]})
    assert model.against.reason == compare.NO_CHAMPION_DRAWS


def test_json_holds_all_of_it(shop: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    found = standing(shop, monkeypatch, [MODEL, PLAIN])
    model, plain = json.loads(json.dumps(compare.as_json(found), default=str, allow_nan=False))
    assert model["metrics"]["average_precision"] == {"value": 0.9, "low": 0.8, "high": 1.0}
    assert model["against_champion"]["paired"] is True
    assert set(model["against_champion"]["difference"]) == {"value", "low", "high"}
    assert plain["against_champion"] == {
        "difference": None, "better_share": None, "paired": False, "dates": [], "reason": "in service",
    }  # fmt: skip
    assert model["version"] == 1


def test_the_figure_is_left_in_the_folder(shop: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = standing(shop, monkeypatch, [MODEL, PLAIN, OLD])
    path = compare.write_figure(found, shop, tmp_path / "out")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["compare.png"]


# which dates are followed


def test_every_month_with_a_horizon_after_it_and_training_dates_before_it(
    order_lines: MakeLines, shop: Pipeline
) -> None:
    short = shop.model_copy(update={"target": shop.target.model_copy(update={"horizon_days": 91})})
    days = (date(2020, 1, 1), date(2020, 12, 31))
    lines = order_lines([{"customer_id": "a", "day": d, "amount": 1.0} for d in days])
    # the first training date is 1 May (91 days after 1 January is 1 April), over on 31 July at the latest
    found = selection_dates(lines, short)
    assert found == [date(2020, 7, 1), date(2020, 8, 1), date(2020, 9, 1), date(2020, 10, 1)]


def test_a_source_that_is_too_short_says_how_much_it_takes(order_lines: MakeLines, shop: Pipeline) -> None:
    days = (date(2020, 1, 1), date(2021, 4, 30))
    lines = order_lines([{"customer_id": "a", "day": d, "amount": 1.0} for d in days])
    with pytest.raises(HistoryError, match="got none in a source from 2020-01-01 to 2021-04-30") as no:
        selection_dates(lines, shop)
    assert "546 days of history" in no.value.hint


# what keeps a training out of service


def test_a_training_that_ranked_worse_than_the_champion_is_behind(
    shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = replace(PLAIN, aliases=(), model_version="worse")
    standing(shop, monkeypatch, [replace(MODEL, aliases=("champion",)), worse])
    assert compare.behind_champion(shop, "worse") == ""  # no store here: nobody can tell
    (Path.cwd() / "mlruns").mkdir()
    (Path.cwd() / "mlruns" / "mlflow.db").write_bytes(b"there")
    said = compare.behind_champion(shop, "worse")
    assert said.startswith("On 2 past dates that judged both, its average precision was ")
    assert "below that of the model in service" in said
    assert compare.behind_champion(shop, "growth-1") == ""  # the champion itself
    assert compare.behind_champion(shop, "unknown") == ""
    standing(shop, monkeypatch, [MODEL, PLAIN])
    assert compare.behind_champion(shop, "growth-1") == ""  # better than the champion
