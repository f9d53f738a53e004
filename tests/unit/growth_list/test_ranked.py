"""The growth list: a permutation of the eligible, by score, with reasons for those who are listed."""

from __future__ import annotations

import mmap
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import AS_OF, K, S, card, firsts, panel_of, snapshot_of

from smartaccounts.bundle import Bundle
from smartaccounts.config import Model, Pipeline, pipeline_from
from smartaccounts.engine.memory import Room
from smartaccounts.errors import PipelineError
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.growth_list.columns import CHANGES, COLUMNS, PEERS, POTENTIAL, SHOWN_ATTRIBUTES
from smartaccounts.growth_list.costs import MONEY, PROPOSED
from smartaccounts.growth_list.previous import COLUMNS as BEFORE
from smartaccounts.growth_list.previous import PreviousList
from smartaccounts.growth_list.ranked import GrowthList, growth_list
from smartaccounts.growth_list.ranking import rank
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.peers import fit_peers
from smartaccounts.rankers.plain import PLAIN, calibrated
from smartaccounts.rankers.potential import fit_potential

ELIGIBLE = snapshot_of(60)
NAMES = pd.DataFrame(
    {
        "name": ["Firm of " + c if c > "c0001" else None for c in ELIGIBLE.frame["customer_id"]],
        "sales_rep": ["Ann", "Bob", None] * 20,
    },
    dtype="str",
)


def pipeline(**growth: Any) -> Pipeline:
    columns = {"customer_id": "c", "order_date": "d", "amount": "a"}
    said = {"name": "shop", "source": {"path": "-"}, "columns": columns, "growth_list": growth}
    return pipeline_from(said, folder=Path())


def plain(name: str = "past_365") -> Bundle:
    return Bundle(PLAIN[name], card(name))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    recipe = Growth(Model(rounds=15, bags=2, leaves=4, min_rows_per_leaf=10))
    return Bundle(recipe.fit(panel_of(snapshot_of(120, firsts(4)))), card("growth"))


@pytest.fixture(scope="module")
def made(bundle: Bundle) -> GrowthList:
    return growth_list(rank(ELIGIBLE, bundle), pipeline(capacity=12, reasons=2))


def test_rows_in_a_file_make_the_same_list(bundle: Bundle, made: GrowthList, tmp_path: Path) -> None:
    room = Room(0, tmp_path)
    ranking = rank(ELIGIBLE, bundle, room=room)
    in_file = growth_list(ranking, pipeline(capacity=12, reasons=2), attributes=NAMES, room=room)
    for numbers in (ranking.rows["spend_365d"], in_file.frame["spend_12m"], in_file.frame["probability"]):
        lies_in = numbers.to_numpy()
        while lies_in.base is not None and not isinstance(lies_in, np.memmap):
            lies_in = lies_in.base
        assert isinstance(lies_in, (np.memmap, mmap.mmap))
    shutil.rmtree(tmp_path)  # the files have no name
    in_memory = growth_list(rank(ELIGIBLE, bundle), pipeline(capacity=12, reasons=2), attributes=NAMES)
    pd.testing.assert_frame_equal(in_file.frame, in_memory.frame, check_exact=True)
    assert in_file.frame["name"].notna().sum() == 58
    others = [c for c in COLUMNS if c not in {"name", "sales_rep"}]
    pd.testing.assert_frame_equal(in_file.frame[others], made.frame[others], check_exact=True)
    pd.testing.assert_frame_equal(in_file.blocks, made.blocks, check_exact=True)


def test_it_is_a_permutation_of_the_eligible_by_score(made: GrowthList, bundle: Bundle) -> None:
    frame = made.frame
    assert list(frame) == COLUMNS
    assert frame["rank"].tolist() == list(range(1, 61))
    assert sorted(frame["customer_id"]) == ELIGIBLE.frame["customer_id"].tolist()
    assert (np.diff(frame["score"]) <= 0).all()
    scored = dict(zip(ELIGIBLE.frame["customer_id"], bundle.fitted.score(ELIGIBLE.frame).score, strict=True))
    assert frame.set_index("customer_id")["score"].to_dict() == scored


