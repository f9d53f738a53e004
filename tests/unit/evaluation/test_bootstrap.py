import dataclasses
import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from smartaccounts.evaluation import bootstrap
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.scored import NO_KNOWN_RATE, NO_OUTCOME_SPEND, NO_PROBABILITY, Scored, measure

NAMES = [
    "average_precision", "auc", "base_rate", "precision_at_20", "precision_at_5000", "lift_at_2pct", "lift_at_50",
    "found_at_10pct", "found_at_100pct", "spend_captured_at_20", "key_spend_captured_at_20", "ece",
    "expected_over_observed", "skill",
]  # fmt: skip


def scored(seed, *, rows=400, pool=500, noise=1.0, levels=None, rate=0.06):
    random = np.random.default_rng(seed)
    customers = np.sort(random.choice(pool, rows, replace=False)) * 3 + 7  # codes need not be dense
    worth = random.normal(size=rows)
    y = (worth + random.normal(size=rows) > np.quantile(worth, 1 - rate) + 0.5).astype(int)
    score = worth + noise * np.random.default_rng([seed, 1]).normal(size=rows)
    if levels:
        score = np.round(score * levels) / levels
    spend = np.exp(worth) - 0.5
    return Scored(customers, y, score, 1 / (1 + np.exp(3 - score)), spend, 0.05)


def shuffled(one, seed):
    order = np.random.default_rng(seed).permutation(len(one.customers))
    columns = ("customers", "y", "score", "probability", "outcome_spend")
    return dataclasses.replace(one, **{c: getattr(one, c)[order] for c in columns})


DATES = [scored(s, levels=3) for s in range(4)]
OTHER = [dataclasses.replace(d, score=d.score + np.random.default_rng(9).normal(size=len(d.score))) for d in DATES]


def weights_of(dates, draws, seed):
    """The draws, made the slow way: per draw, the multiplicity of every customer of the pool."""
    pool = np.unique(np.concatenate([d.customers for d in dates]))
    random = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = np.bincount(random.integers(0, len(pool), len(pool)), minlength=len(pool))
        yield [drawn[np.searchsorted(pool, d.customers)] for d in dates]


