from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from smartaccounts.bundle import Bundle
from smartaccounts.errors import ModelError
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.registry import fetch, has_champion, promote, registered, rollback
from smartaccounts.tracking.store import Store, reached, store_at


@pytest.fixture(scope="module")
def to_look_at(shared_store: Store, training: Training, another: Training) -> Store:
    """Return one for all tests that only look."""
    log_training(shared_store, training)
    log_training(shared_store, another)
    return shared_store


@pytest.fixture
def filled(store: Store, training: Training, another: Training) -> Store:
    """Return a store with versions 1 and 2, the second one challenger, and no champion."""
    log_training(store, training)
    log_training(store, another)
    return store


@pytest.mark.slow
def test_a_model_is_fetched_by_alias_version_and_run(
    filled: Store, training: Training, another: Training, frame: pd.DataFrame
) -> None:
    first, second = registered(filled, "shop")
    promote(filled, "shop", "1")
    for ref in ("champion", "1", first.run_id):
        assert fetch(filled, "shop", ref).version == training.bundle.version
    for ref in ("challenger", "2", second.run_id):
        assert fetch(filled, "shop", ref).version == another.bundle.version
    scores = fetch(filled, "shop", "1").fitted.score(frame).score
    assert scores.tolist() == training.bundle.fitted.score(frame).score.tolist()


@pytest.mark.slow
def test_a_plain_ranking_is_fetched(store: Store, training: Training, plain_bundle: Callable[[str], Bundle]) -> None:
    bundle = plain_bundle("decay_180")
    log_training(store, replace(training, bundle=bundle))
    assert fetch(store, "shop", "challenger") == bundle


def test_only_the_bundle_is_read_and_no_code_of_the_store_is_run(filled: Store, tmp_path: Path) -> None:
    codes = list((tmp_path / "mlruns").rglob("model_code.py"))
    assert len(codes) == 2
    for code in codes:
        code.write_text("raise SystemExit('code of the store was run')")
        shutil.rmtree(code.parent / "artifacts")
    assert fetch(filled, "shop", "2").card.pipeline == "shop"


def test_promote_and_rollback_walk_the_same_way_back(filled: Store, training: Training) -> None:
    log_training(filled, training)
    assert not has_champion(filled, "shop")
    assert [promote(filled, "shop", ref) for ref in ("1", "2", "2", "challenger")] == [1, 2, 2, 3]
    assert has_champion(filled, "shop")
    assert rollback(filled, "shop") == 2
    assert [r.aliases for r in registered(filled, "shop")] == [(), ("champion",), ("challenger",)]
    assert rollback(filled, "shop") == 1
    with pytest.raises(ModelError, match="in service before version 1, got none"):
        rollback(filled, "shop")
    assert promote(filled, "shop", "3") == 3
    assert rollback(filled, "shop") == 1


@pytest.mark.slow
def test_rollback_passes_over_a_version_that_was_deleted(filled: Store, training: Training) -> None:
    log_training(filled, training)
    for ref in ("1", "2", "3"):
        promote(filled, "shop", ref)
    with reached(filled) as (_, client):
        client.delete_model_version("smartaccounts-shop", "2")
    assert rollback(filled, "shop") == 1


def test_a_note_stays_with_the_promoted_version(filled: Store) -> None:
    promote(filled, "shop", "1", note="against the evidence")
    with reached(filled) as (_, client):
        tags = client.get_model_version("smartaccounts-shop", "1").tags
    assert tags["promoted"] == "against the evidence"


def test_without_a_champion_the_error_names_the_commands(to_look_at: Store) -> None:
    with pytest.raises(ModelError) as raised:
        fetch(to_look_at, "shop", "champion")
    assert "Versions known: 1; 2 (challenger)." in raised.value.message
    assert "smartaccounts promote PIPELINE" in raised.value.hint
    assert "smartaccounts train PIPELINE --as-of D" in raised.value.hint


@pytest.mark.parametrize("ref", ["9", "f" * 32, "champoin", "", "1'", "-1"])
def test_an_unknown_reference_lists_the_known_versions(to_look_at: Store, ref: str) -> None:
    for ask in (fetch, promote):
        with pytest.raises(ModelError, match=r"Versions known: 1; 2 \(challenger\)\.") as raised:
            ask(to_look_at, "shop", ref)
        assert repr(ref) in raised.value.message


def test_a_store_that_is_not_there_is_not_created_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = store_at(tmp_path)
    assert not has_champion(store, "shop")
    for ask in (fetch, promote):
        with pytest.raises(ModelError, match="got none in") as raised:
            ask(store, "shop", "champion")
        assert raised.value.hint == "Run smartaccounts train PIPELINE --as-of D."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_of_another_pipeline_is_refused(store: Store, training: Training) -> None:
    log_training(store, replace(training, pipeline="elsewhere"))
    with pytest.raises(ModelError, match="Expected a model of the pipeline 'elsewhere', got one of 'shop'"):
        fetch(store, "elsewhere", "challenger")


def test_a_bundle_that_was_changed_in_the_store_is_refused(filled: Store, tmp_path: Path) -> None:
    run_id = registered(filled, "shop")[0].run_id
    (changed,) = (tmp_path / "mlruns" / "artifacts" / "shop" / run_id).rglob("booster_0.txt")
    changed.write_text("tree")
    with pytest.raises(ModelError, match="got a changed file"):
        fetch(filled, "shop", "1")


@pytest.mark.slow
def test_a_bundle_that_is_gone_from_the_store_is_an_error_that_says_where(filled: Store, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "mlruns" / "artifacts")
    with pytest.raises(ModelError, match="in sqlite:///"):
        fetch(filled, "shop", "1")