def test_probabilities_are_in_the_order_of_the_score(made: GrowthList) -> None:
    assert made.frame["probability"].between(0, 1).all()
    assert (np.diff(made.frame["probability"]) <= 0).all()


def test_figures_are_those_of_the_row(made: GrowthList, bundle: Bundle) -> None:
    rows = ELIGIBLE.frame.set_index("customer_id").loc[made.frame["customer_id"]]
    pairs = {"spend_12m": "spend_365d", "spend_prior_12m": "spend_prior_365d", "spend_h": "spend_h"}
    pairs |= {"orders_365d": "orders_365d", "recency_days": "recency_days"}
    for shown, feature in pairs.items():
        assert made.frame[shown].tolist() == rows[feature].tolist()
    assert set(made.frame["key_spend"]) == {K}
    assert set(made.frame["small_spend"]) == {S}
    assert set(made.frame["as_of"]) == {pd.Timestamp(AS_OF)}
    assert set(made.frame["model_version"]) == {bundle.version}


def test_the_first_are_listed_and_have_reasons_the_others_have_none(made: GrowthList) -> None:
    assert made.frame["listed"].tolist() == [True] * 12 + [False] * 48
    for column in ("reasons_for", "reasons_against"):
        listed, others = made.frame[column][:12], made.frame[column][12:]
        assert all(isinstance(r, list) and len(r) <= 2 for r in listed)
        assert all(isinstance(sentence, str) and sentence for r in listed for sentence in r)
        assert others.isna().all()
    assert all(isinstance(sentence, str) and sentence for r in made.frame["flags"][:12] for sentence in r)
    assert made.frame["flags"][12:].isna().all()
    assert all(made.frame["reasons_for"][:12])  # the best ones have something that speaks for them


def test_what_is_not_known_is_null(made: GrowthList) -> None:
    unknown = [*POTENTIAL, *PEERS, "gap", "name", *SHOWN_ATTRIBUTES, *MONEY, *CHANGES]
    assert made.frame[unknown].isna().all(axis=None)


def test_every_account_has_a_play_and_the_listed_ones_the_reason(made: GrowthList) -> None:
    assert set(made.frame["play"]) <= set(PROPOSED)
    assert made.frame["play_rule"].notna().all()
    assert made.frame["play_why"].notna().tolist() == made.frame["listed"].tolist()
    assert not (made.frame["keep_small"] & made.frame["listed"]).any()
    assert made.kept.accounts == made.frame["keep_small"].sum()


def test_potential_stays_below_what_peers_ever_reached() -> None:
    panel = panel_of(snapshot_of(200, firsts(4)))
    peers = fit_peers(panel)
    beside = Bundle(PLAIN["past_365"], card("past_365"), fit_potential(panel, Model(rounds=20)), peers)
    found = growth_list(rank(ELIGIBLE, beside), pipeline()).frame
    ends = found[POTENTIAL].to_numpy()
    assert (np.diff(ends, axis=1) >= 0).all()
    highest = peers.of(ELIGIBLE.frame)["peer_highest"].to_numpy()
    at = ELIGIBLE.frame.reset_index().set_index("customer_id")["index"][found["customer_id"]]
    assert (ends[:, 2] <= highest[at] + 1e-9).all()
    assert (found["gap"] == found["potential"] - found["spend_h"]).all()
    assert found[PEERS].notna().all(axis=None)


def test_blocks_are_those_of_the_listed_the_oldest_first(made: GrowthList) -> None:
    rows = ELIGIBLE.frame.set_index("customer_id").loc[made.frame["customer_id"][:12]]
    assert made.blocks.columns[0] == "spend_block_24"
    assert made.blocks["spend_block_01"].tolist() == rows["spend_block_01"].tolist()
    young = Snapshot(ELIGIBLE.frame.assign(history_days=95.0), ELIGIBLE.target, ())
    blocks = growth_list(rank(young, plain()), pipeline(capacity=2)).blocks
    assert blocks.notna().sum(axis=1).tolist() == [3, 3]


