"""Rankers over time on lists short enough to reckon by hand: the average precision of one key account is 1 / rank."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest
from tests.unit.evaluation.walked import HORIZON, backtest_of, walked

from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.picks import rules, staying
from smartaccounts.evaluation.selection import Selection, as_json, selection
from smartaccounts.evaluation.selection_figures import Frame, figures, in_colour
from smartaccounts.evaluation.selection_words import summary
from smartaccounts.evaluation.turnover import Change, changes

JAN, FEB, MAR, APR = (date(2020, m, 1) for m in (1, 2, 3, 4))


@pytest.fixture
def result() -> Backtest:
    """At JAN "up" has the one key account first, "down" fourth; at FEB second and first; MAR has none; APR as JAN."""
    return backtest_of(
        [
            walked(JAN, {"up": "abcd", "down": "dcba"}, "a"),
            walked(FEB, {"up": "abce", "down": "bcae"}, "b"),
            walked(MAR, {"up": "abce", "down": "ecba"}, ""),
            walked(APR, {"up": "abce", "down": "ecba"}, "a"),
        ]
    )


@pytest.fixture
def found(result: Backtest) -> Selection:
    return selection(result)


def test_regret_is_what_is_missing_to_the_best_of_the_date(found: Selection) -> None:
    up, down = found.followed
    assert [j.regret for j in up.judged] == pytest.approx([0, 0.5, math.nan, 0], nan_ok=True)
    assert [j.regret for j in down.judged] == pytest.approx([0.75, 0, math.nan, 0.75], nan_ok=True)
    assert (up.best_at, down.best_at, up.dates, down.dates) == (2, 1, 3, 3)
    assert (up.mean_regret, up.worst_regret) == pytest.approx((0.5 / 3, 0.5))
    assert up.average_precision.value == pytest.approx(2.5 / 3)
    assert found.leader is up
    assert found.best == pytest.approx((1, 1, math.nan, 1), nan_ok=True)


def test_within_a_tenth_counts_the_dates_of_at_least_nine_tenths_of_the_best(found: Selection) -> None:
    up, down = found.followed
    assert (up.near_share, down.near_share) == pytest.approx((2 / 3, 1 / 3))
    assert (up.within(0.5), up.within(0.49), up.within(0)) == pytest.approx((1, 2 / 3, 2 / 3))
    assert down.within(0.75) == 1


def test_a_ranker_that_is_left_out_of_a_date_has_no_regret_there(result: Backtest) -> None:
    late = walked(date(2020, 5, 1), {"up": "abcd", "down": "dcba", "new": "bacd"}, "a")
    made = selection(backtest_of([*result.tested, late]))
    new = made.followed[-1]
    assert new.ranker == "new"
    assert new.regrets == (0.5,)
    assert [math.isnan(j.regret) for j in new.judged] == [True] * 4 + [False]
    assert "new" not in made.staying
    assert made.leader.ranker == "up"


def test_a_ranker_judged_at_few_dates_does_not_lead(result: Backtest) -> None:
    lucky = walked(date(2020, 5, 1), {"up": "bacd", "down": "dcba", "lucky": "abcd"}, "a")
    made = selection(backtest_of([*result.tested, lucky]))
    assert made.followed[-1].mean_regret == 0
    assert made.leader.ranker == "up"


# the top of the list


def test_changes_split_the_listed_into_kept_overtaken_and_left(result: Backtest) -> None:
    # up lists a, b at every date; down d, c; then b, c; then e, c
    assert changes(result.tested, "up", 2)[0] == Change(JAN, FEB, kept=2, overtaken=0, left=0)
    assert changes(result.tested, "down", 2) == (
        Change(JAN, FEB, kept=1, overtaken=0, left=1),
        Change(FEB, MAR, kept=1, overtaken=1, left=0),
        Change(MAR, APR, kept=2, overtaken=0, left=0),
    )
    assert [c.share for c in changes(result.tested, "down", 2)] == [1, 0.5, 1]


def test_nobody_eligible_at_both_dates_has_no_share() -> None:
    (change,) = changes([walked(JAN, {"up": "ab"}, "a"), walked(FEB, {"up": "cd"}, "c")], "up", 2)
    assert (change.kept, change.overtaken, change.left) == (0, 0, 2)
    assert math.isnan(change.share)


def test_a_list_shorter_than_k_is_listed_whole_and_dates_without_an_outcome_count() -> None:
    folds = [walked(JAN, {"up": "ab"}, "a"), walked(FEB, {"up": "abc"}, "", known=False)]
    assert changes(folds, "up", 5) == (Change(JAN, FEB, kept=2, overtaken=0, left=0),)


def test_every_listed_customer_is_in_one_of_the_three(found: Selection) -> None:
    for f in found.followed:
        assert all(c.kept + c.overtaken + c.left == found.capacity for c in f.changes)


# choosing without the future

DAYS = [date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1), date(2020, 4, 1)]
VALUES = [{"a": 0.9, "b": 0.1}, {"a": 0.2, "b": 0.5}, {"a": 0.3, "b": 0.4}, {"a": 0.6, "b": 0.2}]


def test_a_choice_sees_only_dates_whose_horizon_is_over() -> None:
    current = rules(DAYS, VALUES, horizon_days=HORIZON)[0]
    # 1 Jan + 60 days = 1 Mar: over by then; 1 Feb + 60 = 1 Apr
    assert [(p.as_of, p.seen, p.ranker) for p in current.picks] == [(DAYS[2], DAYS[0], "a"), (DAYS[3], DAYS[1], "b")]
    assert [p.regret for p in current.picks] == pytest.approx([0.1, 0.4])
    one_day_more = rules(DAYS, VALUES, horizon_days=HORIZON + 1)[0]
    assert [p.as_of for p in one_day_more.picks] == [DAYS[3]]
    assert one_day_more.picks[0].seen == DAYS[0]
    assert all(not r.picks for r in rules(DAYS, VALUES, horizon_days=182))


def test_what_happens_later_changes_no_pick() -> None:
    before = rules(DAYS, VALUES, horizon_days=HORIZON)
    for changed in (2, 3):  # the horizons of March and April are over by none of the dates
        other = [v if i != changed else {"a": 0.01, "b": 0.99} for i, v in enumerate(VALUES)]
        for now, then in zip(rules(DAYS, other, horizon_days=HORIZON), before, strict=True):
            assert [p.ranker for p in now.picks] == [p.ranker for p in then.picks]


def test_rules_differ_in_what_they_make_of_the_past() -> None:
    days = [date(2020, m, 1) for m in (1, 2, 3, 6)]
    values = [{"a": 0.9, "b": 0.5, "c": 0.1}, {"a": 0.02, "b": 0.1, "c": 0.11}, {"a": 0.02, "b": 0.1, "c": 0.11}]
    picked = {r.name: r.picks[-1].ranker for r in rules(days, [*values, values[0]], horizon_days=HORIZON)}
    assert picked == {"best current": "c", "best average": "a", "least regret": "b"}


def test_a_candidate_was_judged_at_the_latest_date_seen_and_scores_now() -> None:
    values = [{"a": 0.5, "late": 0.9}, {"a": 0.5}, {"a": 0.5, "late": 0.9}, {"a": 0.5, "late": 0.6, "new": 0.9}]
    for rule in rules(DAYS, values, horizon_days=HORIZON):
        assert [p.ranker for p in rule.picks] == ["late", "a"]
        assert [p.regret for p in rule.picks] == pytest.approx([0, 0.4])
    assert staying(DAYS, values, horizon_days=HORIZON) == pytest.approx({"a": 0.4, "late": 0.15})


def test_staying_is_judged_at_the_dates_of_the_picks() -> None:
    assert staying(DAYS, VALUES, horizon_days=HORIZON) == pytest.approx({"a": 0.05, "b": 0.2})


def test_a_date_without_key_accounts_is_neither_seen_nor_judged() -> None:
    values = [{}, VALUES[1], {}, VALUES[3]]
    assert [p.as_of for p in rules(DAYS, values, horizon_days=HORIZON)[0].picks] == [DAYS[3]]


# words, figures, JSON


def test_the_summary_says_the_figures(found: Selection, result: Backtest) -> None:
    said = " ".join(summary(found, result))
    assert "up has the least regret of 2 rankers: it was the best at 2 of 3 dates" in said
    assert "cost 0.167 in average precision a date" in said
    assert "at worst 0.500, on 2020-02-01" in said
    assert "100% of those that still could be listed are" in said
    assert "Choosing anew at 1 date, only from outcomes known by then" in said
    short = selection(backtest_of([walked(JAN, {"up": "ab"}, "a")]))
    said = " ".join(summary(short, backtest_of([walked(JAN, {"up": "ab"}, "a")])))
    assert "No rule of choice could be tried" in said
    assert "up has the least regret: it was the best at 1 of 1 date," in said


def test_figures_are_those_that_there_is_something_to_draw_for(found: Selection) -> None:
    assert set(figures(found)) == {"over_time", "lift", "distance", "stability", "rules"}
    assert in_colour(found) == ("up", "down")
    one = selection(backtest_of([walked(JAN, {"up": "ab"}, "a")]))
    assert set(figures(one, Frame(4.4, titled=False))) == {"over_time", "lift", "distance"}


def test_json_is_strict_and_names_no_customer(found: Selection) -> None:
    text = json.dumps(as_json(found), allow_nan=False)
    said = json.loads(text)
    assert said["leader"] == "up"
    assert said["dates"] == ["2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01"]
    assert said["followed"][1]["judged"][2]["regret"] is None
    assert said["followed"][1]["changes"][1] == {
        "before": "2020-02-01", "after": "2020-03-01", "kept": 1, "overtaken": 1, "left": 0, "share": 0.5,
    }  # fmt: skip
    assert said["rules"][0]["picks"][0]["seen"] == "2020-02-01"


@pytest.mark.parametrize(
    ("grown", "known", "what"), [("", False, "a date whose horizon is over"), ("", True, "became a key account")]
)
def test_nothing_to_judge_is_an_error(grown: str, known: bool, what: str) -> None:
    with pytest.raises(HistoryError, match=what):
        selection(backtest_of([walked(JAN, {"up": "ab"}, grown, known=known)]))
