"""Fetch a registered model by name, put one in service, take it back. Only the bundle is read; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from smartaccounts.bundle import Bundle, load
from smartaccounts.errors import ModelError
from smartaccounts.tracking.content import BUNDLE
from smartaccounts.tracking.log import CHALLENGER
from smartaccounts.tracking.store import Store, model_name, reached

CHAMPION = "champion"
BEFORE = "champions_before"
"""Tag of a registered model: the versions that were in service before the champion, oldest first."""


PROMOTED = "promoted"
"""Tag of a registered version: what was noted when it was put in service."""


@dataclass(frozen=True)
class Registered:
    """A registered version of a pipeline's model and the aliases it bears."""

    version: int
    run_id: str
    aliases: tuple[str, ...]


def has_champion(store: Store, pipeline: str) -> bool:
    """Say whether a model is in service; a store that is not there is not created for the question."""
    return any(CHAMPION in r.aliases for r in registered(store, pipeline))


def registered(store: Store, pipeline: str) -> list[Registered]:
    """Return the registered versions of a pipeline, oldest first; none where there is no store yet."""
    if not store.exists:
        return []
    with reached(store) as (_, client):
        return _versions(client, pipeline)


def fetch(store: Store, pipeline: str, ref: str) -> Bundle:
    """Read the bundle of `ref`: champion, challenger, a version number or a run id.

    ModelError where there is none (the known versions are named), it is damaged, or it belongs to another pipeline.
    """
    chosen = _find(registered(store, pipeline), pipeline, ref, store)
    with TemporaryDirectory() as temporary:
        with reached(store) as (_, client):
            folder = client.download_artifacts(chosen.run_id, BUNDLE, temporary)
        bundle = load(Path(folder))
    if bundle.card.pipeline != pipeline:
        raise ModelError(
            f"Expected a model of the pipeline {pipeline!r}, got one of {bundle.card.pipeline!r} in version "
            f"{chosen.version} of {model_name(pipeline)}."
        )
    return bundle


def promote(store: Store, pipeline: str, ref: str = CHALLENGER, *, note: str = "") -> int:
    """Put the model of `ref` in service and return its version; the one before is remembered for `rollback`.

    `note` stays with the version, as for a promotion against the evidence. ModelError as `fetch`.
    """
    known = registered(store, pipeline)
    chosen = _find(known, pipeline, ref, store)
    current = _champion(known)
    with reached(store) as (_, client):
        if current is not None and current.version != chosen.version:
            _remember(client, pipeline, [*_before(client, pipeline), current.version])
        if note:
            client.set_model_version_tag(model_name(pipeline), str(chosen.version), PROMOTED, note)
        client.set_registered_model_alias(model_name(pipeline), CHAMPION, str(chosen.version))
    return chosen.version


def previous(store: Store, pipeline: str) -> tuple[int, ...]:
    """Return the versions that were in service before the champion and are still there, oldest first.

    ModelError where there is none.
    """
    known = registered(store, pipeline)
    current = _find(known, pipeline, CHAMPION, store)
    there = {r.version for r in known} - {current.version}
    with reached(store) as (_, client):
        before = tuple(v for v in _before(client, pipeline) if v in there)
    if not before:
        raise ModelError(
            f"Expected a model of {pipeline!r} in service before version {current.version}, got none in {store.shown}.",
            hint="Put another one in service: smartaccounts promote PIPELINE --model VERSION.",
        )
    return before


def rollback(store: Store, pipeline: str) -> int:
    """Put the model that was in service before the champion back and return its version; ModelError as `previous`.

    Called again, it goes one further back.
    """
    *older, last = previous(store, pipeline)
    with reached(store) as (_, client):
        client.set_registered_model_alias(model_name(pipeline), CHAMPION, str(last))
        _remember(client, pipeline, older)
    return last


def _versions(client: Any, pipeline: str) -> list[Registered]:
    name = model_name(pipeline)
    models = client.search_registered_models(f"name = '{name}'")
    if not models:
        return []
    aliases = models[0].aliases
    found, token = [], None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found += page
        token = page.token
        if not token:
            break
    borne = {int(v.version): tuple(sorted(a for a, at in aliases.items() if int(at) == int(v.version))) for v in found}
    return sorted((Registered(int(v.version), v.run_id, borne[int(v.version)]) for v in found), key=lambda r: r.version)


def _find(known: Sequence[Registered], pipeline: str, ref: str, store: Store) -> Registered:
    for candidate in reversed(known):
        if ref in candidate.aliases or ref in (str(candidate.version), candidate.run_id):
            return candidate
    train = "smartaccounts train PIPELINE --as-of D"
    if not known:
        raise ModelError(
            f"Expected a trained model of {pipeline!r} as {ref!r}, got none in {store.shown}.", hint=f"Run {train}."
        )
    versions = "; ".join(
        " ".join([str(r.version), *([f"({', '.join(r.aliases)})"] if r.aliases else [])]) for r in known[-20:]
    )
    if ref in (CHAMPION, CHALLENGER):
        hint = f"Run smartaccounts promote PIPELINE --model VERSION, or {train}."
    elif re.fullmatch(r"[0-9a-f]{32}", ref):
        hint = "Only finished trainings have a model; see smartaccounts compare."
    else:
        hint = "Name champion, challenger, a version number, a run id or the folder of a bundle."
    raise ModelError(
        f"Expected a model of {pipeline!r}, got {ref!r} in {store.shown}. Versions known: {versions}.", hint=hint
    )


def _champion(known: Sequence[Registered]) -> Registered | None:
    return next((r for r in known if CHAMPION in r.aliases), None)


def _before(client: Any, pipeline: str) -> list[int]:
    tags = client.get_registered_model(model_name(pipeline)).tags
    return [int(v) for v in tags.get(BEFORE, "").split(",") if v.isdigit()]


def _remember(client: Any, pipeline: str, versions: Sequence[int]) -> None:
    client.set_registered_model_tag(model_name(pipeline), BEFORE, ",".join(map(str, versions)) or "none")