@pytest.mark.slow
def test_who_was_listed_and_is_just_behind_takes_the_last_place() -> None:
    first = growth_list(rank(ELIGIBLE, plain()), pipeline(capacity=10)).frame
    before = PreviousList("last", date(2020, 12, 1), "1-x", first.assign(listed=first["rank"] == 12)[BEFORE])
    found = growth_list(rank(ELIGIBLE, plain()), pipeline(capacity=10), previous=before)
    order = first["customer_id"].tolist()
    assert found.frame["customer_id"].tolist() == [*order[:9], order[11], order[9], order[10], *order[12:]]
    assert found.frame["listed"].sum() == 10
    assert found.frame["status"][:10].tolist() == ["new"] * 9 + ["held"]
    off = growth_list(rank(ELIGIBLE, plain()), pipeline(capacity=10, hysteresis=0), previous=before)
    assert off.frame["customer_id"].tolist() == order
    assert [g.customer_id for g in off.gone] == [order[11]]


@pytest.mark.slow
def test_who_takes_a_place_by_having_been_listed_changes_nothing_that_is_said_of_anybody(bundle: Bundle) -> None:
    first = growth_list(rank(ELIGIBLE, bundle), pipeline(capacity=10)).frame
    before = PreviousList("last", date(2020, 12, 1), "1-x", first.assign(listed=first["rank"] == 12)[BEFORE])
    held = growth_list(rank(ELIGIBLE, bundle), pipeline(capacity=10), previous=before)
    longer = growth_list(rank(ELIGIBLE, bundle), pipeline(capacity=12, hysteresis=0))
    key = ["market", "customer_id"]
    said = [c for c in COLUMNS if c not in {"rank", "listed", "keep_small", *CHANGES}]
    listed = held.frame[held.frame["listed"]][said]
    assert len(listed) == 10
    of_all = longer.frame.set_index(key).loc[pd.MultiIndex.from_frame(listed[key])].reset_index()[said]
    pd.testing.assert_frame_equal(listed, of_all, check_exact=True)
    spent = ELIGIBLE.frame.set_index("customer_id")["spend_block_01"]
    assert held.blocks["spend_block_01"].tolist() == spent[listed["customer_id"]].tolist()


def test_capacity_counts_within_each_value_of_an_attribute() -> None:
    settings = pipeline(capacity=2).growth_list.model_copy(update={"per": "sales_rep"})
    shop = pipeline().model_copy(update={"growth_list": settings})
    found = growth_list(rank(ELIGIBLE, plain()), shop, attributes=NAMES).frame
    listed = found[found["listed"]]
    assert listed["sales_rep"].fillna("-").value_counts().to_dict() == {"Ann": 2, "Bob": 2, "-": 2}
    assert (found["score"].diff().dropna() <= 0).all()


def test_any_attribute_that_capacity_counts_by_is_the_last_column() -> None:
    teams = pd.DataFrame({"name": "x", "tenure_days": ["Ann", "Bob", None] * 20}, dtype="str")  # a feature is called so
    settings = pipeline(capacity=2).growth_list.model_copy(update={"per": "tenure_days"})
    found = growth_list(
        rank(ELIGIBLE, plain()), pipeline().model_copy(update={"growth_list": settings}), attributes=teams
    )
    assert found.frame.columns.tolist() == [*COLUMNS, "tenure_days"]
    said = found.frame.set_index("customer_id")["tenure_days"][ELIGIBLE.frame["customer_id"]]
    assert said.fillna("-").tolist() == teams["tenure_days"].fillna("-").tolist()
    listed = found.frame.loc[found.frame["listed"], "tenure_days"]
    assert listed.fillna("-").value_counts().to_dict() == {"Ann": 2, "Bob": 2, "-": 2}


def test_an_attribute_that_is_called_as_a_column_is_refused() -> None:
    settings = pipeline().growth_list.model_copy(update={"per": "status"})
    shop = pipeline().model_copy(update={"growth_list": settings})
    status = pd.DataFrame({"name": "x", "status": ["A"] * 60}, dtype="str")
    with pytest.raises(PipelineError, match=r"no column of a list, got 'status' in growth_list\.per"):
        growth_list(rank(ELIGIBLE, plain()), shop, attributes=status)


