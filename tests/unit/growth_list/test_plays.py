"""Plays: every account gets one, by the first rule that fires, and a rule can do nothing but compare figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.unit.growth_list.accounts import accounts
from tests.unit.rankers.synthetic import snapshot_of

from smartaccounts.config import Costs, GrowthList, PlayRule
from smartaccounts.errors import PipelineError
from smartaccounts.growth_list.plays import check_rules, default_rules, plays, why
from smartaccounts.growth_list.rule_figures import FIGURES, KNOWN, figure
from smartaccounts.growth_list.words import LANGUAGES, words

LAST = PlayRule(play="self_service", name="others")
COSTS = Costs(
    margin_share=0.25, per_order=2, per_personal_order=3, per_line=0.5, per_return=1, per_customer=4, worked_account=3
)


def rules(*said: tuple[Any, str]) -> list[PlayRule]:
    return [*(PlayRule(play=play, when=when) for play, when in said), LAST]


def given(when: str, *rows: dict[str, Any]) -> list[bool]:
    return (plays(accounts(*rows), rules(("leave", when)))["play"] == "leave").tolist()


def test_a_rule_may_name_a_feature_of_the_pipeline_file() -> None:
    frame = accounts({}, {}, {}).assign(mine=[0.1, 0.9, np.nan])
    made = plays(frame, rules(("leave", "mine > 0.5")), own=["mine"])
    assert (made["play"] == "leave").tolist() == [False, True, False]
    with pytest.raises(PipelineError, match="got 'mine' in"):
        plays(frame, rules(("leave", "mine > 0.5")))


def test_no_name_of_a_feature_gets_between_the_rows() -> None:
    frame = accounts({}, {}, {}).assign(at=[7.0, 8.0, 9.0])
    made = plays(frame, rules(("leave", '"at" >= 8')), own=["at"])
    assert (made["play"] == "leave").tolist() == [False, True, True]


@pytest.mark.parametrize("together", [1, 2, 3])
def test_the_first_rule_that_fires_wins_and_the_last_takes_the_rest(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartaccounts.growth_list.plays.ROWS", together)
    made = plays(
        accounts({"spend_365d": 90}, {"spend_365d": 60}, {"spend_365d": 10}),
        rules(("develop", "spend_12m > 80"), ("carefree", "spend_12m > 50")),
    )
    assert made["play"].tolist() == ["develop", "carefree", "self_service"]
    assert made["play_rule"].tolist() == ["spend_12m > 80", "spend_12m > 50", "others"]


def test_a_condition_that_needs_an_unknown_figure_does_not_fire() -> None:
    rows = ({"margin_share_365d": 0.1}, {"margin_share_365d": np.nan})
    assert given("margin_share < 0.2", *rows) == [True, False]
    assert given("NOT margin_share >= 0.2", *rows) == [True, False]
    assert given("margin_share IS NULL", *rows) == [False, True]
    assert given("lift > 1", {"probability": np.nan}, {"probability": np.nan}) == [False, False]
    assert given("contribution < 0 OR contribution >= 0", {}) == [False]


def test_figures_compare_with_the_other_small_customers_of_the_market() -> None:
    frame = accounts(
        {"spend_365d": 10}, {"spend_365d": 30}, {"spend_365d": 50}, {"spend_365d": 900}, market=list("aaab")
    )
    assert figure("spend_to_peers", frame, None).tolist() == pytest.approx([1 / 3, 1, 5 / 3, 1])


def test_lift_is_the_chance_over_the_mean_chance() -> None:
    assert figure("lift", accounts({"probability": 0.1}, {"probability": 0.3}), None).tolist() == pytest.approx(
        [0.5, 1.5]
    )


def test_there_is_an_upside_to_k_where_the_potential_is_not_known() -> None:
    frame = accounts({"spend_h": 20.0}, {"spend_h": 20.0, "potential_high": 45.0})
    assert figure("upside", frame, None).tolist() == [80, 25]
    assert figure("upside_to_key", frame, None).tolist() == [0.8, 0.25]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_number_of_every_account(name: str) -> None:
    frame = snapshot_of(30).frame.assign(probability=0.1, potential=40.0, potential_high=90.0)
    values = figure(name, frame, COSTS)
    assert values.dtype == "float64"
    assert len(values) == 30
    assert np.isfinite(values).all()
    assert FIGURES[name].meaning


def test_default_rules_give_every_account_one_play_whatever_the_order_of_the_rows() -> None:
    frame = snapshot_of(300).frame
    frame = frame.assign(probability=np.linspace(0.001, 0.2, 300), potential=np.nan, potential_high=np.nan)
    made = plays(frame, default_rules(), costs=COSTS)
    assert made.notna().all().all()
    assert made["play_rule"].isin([r.name for r in default_rules()]).all()
    mixed = np.random.default_rng(1).permutation(300)
    again = plays(frame.iloc[mixed].reset_index(drop=True), default_rules(), costs=COSTS)
    assert again["play"].tolist() == made["play"].iloc[mixed].tolist()
    assert again["play_rule"].tolist() == made["play_rule"].iloc[mixed].tolist()


TELLING: dict[str, dict[str, Any]] = {
    "chance": {"probability": 0.2},
    "silent": {"overdue": 4, "recency_days": 90, "gap_variation": 0.5, "gap_mean_days": 22, "spend_365d": 60},
    "faded": {"spend_365d": 20, "spend_prior_365d": 70},
    "never_pays": {"spend_365d": 1, "margin_share_365d": 0.1},
    "came_once": {"orders_365d": 1, "recency_days": 200, "spend_365d": 39},
    "no_margin": {"margin_share_365d": 0.04, "spend_365d": 400},
    "costly": {"orders_365d": 10, "share_digital_365d": 0.0, "spend_365d": 120},
    "returns": {"returns_share_365d": 0.2, "return_lines_365d": 3, "spend_365d": 400},
    "discount": {"discount_share_365d": 0.2, "discount_share_91d": 0.2, "spend_365d": 400},
    "low_price": {"price_position_365d": -0.2, "spend_365d": 400},
    "small_orders": {"orders_365d": 8, "order_mean_365d": 4, "spend_365d": 400},
    "repeats": {"orders_365d": 12, "products_repeated_share_365d": 0.6, "gap_variation": 0.6, "spend_365d": 400},
    "by_phone": {"orders_365d": 12, "share_digital_365d": 0.2, "spend_365d": 400},
    "steady": {"purchase_months_365d": 9, "spend_365d": 400, "lines_per_order_365d": 5},
    "others": {},
}


def test_each_default_rule_fires_and_says_why_in_every_language() -> None:
    usual = {
        "spend_365d": 100.0,
        "order_mean_365d": 10.0,
        "lines_per_order_365d": 5.0,
        "discount_share_365d": 0.0,
        "share_digital_365d": 1.0,
    }
    names = [rule.name or "" for rule in default_rules()]
    assert list(TELLING) == names
    frame = accounts(*(usual | TELLING[name] for name in names), *[usual] * 30)
    frame = frame.join(plays(frame, default_rules(), costs=COSTS))
    assert frame["play_rule"].tolist() == names + ["others"] * 30
    assert frame["play"].head(len(names)).tolist() == [rule.play for rule in default_rules()]
    for language in LANGUAGES:
        shown = np.arange(len(frame)) < len(names)
        told = why(frame, shown, default_rules(), words=words(language), costs=COSTS)
        assert len(set(told)) == len(names)
        assert not any("nan" in sentence.lower().split() for sentence in told)
    assert told[1] == "Der Kunde bestellte sonst alle 22 Tage und schweigt seit 90 Tagen."


def test_a_rule_of_ones_own_speaks_for_itself() -> None:
    frame = accounts({}, {})
    own = rules(("leave", "spend_12m < 50"))
    frame = frame.join(plays(frame, own))
    assert why(frame, np.array([True, False]), own, words=words("en")) == ["By the rule: spend_12m < 50"]


def test_a_changed_rule_does_not_borrow_the_words_of_the_default_one() -> None:
    own = (PlayRule(play="fair_terms", name="discount", when="spend_12m < 1200"), PlayRule(play="self_service"))
    frame = accounts({"spend_365d": 100.0}, {"spend_365d": 5000.0})
    frame = frame.join(plays(frame, own))
    assert why(frame, np.array([True, True]), own, words=words("en")) == [
        "By the rule: discount",
        "No other rule applies.",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_play_and_rule_has_words(language: str) -> None:
    said = words(language).section("plays")
    for rule in default_rules():
        assert said[f"name.{rule.play}"]
        assert said[f"do.{rule.play}"]
        assert said[f"why.{rule.name}"]


def test_there_is_nobody_to_play_with() -> None:
    assert len(plays(accounts({}).head(0), default_rules(), costs=COSTS)) == 0


@pytest.mark.parametrize(
    "hostile",
    [
        "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0",
        "read_text('/etc/passwd') IS NOT NULL",
        "getenv('HOME') = ''",
        "spend_12m > 1; DROP TABLE account",
        "TRUE) UNION SELECT 1 --",
        "spend_12m > (SELECT avg(spend_12m) FROM account)",
        "avg(spend_12m) > 1",
        "row_number() OVER () < 3",
        "random() < 0.5",
        "today() > DATE '2024-01-01'",
        "__import__('os').system('true') = 0",
    ],
)
def test_a_rule_can_read_no_file_run_no_code_and_see_no_other_account(hostile: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"growth_list\.plays\[0\]\.when") as error:
        plays(accounts({}), rules(("leave", hostile)))
    assert error.value.message.startswith("Expected ")


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        ("probabilty > 0.1", "got 'probabilty' in growth_list.plays[0].when.\nHint: Did you mean 'probability'?"),
        ("spend_366d > 1", "Did you mean 'spend_365d'?"),
        ("spend_12m", "Expected a condition that is true or false, got DOUBLE"),
        ("CAST('x' AS INTEGER) > spend_12m", "Expected a condition that holds or not for every account"),
        ("customer_id = 'c1'", "Expected a column of the account's figures, got 'customer_id'"),
    ],
)
def test_a_slip_is_explained(slip: str, said: str) -> None:
    with pytest.raises(PipelineError) as error:
        plays(accounts({}), rules(("leave", slip)))
    assert said in str(error.value)


def test_rules_can_be_checked_before_there_are_accounts() -> None:
    read = check_rules(default_rules())
    assert read[0] == ("lift", "margin_share", "upside_to_key", "work_pays")
    assert read[-1] == ()
    assert {name for names in read for name in names} <= set(KNOWN)


def test_an_account_is_developed_only_where_the_work_pays() -> None:
    frame = accounts({"probability": 0.2}, *[{}] * 20)
    paid = 0.2 * (125 - 20) * 0.25
    assert figure("work_pays", frame, COSTS)[0] == pytest.approx(paid / 3)
    assert figure("work_pays", frame, None).isna().all()
    for cost, play in ((paid * 0.99, "develop"), (paid * 1.01, "self_service")):
        costs = Costs(margin_share=0.25, worked_account=cost)
        assert plays(frame, default_rules(), costs=costs)["play"][0] == play


DOCS = (Path(__file__).parents[3] / "docs" / "plays.md").read_text(encoding="utf-8")


def test_the_page_names_every_rule_and_figure() -> None:
    assert [f"| {rule.name} | {rule.play} |" for rule in default_rules()] == re.findall(
        r"^\| \w+ \| (?:develop|win_back|leave|fair_terms|automate|carefree|self_service) \|", DOCS, re.MULTILINE
    )
    assert {f"| `{name}` | {f.meaning} |" for name, f in FIGURES.items()} <= set(DOCS.splitlines())


def test_the_examples_of_the_page_can_be_used() -> None:
    examples = [yaml.safe_load(text)["growth_list"] for text in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)]
    assert [list(example) for example in examples] == [["plays"], ["costs"]]
    made = GrowthList.model_validate(examples[0] | examples[1])
    assert made.plays is not None
    assert plays(accounts({}), made.plays, costs=made.costs)["play_rule"].tolist() == ["others"]
