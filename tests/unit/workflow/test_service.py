"""What is put in service: what the evidence says, with a registry that only remembers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.rankers.synthetic import card

from smartaccounts.bundle import Bundle, load, save
from smartaccounts.config import Features, Pipeline, pipeline_from
from smartaccounts.errors import ModelError
from smartaccounts.evaluation.gate import Verdict
from smartaccounts.features.extra import Extra
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.store import Store
from smartaccounts.workflow import service
from smartaccounts.workflow.train import Trained

MODEL = Bundle(PLAIN["rfm"], replace(card("rfm"), notes=()))  # stands for the growth model: only its name matters here
PAST = Bundle(PLAIN["past_h"], replace(card("past_h"), notes=(), verdict="A plain ranking serves."))


@dataclass
class Registry:
    """What was logged, in order, and which version is champion."""

    bundles: list[Bundle] = field(default_factory=list)
    champion: int = 0
    notes: list[str] = field(default_factory=list)

    def log(self, _: Store, training: Training) -> Any:
        self.bundles.append(training.bundle)
        return SimpleNamespace(version=len(self.bundles))

    def promote(self, _: Store, __: str, ref: str, *, note: str = "") -> int:
        self.champion = int(ref) if ref.isdecimal() else len(self.bundles)
        self.notes.append(note)
        return self.champion

    def fetch(self, _: Store, __: str, ref: str) -> Bundle:
        if ref.isdecimal():
            return self.bundles[int(ref) - 1]
        return self.bundles[self.champion - 1 if ref == "champion" else -1]

    def rollback(self, *_: object) -> int:
        self.champion -= 1
        return self.champion


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry:
    made = Registry()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(service, "log_training", made.log)
    monkeypatch.setattr(service, "has_champion", lambda *_: made.champion > 0)
    monkeypatch.setattr(service, "promote", made.promote)
    monkeypatch.setattr(service, "fetch", made.fetch)
    monkeypatch.setattr(service, "previous", lambda *_: tuple(range(1, made.champion)))
    monkeypatch.setattr(service, "rollback", made.rollback)
    monkeypatch.setattr(service, "PLAIN", {"past_h": PLAIN["past_h"]})  # so that rfm counts as a model here
    return made


@pytest.fixture
def shop(tmp_path: Path) -> Pipeline:
    columns = {"customer_id": "c", "order_date": "d", "amount": "a"}
    return pipeline_from({"name": "shop", "source": {"path": "-"}, "columns": columns}, folder=tmp_path)


def trained(*, better: bool | None, model: bool = True) -> Trained:
    verdict = Verdict("growth", better, None, None, None, None, 0, "Said.")
    newest = MODEL if model else None
    content = Training(pipeline="shop", bundle=newest or PAST, tags={"ranker": "rfm"})
    return Trained(newest, PAST, None, verdict, SimpleNamespace(), content, {})


def put(made: Trained, shop: Pipeline, *, promote_it: bool = False) -> service.Served:
    return service.put_in_service(made, shop, models=Path("models"), promote_it=promote_it)


def exported() -> Bundle:
    return load(Path("models/shop"))


@pytest.mark.parametrize("promote_it", [True, False])
def test_the_first_training_puts_a_better_model_in_service(
    registry: Registry, shop: Pipeline, promote_it: bool
) -> None:
    served = put(trained(better=True), shop, promote_it=promote_it)
    assert (served.done, served.version, registry.champion) == (True, 1, 1)
    assert registry.bundles == [MODEL]
    assert exported() == MODEL
    assert served.sentence == (
        f"Version 1 ({MODEL.version}) is in service: better than the best plain ranking. Exported to models/shop."
    )


@pytest.mark.parametrize("better", [False, None])
def test_the_first_training_puts_the_plain_ranking_in_service_where_the_model_is_not_better(
    registry: Registry, shop: Pipeline, better: bool | None
) -> None:
    served = put(trained(better=better), shop, promote_it=True)
    assert registry.bundles == [PAST, MODEL]  # the model is the latest: the challenger
    assert (served.version, registry.champion) == (1, 1)
    assert exported() == PAST


def test_without_a_model_the_plain_ranking_is_logged_and_serves(registry: Registry, shop: Pipeline) -> None:
    served = put(trained(better=None, model=False), shop)
    assert registry.bundles == [PAST]
    assert (served.done, registry.champion) == (True, 1)
    assert served.as_json() == {
        "model_version": PAST.version, "ranker": "past_h", "version": 1, "in_service": True,
        "sentence": served.sentence,
    }  # fmt: skip


def test_a_later_training_is_challenger_until_it_is_promoted(registry: Registry, shop: Pipeline) -> None:
    put(trained(better=True), shop)
    served = put(trained(better=True), shop)
    assert (served.done, served.version, registry.champion) == (False, 2, 1)
    assert served.sentence == f"Version 2 ({MODEL.version}) is challenger: promote puts it in service."


@pytest.mark.parametrize(
    ("better", "champion", "why"),
    [
        (True, 2, "is in service: better than the best plain ranking."),
        (False, 2, "is in service: the model is not proven to be better."),
        (None, 1, "is challenger: there is not enough to judge it by."),
    ],
)
def test_promote_it_asks_the_gate(
    registry: Registry, shop: Pipeline, better: bool | None, champion: int, why: str
) -> None:
    put(trained(better=True), shop)
    served = put(trained(better=better), shop, promote_it=True)
    assert registry.champion == champion
    assert served.done == (champion == 2)
    assert why in served.sentence
    assert exported() == (PAST if better is False else MODEL)


def test_a_recipe_that_only_the_one_in_service_beats_leaves_that_in_service(registry: Registry, shop: Pipeline) -> None:
    put(trained(better=True), shop)
    made = trained(better=False)
    served = put(
        replace(made, verdict=replace(made.verdict, against_champion=0.9, champion_better=True)), shop, promote_it=True
    )
    assert (served.done, registry.champion) == (False, 1)
    assert "is challenger: it is not better than what serves." in served.sentence


@pytest.mark.parametrize("promote_it", [True, False])
def test_a_plain_ranking_in_service_is_refreshed_while_nothing_is_proven(
    registry: Registry, shop: Pipeline, promote_it: bool
) -> None:
    put(trained(better=None), shop)
    assert put(trained(better=None), shop, promote_it=promote_it).done == promote_it
    assert registry.champion == (3 if promote_it else 1)
    assert registry.bundles[registry.champion - 1] == PAST


def test_a_later_training_without_a_model_does_not_replace_what_serves(registry: Registry, shop: Pipeline) -> None:
    put(trained(better=True), shop)
    assert not put(trained(better=None, model=False), shop, promote_it=True).done
    assert registry.champion == 1
    assert exported() == MODEL


@pytest.mark.parametrize(
    ("better", "force", "note"),
    [(True, False, ""), (False, False, None), (None, False, None), (False, True, "forced")],
)
def test_promote_needs_evidence_or_force(
    registry: Registry,
    shop: Pipeline,
    better: bool | None,
    force: bool,
    note: str | None,
) -> None:
    done = note is not None
    registry.bundles.append(replace(MODEL, card=replace(MODEL.card, better=better)))
    served = service.promote_ref(shop, "challenger", models=Path("models"), force=force)
    assert served.done == done
    assert registry.notes == ([note] if done else [])
    assert Path("models/shop").exists() == done
    assert ("by force" in served.sentence) == (note == "forced")


def test_promote_refuses_what_the_champion_beats_unless_forced(
    registry: Registry, shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "behind_champion", lambda *_: "Worse than the model in service.")
    registry.bundles.append(MODEL)
    refused = service.promote_ref(shop, "challenger", models=Path("models"))
    assert (refused.done, registry.champion) == (False, 0)
    assert refused.sentence.endswith("Worse than the model in service.")
    assert service.promote_ref(shop, "challenger", models=Path("models"), force=True).done
    assert registry.notes == ["forced"]


def test_a_plain_ranking_does_not_replace_a_proven_model_unless_forced(registry: Registry, shop: Pipeline) -> None:
    put(trained(better=True), shop)
    registry.bundles.append(PAST)
    refused = service.promote_ref(shop, "challenger", models=Path("models"))
    assert (refused.done, registry.champion) == (False, 1)
    assert refused.sentence.endswith("proven to be better than every plain ranking.")
    assert service.promote_ref(shop, "challenger", models=Path("models"), force=True).done


def test_a_champion_that_cannot_be_read_does_not_stop_a_training(
    registry: Registry, shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(trained(better=True), shop)

    def unreadable(*_: object) -> Bundle:
        raise ModelError("Expected a bundle of format 2, got 1.")

    monkeypatch.setattr(service, "fetch", unreadable)
    assert service.recipe_in_service(shop) is None
    assert put(trained(better=True), shop).done


def test_a_recipe_of_another_version_is_not_judged_beside(registry: Registry, shop: Pipeline) -> None:
    known = shop.model.model_dump(mode="json")
    for recipe, other in ((known, None), (known | {"rounds": 7}, 7), (known | {"curve_share": 0.5}, None)):
        registry.bundles, registry.champion = [replace(MODEL, card=replace(MODEL.card, recipe=recipe))], 1
        found = service.recipe_in_service(shop)
        assert (found.rounds if found else None) == other


def test_a_recipe_that_learns_from_other_rows_is_compared_on_shared_dates(
    registry: Registry, shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    borrowed = shop.model.model_dump(mode="json") | {"borrow": ["other.yaml"]}
    registry.bundles, registry.champion = [replace(MODEL, card=replace(MODEL.card, recipe=borrowed))], 1
    assert service.recipe_in_service(shop) is None
    said = iter(["Worse on 6 past dates.", ""])
    monkeypatch.setattr(service, "behind_champion", lambda *_: next(said))
    refused = put(trained(better=True), shop, promote_it=True)
    assert (refused.done, registry.champion) == (False, 1)
    assert refused.sentence.endswith("is challenger: Worse on 6 past dates.")
    assert put(trained(better=True), shop, promote_it=True).done


def test_a_recipe_with_other_features_of_the_pipeline_file_is_compared_on_shared_dates(
    registry: Registry, shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = shop.model.model_dump(mode="json") | {"rounds": 7}
    own = (Extra("mine", "SUM(amount)", "money", "m"),)
    of_these = replace(MODEL, card=replace(MODEL.card, recipe=recipe, extra=own))
    registry.bundles, registry.champion = [of_these], 1
    assert service.recipe_in_service(shop) is None
    said = {"sql": "SUM(amount)", "unit": "money", "meaning": "otherwise said"}
    alike = shop.model_copy(update={"features": Features.model_validate({"extra": {"mine": said}})})
    served = service.recipe_in_service(alike)
    assert served is not None
    assert served.rounds == 7

    monkeypatch.setattr(service, "behind_champion", lambda *_: "Worse on 6 past dates.")
    same = replace(trained(better=True), model=replace(MODEL, card=replace(MODEL.card, recipe=recipe)))
    refused = put(same, shop, promote_it=True)
    assert (refused.done, registry.champion) == (False, 1)
    registry.bundles, registry.champion = [replace(of_these, card=replace(of_these.card, extra=()))], 1
    assert put(same, shop, promote_it=True).done  # the same recipe again, on newer data


def test_a_model_that_cannot_be_read_is_not_rolled_back_to(
    registry: Registry, shop: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.bundles, registry.champion = [PAST, MODEL], 2
    assert service.roll_back(shop, models=Path("models")).bundle == PAST
    registry.champion = 2

    def unreadable(*_: object) -> Bundle:
        raise ModelError("Expected a bundle of format 2, got 1.")

    monkeypatch.setattr(service, "fetch", unreadable)
    with pytest.raises(ModelError, match="format 2, got 1"):
        service.roll_back(shop, models=Path("models"))
    assert registry.champion == 2
    assert exported() == PAST


def test_a_plain_ranking_needs_no_evidence(registry: Registry, shop: Pipeline) -> None:
    registry.bundles.append(replace(PAST, card=replace(PAST.card, better=None)))
    assert service.promote_ref(shop, "1", models=Path("models")).done


def test_the_model_of_a_reference(registry: Registry, shop: Pipeline, tmp_path: Path) -> None:
    models = tmp_path / "models"
    save(PAST, models / "shop")
    assert service.bundle_of(shop, None, models=models) == PAST  # no store here: the exported one
    assert service.bundle_of(shop, str(models / "shop"), models=models) == PAST
    registry.bundles, registry.champion = [MODEL, PAST], 1
    assert service.bundle_of(shop, "challenger", models=models) == PAST
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_bytes(b"there")
    assert service.bundle_of(shop, None, models=models) == MODEL
    with pytest.raises(ModelError, match="Expected a model bundle"):
        service.bundle_of(shop, "models/none", models=models)