def test_an_attribute_that_the_table_lacks_is_named() -> None:
    settings = pipeline().growth_list.model_copy(update={"per": "sales_repp"})
    shop = pipeline().model_copy(update={"growth_list": settings})
    reps = pd.DataFrame({"name": "x", "sales_rep": ["Ann"] * 60}, dtype="str")
    with pytest.raises(PipelineError, match=r"got 'sales_repp' in growth_list\.per") as raised:
        growth_list(rank(ELIGIBLE, plain()), shop, attributes=reps)
    assert "sales_rep" in str(raised.value.hint)


def test_a_list_that_may_end_where_more_would_not_pay() -> None:
    fitted = calibrated(PLAIN["past_365"], panel_of(snapshot_of(120, firsts(2))))
    costs = {"margin_share": 0.2, "worked_account": 5.0}
    shop = pipeline(capacity=50, length="profit", costs=costs)
    found = growth_list(rank(ELIGIBLE, Bundle(fitted, card("past_365"))), shop)
    assert found.curve is not None
    assert found.frame["listed"].sum() == min(50, found.curve.best)
    assert found.frame[MONEY].notna().all(axis=None)
    dear = pipeline(capacity=50, length="profit", costs=costs | {"worked_account": 1e6})
    assert not growth_list(rank(ELIGIBLE, Bundle(fitted, card("past_365"))), dear).frame["listed"].any()


def test_a_list_shorter_than_its_capacity_is_listed_whole() -> None:
    some = Snapshot(ELIGIBLE.frame.head(3), ELIGIBLE.target, ())
    found = growth_list(rank(some, plain()), pipeline(capacity=50)).frame
    assert found["listed"].all()
    assert found["reasons_for"].notna().all()


def test_ties_go_by_market_and_customer() -> None:
    frame = pd.concat([snapshot_of(3, market=m).frame for m in ("a", "b")], ignore_index=True)
    frame["spend_365d"] = [1.0, 1.0, 3.0, 1.0, 2.0, 1.0]
    found = growth_list(rank(Snapshot(frame, ELIGIBLE.target, ()), plain()), pipeline()).frame
    assert found[["market", "customer_id"]].agg("/".join, axis=1).tolist() == [
        "a/c0002", "b/c0001", "a/c0000", "a/c0001", "b/c0000", "b/c0002",
    ]  # fmt: skip


def test_a_plain_ranking_lists_without_probability_and_says_by_what() -> None:
    found = growth_list(rank(ELIGIBLE, plain()), pipeline(capacity=1)).frame
    assert found["probability"].isna().all()
    spent = f"{found['spend_12m'][0]:,.0f}"
    assert found["reasons_for"][0] == [
        f"Ranked by its spend of the last twelve months alone ({spent}): nothing else counts."
    ]
    assert found["reasons_against"][0] == []


def test_the_list_speaks_the_pipeline_s_language() -> None:
    found = growth_list(rank(ELIGIBLE, plain()), pipeline(capacity=1, language="de")).frame
    assert found["reasons_for"][0][0].startswith("Rang allein nach dem Umsatz der letzten zwölf Monate (")


def test_a_calibrated_plain_ranking_has_probabilities() -> None:
    fitted = calibrated(PLAIN["past_365"], panel_of(snapshot_of(120, firsts(2))))
    found = growth_list(rank(ELIGIBLE, Bundle(fitted, replace(card("past_365")))), pipeline()).frame
    assert found["probability"].between(0, 1).all()
    assert (
        found["customer_id"].tolist() == growth_list(rank(ELIGIBLE, plain()), pipeline()).frame["customer_id"].tolist()
    )


def test_every_customer_has_the_name_that_belongs_to_its_row() -> None:
    few = Snapshot(ELIGIBLE.frame.assign(eligible=ELIGIBLE.frame["customer_id"] != "c0005"), ELIGIBLE.target, ())
    found = growth_list(rank(few, plain()), pipeline(), attributes=NAMES).frame
    assert len(found) == 59
    assert found["name"].isna().sum() == 2
    named = found[found["name"].notna()]
    assert named["name"].tolist() == ("Firm of " + named["customer_id"]).tolist()
