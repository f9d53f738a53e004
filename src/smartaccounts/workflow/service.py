"""What is in service: register a training, promote, roll back, and find the model that predict shall use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from smartaccounts.bundle import Bundle, load, save
from smartaccounts.config import Model, Pipeline
from smartaccounts.errors import ModelError
from smartaccounts.evaluation.draws import draws_file
from smartaccounts.features.extra import Extra, declared
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.registry import CHAMPION, fetch, has_champion, previous, promote, rollback
from smartaccounts.tracking.store import store_at
from smartaccounts.workflow.compare import behind_champion
from smartaccounts.workflow.train import Trained

WHY_NOT: dict[bool | None, str] = {
    False: "it is not better than what serves",
    None: "there is not enough to judge it by",
}


PROVEN = "The model in service was proven to be better than every plain ranking."


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
    """Log and register a training as challenger; put in service what the evidence says.

    Where nothing is in service so far, and with `promote_it`: the model where the gate found it better; else the plain
    ranking, where that is better than the model in service too, or a plain ranking serves already.
    """
    store = store_at()
    champion = bundle_in_service(pipeline)
    plain = (champion is None or promote_it) and _plain_serves(trained, champion)
    plain_version = log_training(store, _of_plain(trained)).version if plain or trained.model is None else 0
    version = plain_version if trained.model is None else log_training(store, trained.content).version
    newest = trained.model or trained.plain
    behind = behind_champion(pipeline, newest.version) if promote_it and _unjudged(trained, champion) else ""
    if plain:
        why = "no model could be trained" if trained.model is None else "the model is not proven to be better"
        chosen, number = trained.plain, plain_version
    elif trained.model is not None and trained.verdict.better and not behind and (champion is None or promote_it):
        chosen, number, why = trained.model, version, "better than the best plain ranking"
    else:
        no = behind.rstrip(".") or "promote puts it in service"
        if promote_it and not behind:
            no = "no model could be trained" if trained.model is None else WHY_NOT[trained.verdict.better]
        said = f"Version {version} ({newest.version}) is challenger: {no}."
        return Served(newest, version, done=False, sentence=said)
    save(chosen, models / pipeline.name)  # first: an export that fails leaves the champion as it was
    promote(store, pipeline.name, str(number))
    said = f"Version {number} ({chosen.version}) is in service: {why}. Exported to {models / pipeline.name}."
    return Served(chosen, number, done=True, sentence=said)


def bundle_in_service(pipeline: Pipeline) -> Bundle | None:
    """Return the champion of the store; None where there is none yet, or one that this version cannot read.

    Such a one cannot serve either: a training puts in service what the evidence says, as the first one does.
    """
    store = store_at()
    if not has_champion(store, pipeline.name):
        return None
    try:
        return fetch(store, pipeline.name, CHAMPION)
    except ModelError:
        return None


def recipe_in_service(pipeline: Pipeline) -> Model | None:
    """Return the settings of the model in service where they are others than the pipeline's, for the gate to compare.

    None where nothing, a plain ranking or the same recipe serves (where it was tuned does not make it another one), and
    where it learns from other rows or other features of the pipeline file, which the challenger's panel does not hold:
    `put_in_service` compares the two on the dates that judged both.
    """
    champion = bundle_in_service(pipeline)
    if champion is None or champion.card.recipe is None:
        return None
    try:
        served = Model.model_validate(champion.card.recipe)
    except ValidationError:  # of a version with other knobs: it serves, but it cannot be judged beside
        return None
    same = served.model_copy(update={"tuned_before": pipeline.model.tuned_before}) == pipeline.model
    other_rows = any(getattr(served, rows) != getattr(pipeline.model, rows) for rows in ("borrow", "training_dates"))
    other_features = _computed(champion.card.extra) != _computed(declared(pipeline))
    return None if same or other_rows or other_features else served


def _plain_serves(trained: Trained, champion: Bundle | None) -> bool:
    verdict = trained.verdict
    if trained.model is not None and verdict.better:
        return False
    if champion is None or champion.card.ranker in PLAIN:
        return True
    return verdict.better is False and not verdict.champion_better


def _unjudged(trained: Trained, champion: Bundle | None) -> bool:
    """Say whether a better challenger is of another recipe than the model in service, and was not judged beside it."""
    if champion is None or champion.card.recipe is None or trained.model is None or not trained.verdict.better:
        return False
    ours, theirs = (_computed(b.card.extra) for b in (trained.model, champion))
    same = champion.card.recipe == trained.model.card.recipe and ours == theirs
    return not same and trained.verdict.against_champion is None


def _computed(extra: Sequence[Extra]) -> frozenset[tuple[object, ...]]:
    """Return features of the pipeline file without their words."""
    return frozenset(e.computed for e in extra)


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
    """Put a registered model in service that the gate found better than every plain ranking, or a plain ranking.

    Not one that ranked worse than the model in service on the dates that judged both, nor a plain ranking in place of a
    model that was proven better. `force` overrides it, and is recorded.
    """
    store = store_at()
    bundle = fetch(store, pipeline.name, ref)
    card = bundle.card
    if card.ranker in PLAIN:
        champion = bundle_in_service(pipeline)
        no = PROVEN if champion is not None and champion.card.better else ""
    else:
        no = behind_champion(pipeline, bundle.version) if card.better else card.verdict
    if no and not force:
        return Served(bundle, 0, done=False, sentence=f"{bundle.version} was not put in service. {no}")
    forced = force and bool(no)
    save(bundle, models / pipeline.name)
    number = promote(store, pipeline.name, ref, note="forced" if forced else "")
    said = f"Version {number} ({bundle.version}) is in service{' by force' if forced else ''}. {card.verdict}"
    return Served(bundle, number, done=True, sentence=said)


def roll_back(pipeline: Pipeline, *, models: Path) -> Served:
    """Put the model back that was in service before the champion."""
    store = store_at()
    bundle = fetch(store, pipeline.name, str(previous(store, pipeline.name)[-1]))
    save(bundle, models / pipeline.name)  # first: a model that cannot be read leaves the champion as it is
    number = rollback(store, pipeline.name)
    return Served(bundle, number, done=True, sentence=f"Version {number} ({bundle.version}) is in service again.")
