"""What is in service: register a training, promote, roll back, and find the model that predict shall use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smartaccounts.bundle import Bundle, load, save
from smartaccounts.config import Pipeline
from smartaccounts.evaluation.draws import draws_file
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.registry import CHAMPION, fetch, has_champion, promote, rollback
from smartaccounts.tracking.store import store_at
from smartaccounts.workflow.train import Trained

WHY_NOT = {
    True: "no model came of the training",
    False: "a plain ranking is better",
    None: "there is nothing to judge it by",
}


@dataclass(frozen=True)
class Served:
    """What was done: the bundle in question, its registered version, whether it is in service now, and why."""

    bundle: Bundle
    version: int
    done: bool
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Return it as a mapping, without the model."""
        return {
            "model_version": self.bundle.version,
            "ranker": self.bundle.card.ranker,
            "version": self.version,
            "in_service": self.done,
            "sentence": self.sentence,
        }


def put_in_service(trained: Trained, pipeline: Pipeline, *, models: Path, promote_it: bool = False) -> Served:
    """Log and register a training as challenger. In service goes what the evidence says: where nothing is so far,
    the model or the plain ranking; with `promote_it`, the model where it is not worse than the plain rankings.
    """
    store = store_at()
    first = not has_champion(store, pipeline.name)
    plain_version = None
    if trained.model is None or (first and not trained.verdict.better):
        plain_version = log_training(store, _of_plain(trained)).version
    version = plain_version or 0
    if trained.model is not None:
        version = log_training(store, trained.content).version
    if first:
        chosen = trained.serves
        number = version if chosen is trained.model else (plain_version or version)
        why = "the first training of the pipeline"
    elif promote_it and trained.model is not None and trained.verdict.better:
        chosen, number, why = trained.model, version, "not worse than the best plain ranking"
    else:
        newest = trained.model or trained.plain
        no = WHY_NOT[trained.verdict.better] if promote_it else "promote puts it in service"
        return Served(
            newest, version, done=False, sentence=f"Version {version} ({newest.version}) is challenger: {no}."
        )
    save(chosen, models / pipeline.name)  # first: an export that fails leaves the champion as it was
    promote(store, pipeline.name, str(number))
    said = f"Version {number} ({chosen.version}) is in service: {why}. Exported to {models / pipeline.name}."
    return Served(chosen, number, done=True, sentence=said)


def _of_plain(trained: Trained) -> Any:
    tags = {**trained.content.tags, "ranker": trained.plain.card.ranker}
    card = trained.plain.card
    drawn = draws_file(trained.result, card.ranker, order_lines=card.data_digest)
    return replace(
        trained.content, bundle=trained.plain, metrics=trained.plain_metrics, per_date=(), tags=tags,
        artifacts={**trained.content.artifacts, **drawn},
    )  # fmt: skip


def bundle_of(pipeline: Pipeline, ref: str | None, *, models: Path) -> Bundle:
    """Return the model of `ref`: a bundle folder, champion, challenger, a version number or a run id.

    Without `ref` the champion of the store, or the exported one in models/NAME where there is no store here.
    ModelError, with the command that trains one, where there is none.
    """
    if ref is not None and (Path(ref).is_dir() or "/" in ref):
        return load(Path(ref))
    store, exported = store_at(), models / pipeline.name
    if ref is None and not store.exists and exported.is_dir():
        return load(exported)
    return fetch(store, pipeline.name, ref or CHAMPION)


def promote_ref(pipeline: Pipeline, ref: str, *, models: Path, force: bool = False) -> Served:
    """Put a registered model in service unless a plain ranking is better; `force` overrides that and is recorded."""
    store = store_at()
    bundle = fetch(store, pipeline.name, ref)
    card = bundle.card
    if card.ranker not in PLAIN and not card.better and not force:
        said = f"{bundle.version} was not put in service. {card.verdict}"
        return Served(bundle, 0, done=False, sentence=said)
    forced = force and card.ranker not in PLAIN and not card.better
    save(bundle, models / pipeline.name)
    number = promote(store, pipeline.name, ref, note="forced" if forced else "")
    said = f"Version {number} ({bundle.version}) is in service{' by force' if forced else ''}. {card.verdict}"
    return Served(bundle, number, done=True, sentence=said)


def roll_back(pipeline: Pipeline, *, models: Path) -> Served:
    """Put the model back that was in service before the champion."""
    store = store_at()
    number = rollback(store, pipeline.name)
    bundle = fetch(store, pipeline.name, CHAMPION)
    save(bundle, models / pipeline.name)
    return Served(bundle, number, done=True, sentence=f"Version {number} ({bundle.version}) is in service again.")