@pytest.mark.parametrize("name", NAMES)
def test_every_draw_is_the_measure_with_that_draws_weights(name):
    resampled = bootstrap.resample({"a": DATES}, [name], draws=25, seed=3)
    slow = [
        [measure(d, name, weight=w).value for d, w in zip(DATES, weights, strict=True)]
        for weights in weights_of(DATES, 25, 3)
    ]
    np.testing.assert_allclose(resampled.draws["a", name], np.transpose(slow), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "of"), [("average_precision", average_precision_score), ("auc", roc_auc_score)], ids=["ap", "auc"]
)
@pytest.mark.parametrize("levels", [None, 3, 1])
def test_average_precision_and_auc_of_every_draw_are_those_of_scikit_learn(name, of, levels):
    dates = [scored(s, levels=levels, rate=r) for s, r in ((1, 0.06), (2, 0.5))]
    got = bootstrap.resample({"a": dates}, [name], draws=20).draws["a", name]
    for j, weights in enumerate(weights_of(dates, 20, 0)):
        for i, (d, w) in enumerate(zip(dates, weights, strict=True)):
            assert got[i, j] == pytest.approx(of(d.y, d.score, sample_weight=w), abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_one_give_the_point_estimate(name, monkeypatch):
    monkeypatch.setattr(bootstrap, "_draws", lambda customers, draws, _: iter([np.ones((customers, draws), np.int32)]))
    got = bootstrap.interval(DATES, name, draws=2)
    expected = np.mean([measure(d, name).value for d in DATES])
    assert (got.value, got.low, got.high) == pytest.approx((expected,) * 3, abs=1e-12)


def test_blocks_of_draws_change_nothing(monkeypatch):
    whole = bootstrap.resample({"a": DATES}, NAMES, draws=30)
    monkeypatch.setattr(bootstrap, "BLOCK_CELLS", 3600)
    parts = bootstrap.resample({"a": DATES}, NAMES, draws=30)
    for name in NAMES:
        np.testing.assert_allclose(parts.draws["a", name], whole.draws["a", name], atol=1e-13)


@pytest.mark.slow
def test_the_interval_is_that_of_quantiles_of_mean_ratios_over_common_draws():
    got = bootstrap.compare(DATES, OTHER, "average_precision", draws=40)
    ratios, differences = [], []
    for weights in weights_of(DATES, 40, 0):
        a, b = (
            np.mean([average_precision_score(d.y, d.score, sample_weight=w) for d, w in zip(r, weights, strict=True)])
            for r in (DATES, OTHER)
        )
        ratios.append(a / b)
        differences.append(a - b)
    assert (got.ratio.low, got.ratio.high) == pytest.approx(tuple(np.quantile(ratios, [0.05, 0.95])))
    assert (got.difference.low, got.difference.high) == pytest.approx(tuple(np.quantile(differences, [0.05, 0.95])))
    assert got.better_share == np.mean(np.array(differences) > 0)


def test_a_ranker_against_itself_is_no_better_and_no_worse():
    got = bootstrap.compare(DATES, DATES, "average_precision", draws=30)
    assert got.difference == Interval(0, 0, 0)
    assert got.ratio == Interval(1, 1, 1)
    assert got.better_share == 0.5


def test_better_is_lower_for_ece_and_nearer_to_one_for_expected_over_observed():
    worse = [dataclasses.replace(d, probability=np.minimum(1, 3 * d.probability)) for d in DATES]
    better = [dataclasses.replace(d, probability=np.full(len(d.y), d.y.mean())) for d in DATES]
    for name in ("ece", "expected_over_observed", "skill"):
        assert bootstrap.compare(better, worse, name, draws=30).better_share == 1
        assert bootstrap.compare(worse, better, name, draws=30).better_share == 0


def test_a_seed_gives_the_same_interval_again_and_another_seed_another():
    first = bootstrap.interval(DATES, "auc", draws=50)
    assert bootstrap.interval(DATES, "auc", draws=50) == first
    assert bootstrap.interval(DATES, "auc", draws=50, seed=1) != first
    assert first.low < first.value < first.high
    wide = bootstrap.interval(DATES, "auc", draws=50, level=0.99)
    assert wide.low <= first.low < first.high <= wide.high


def test_row_order_changes_nothing_where_no_scores_are_equal():
    dates = [scored(s) for s in range(3)]
    again = [shuffled(d, 5) for d in dates]
    names = [n for n in NAMES if n != "ece"]
    first, second = (bootstrap.resample({"a": d}, names, draws=20) for d in (dates, again))
    for name in names:
        np.testing.assert_allclose(second.draws["a", name], first.draws["a", name], rtol=1e-12)
    got = bootstrap.compare(dates, again, "average_precision", draws=20)
    assert got.difference.high == pytest.approx(0, abs=1e-12)


def test_dates_without_a_key_account_are_left_out_and_said_so():
    barren = dataclasses.replace(DATES[0], y=np.zeros_like(DATES[0].y))
    got = bootstrap.interval([DATES[0], barren], "average_precision", draws=20)
    assert got.value == measure(DATES[0], "average_precision").value
    assert got.reason == "1 of 2 dates left out: no customer became a key account"
    none = bootstrap.interval([barren], "average_precision", draws=20)
    assert math.isnan(none.value)
    assert math.isnan(none.low)
    assert none.reason == "1 of 1 dates left out: no customer became a key account"


def test_draws_that_lose_the_only_key_account_are_skipped_and_counted():
    y = np.zeros(30, dtype=int)
    y[4] = 1
    one = Scored(np.arange(30), y, np.arange(30.0))
    got = bootstrap.interval([one], "average_precision", draws=100)
    lost = sum(w[0][4] == 0 for w in weights_of([one], 100, 0))
    assert 20 < lost < 60
    assert got.reason == f"{lost} of 100 draws have no value"
    assert 0 < got.low <= got.high < 1


def test_a_ranker_that_is_left_out_of_a_date_is_compared_on_the_others():
    resampled = bootstrap.resample({"a": DATES, "b": [None, *OTHER[1:]]}, ["average_precision"], draws=20)
    got = resampled.compare("a", "b", "average_precision")
    values = [[measure(d, "average_precision").value for d in r[1:]] for r in (DATES, OTHER)]
    assert got.difference.value == pytest.approx(np.mean(values[0]) - np.mean(values[1]))
    assert got.difference.reason == "1 of 4 dates left out: not both have a value"
    assert resampled.by_date("b", "average_precision")[0].reason == bootstrap.LEFT_OUT
    assert resampled.mean("b", "average_precision").reason == f"1 of 4 dates left out: {bootstrap.LEFT_OUT}"


def test_columns_that_are_missing_are_reasons():
    bare = Scored(DATES[0].customers, DATES[0].y, DATES[0].score)
    no_rate = dataclasses.replace(DATES[0], known_base_rate=None)
    assert measure(bare, "ece").reason == NO_PROBABILITY
    assert measure(bare, "spend_captured_at_5").reason == NO_OUTCOME_SPEND
    assert measure(no_rate, "skill").reason == NO_KNOWN_RATE
    resampled = bootstrap.resample({"bare": [bare], "full": [DATES[0]]}, ["ece", "auc"], draws=10)
    assert math.isnan(resampled.mean("bare", "ece").low)
    assert math.isnan(resampled.compare("bare", "full", "ece").better_share)
    assert resampled.mean("bare", "auc") == resampled.mean("full", "auc")


def test_an_empty_list_is_nan_with_a_reason():
    empty = Scored(np.array([], dtype=int), np.array([], dtype=int), np.array([]))
    got = bootstrap.interval([empty], "average_precision", draws=5)
    assert math.isnan(got.value)
    assert "no customers" in got.reason


def test_rankers_of_other_customers_or_outcomes_or_dates_are_refused():
    flipped = dataclasses.replace(DATES[0], y=1 - DATES[0].y)
    with pytest.raises(ValueError, match="got others in b, date 0"):
        bootstrap.compare([DATES[0]], [flipped], "auc")
    with pytest.raises(ValueError, match="same dates"):
        bootstrap.compare(DATES, DATES[1:], "auc")
    with pytest.raises(ValueError, match="level in"):
        bootstrap.interval(DATES, "auc", level=90)
    with pytest.raises(ValueError, match="lift_at_2pct"):
        bootstrap.interval(DATES, "f1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"customers": np.array([1, 1])}, "doubles"),
        ({"y": np.array([0, 1, 1])}, "in y"),
        ({"y": np.array([0, 7])}, "in y"),
        ({"score": np.array([0, math.inf])}, "in score"),
        ({"probability": np.array([0, 1.1])}, "probability"),
        ({"outcome_spend": np.array([0, math.nan])}, "in outcome_spend"),
    ],
)
def test_a_scored_list_checks_its_columns(change, said):
    columns = {"customers": np.array([1, 2]), "y": np.array([0, 1]), "score": np.array([0.0, 1.0])}
    with pytest.raises(ValueError, match=said):
        Scored(**(columns | change))


def test_a_draw_that_misses_the_top_of_the_list_reaches_further_down():
    weights = np.zeros((500, 2), dtype=np.int32)
    weights[0, 0], weights[450:, 1] = 3, 2
    held = bootstrap._held(np.arange(500.0), weights, np.array([2, 3]))
    assert held.tolist() == [0, 450 + 450 + 451]
