"""The growth model: what it learns from, what it refuses, that it is the same every time, and that it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import AS_OF, firsts, panel_of, snapshot_of, with_outcome

from smartaccounts.config import Model
from smartaccounts.errors import HistoryError
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.curves import NO_CURVES
from smartaccounts.rankers.design import design
from smartaccounts.rankers.growth import Growth, GrowthModel

SMALL = Model(rounds=15, bags=2, leaves=4, min_rows_per_leaf=10)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(snapshot_of(150, firsts(8)))


@pytest.fixture(scope="module")
def model(panel: Panel) -> GrowthModel:
    return Growth(SMALL).fit(panel)


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    return snapshot_of(100, [AS_OF], seed=9).frame


def test_it_ranks_those_who_spend_more_first(model: GrowthModel, later: pd.DataFrame) -> None:
    score = model.score(later).score
    top = later.iloc[np.argsort(-score)[:20]]["spend_182d"]
    assert top.mean() > 2 * later["spend_182d"].mean()


def test_probabilities_are_calibrated_and_in_the_order_of_the_score(model: GrowthModel, later: pd.DataFrame) -> None:
    scored = model.score(later)
    assert scored.probability is not None
    assert (np.diff(scored.probability[np.argsort(scored.score)]) > 0).all()
    assert scored.probability.mean() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("strength", [0.0, 300.0, 1e9])
def test_contributions_and_the_base_add_up_to_the_score(panel: Panel, later: pd.DataFrame, strength: float) -> None:
    fitted = Growth(SMALL.model_copy(update={"curve_strength": strength})).fit(panel)
    assert (fitted.curves == NO_CURVES) == (strength == 0)
    made = fitted.contributions(later)
    assert made.values.shape == (100, len(fitted.columns))
    np.testing.assert_allclose(made.base + made.values.sum(axis=1), fitted.score(later).score, rtol=0, atol=1e-6)


def test_the_rows_beside_a_row_do_not_matter(model: GrowthModel, later: pd.DataFrame) -> None:
    whole = model.score(later).score
    for rows in ([5], [99, 0], list(range(50))):
        assert model.score(later.iloc[rows]).score.tolist() == whole[rows].tolist()


def test_no_rows_have_no_scores(model: GrowthModel, later: pd.DataFrame) -> None:
    assert model.score(later.iloc[:0]).score.shape == (0,)
    assert model.contributions(later.iloc[:0]).values.shape == (0, len(model.columns))


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_same_panel_gives_the_same_model(
    panel: Panel, model: GrowthModel, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", threads)
    assert Growth(SMALL).fit(panel) == model


def test_another_seed_gives_another_model(panel: Panel, model: GrowthModel) -> None:
    assert Growth(SMALL.model_copy(update={"seed": 1})).fit(panel).boosters != model.boosters


def test_the_trees_never_lower_the_score_for_a_higher_level(panel: Panel, later: pd.DataFrame) -> None:
    trees = Growth(SMALL.model_copy(update={"curve_strength": 0.0, "rounds": 120})).fit(panel)
    made = design(later)
    matrix = made.matrix[:, [made.names.index(c) for c in trees.columns]]
    rising = [i for i, c in enumerate(trees.columns) if made.rises[made.names.index(c)]]
    before, used = trees.raw(matrix), 0
    for i in rising:
        more = matrix.copy()
        more[:, i] += 1.0
        assert (trees.raw(more) >= before).all()
        used += int((trees.raw(more) > before).any())
    assert used > 10


@pytest.mark.slow
def test_the_more_key_accounts_there_are_to_learn_from_the_more_the_trees_say(panel: Panel) -> None:
    positives = panel.outcome["target"].sum()
    share = Growth(SMALL).fit(panel).curve_share
    assert share == pytest.approx(700**2 / (700**2 + positives**2))
    half = panel.rows(panel.snapshot.frame["as_of"] > panel.snapshot.frame["as_of"].median())
    assert Growth(SMALL).fit(half).curve_share > share


@pytest.mark.slow
def test_columns_that_were_never_known_are_left_out(later: pd.DataFrame) -> None:
    snapshot = snapshot_of(150, firsts(8))
    snapshot.frame["affinity_365d"] = np.nan
    fitted = Growth(SMALL).fit(panel_of(snapshot))
    assert "affinity_365d" not in fitted.columns
    assert fitted.score(later).score.tolist() == fitted.score(later.assign(affinity_365d=7.0)).score.tolist()


@pytest.mark.slow
def test_a_column_that_was_unknown_in_the_earlier_dates_does_no_harm() -> None:
    snapshot = snapshot_of(150, firsts(12))
    early = snapshot.frame["as_of"] < pd.Timestamp(firsts(12)[-3])
    snapshot.frame.loc[early, "quantity_position_mean_365d"] = np.nan  # in those that the calibrating fit learns from
    assert Growth(SMALL).fit(panel_of(snapshot)).notes[0].key == "calibrated_later"


# what it learns from


def sample(recipe: Growth, y: np.ndarray, eligible: np.ndarray | None = None, *, seed: int = 0) -> tuple:
    at, own = np.arange(len(y), dtype=np.int32), np.ones(len(y), dtype=bool) if eligible is None else eligible
    return recipe._sample(y > 0, own, [seed], weight=np.ones(len(y)), of=at)


def test_negatives_above_the_cap_are_drawn_and_weighted_back() -> None:
    y = np.zeros(5000)
    y[:50] = 1
    eligible = np.arange(5000) % 2 == 0
    recipe = Growth(Model(rows_per_bag=1050, weight_not_eligible=0.4))
    picked, weight = sample(recipe, y, eligible)
    assert set(range(50)) <= set(picked)
    assert len(picked) == len(set(picked)) == 1050
    assert (np.diff(picked) > 0).all()
    assert set(weight[picked < 50].round(9)) == {1.0, 0.4}
    assert set(weight[picked >= 50].round(9)) == {4.95, 1.98}  # 4950 negatives stand for 1000
    other, _ = sample(recipe, y, eligible, seed=1)
    assert set(other) != set(picked)


def test_of_more_positives_than_half_the_cap_as_many_are_drawn_as_of_negatives() -> None:
    y = (np.arange(5000) < 2000).astype(float)
    recipe = Growth(Model(rows_per_bag=1000))
    picked, weight = sample(recipe, y)
    assert len(picked) == len(set(picked)) == 1000
    assert (y[picked].sum(), set(weight[y[picked] == 1]), set(weight[y[picked] == 0])) == (500, {4.0}, {6.0})
    assert weight @ y[picked] == 2000
    picked, weight = sample(recipe, y[1100:2100])  # 900 positives: all rows fit
    assert (len(picked), set(weight)) == (1000, {1.0})
    picked, weight = sample(recipe, y[500:2100])  # 100 negatives leave room
    assert (y[500:2100][picked].sum(), sorted(set(weight))) == (900, [1.0, 1500 / 900])


def test_below_the_cap_every_row_is_taken_and_weight_nought_means_none() -> None:
    y, eligible = np.array([1.0, 0, 0, 1]), np.array([True, True, False, False])
    picked, weight = sample(Growth(Model()), y, eligible)
    assert (picked.tolist(), weight.tolist()) == ([0, 1, 2, 3], [1, 1, 1, 1])
    picked, _ = sample(Growth(Model(weight_not_eligible=0.0)), y, eligible)
    assert picked.tolist() == [0, 1]


def test_a_row_weighs_what_the_row_of_the_panel_that_it_is_weighs() -> None:
    y, of = np.array([True, False, False]), np.array([1, 0, 1], dtype=np.int32)
    picked, weight = Growth(Model())._sample(y, ~y, [0], weight=np.array([0.5, 0.25]), of=of)
    assert (picked.tolist(), weight.tolist()) == ([0, 1, 2], [0.25 * Model().weight_not_eligible, 0.5, 0.25])


# how probabilities are made


def dates(monthly: int) -> list[date]:
    return firsts(monthly)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("months", "how"), [(9, "calibrated_later"), (5, "calibrated_crossed"), (1, "calibrated_crossed")]
)
def test_the_calibrating_fit_does_not_see_what_it_is_calibrated_on(months: int, how: str) -> None:
    panel = panel_of(snapshot_of(200, dates(months)))
    assert Growth(SMALL).fit(panel).notes[0].key == how


@pytest.mark.slow
def test_a_history_of_less_than_two_horizons_is_noted() -> None:
    snapshot = snapshot_of(200, dates(1))
    snapshot.frame["history_days"] = 181.0
    notes = Growth(SMALL).fit(panel_of(snapshot)).notes
    assert notes[1:] == (Note("short_history", {"share": 1.0}),)


# what it refuses


def grown(rows: int, positives: Sequence[int]) -> np.ndarray:
    y = np.zeros(rows)
    y[list(positives)] = 1
    return y


def test_too_few_key_accounts_are_refused_with_what_to_change() -> None:
    snapshot = snapshot_of(50, dates(2))
    with pytest.raises(
        HistoryError, match=r"at least 10 customers .* got 9 in 100 training rows of 2 as_of dates"
    ) as no:
        Growth(SMALL).fit(with_outcome(snapshot, grown(100, range(9))))
    assert "longer history" in no.value.hint


def test_no_rows_are_refused() -> None:
    snapshot = snapshot_of(5)
    with pytest.raises(HistoryError, match="got 0 in 0 training rows of 0 as_of dates"):
        Growth(SMALL).fit(with_outcome(Snapshot(snapshot.frame.iloc[:0], snapshot.target, ()), np.zeros(0)))


def test_one_customer_that_grew_twelve_times_is_refused() -> None:
    snapshot = snapshot_of(40, dates(2))
    frame = pd.concat([snapshot_of(40, [d]).frame for d in firsts(3)] * 4, ignore_index=True)
    twelve = np.flatnonzero(frame["customer_id"] == "c0007")
    with pytest.raises(HistoryError, match="key accounts and others in every part of the training rows, got 0"):
        Growth(SMALL).fit(with_outcome(Snapshot(frame, snapshot.target, ()), grown(len(frame), twelve)))


def test_everybody_a_key_account_is_refused() -> None:
    with pytest.raises(HistoryError, match="key accounts and others"):
        Growth(SMALL).fit(with_outcome(snapshot_of(60), np.ones(60)))


def test_probabilities_need_key_accounts_among_the_eligible() -> None:
    snapshot = snapshot_of(200, dates(1))
    snapshot.frame["eligible"] = np.arange(200) >= 60
    with pytest.raises(HistoryError, match="got 0 key accounts in a part of 140 rows"):
        Growth(SMALL).fit(with_outcome(snapshot, grown(200, range(60))))
