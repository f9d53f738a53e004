"""Open a ledger for what a pipeline asks of it, or say why it cannot be used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError, culprits
from smartaccounts.orders.ledger.files import Changes
from smartaccounts.orders.ledger.manifest import PARTS, Entry, Manifest, differing, load
from smartaccounts.orders.source import File
from smartaccounts.orders.staging import Also, staged

UPDATE = "smartaccounts ledger update PIPELINE"


def drops(pipeline: Pipeline) -> bool:
    """Say whether duplicates are dropped: they are found among all files, when the ledger is read."""
    return pipeline.source.duplicates == "drop"


def folder_of(pipeline: Pipeline) -> Path:
    """Return the ledger's folder; PipelineError where the pipeline names none."""
    if pipeline.ledger is None:
        raise PipelineError(
            "Expected the key 'ledger', got none in the pipeline file.",
            hint=f"Name a folder for it, for example ledger: ../data/ledger/{pipeline.name}.",
        )
    return pipeline.resolve(pipeline.ledger)


def settings_of(pipeline: Pipeline) -> dict[str, Any]:
    """Return what of a pipeline changes how a file is read; which files there are is told by the files."""
    return {
        "source": pipeline.source.model_dump(mode="json", exclude={"path", "table"}),
        "columns": pipeline.columns.mapped(),
        "keep": pipeline.keep,
    }


def recipe_of(pipeline: Pipeline, engine: Engine, files: Sequence[Entry]) -> str:
    """Return a digest of the SQL that reads files with such columns, and of the version of what runs it.

    PipelineError where a condition is wrong.
    """
    kinds = dict.fromkeys((tuple(e.columns.items()), e.untyped) for e in files)
    said = {
        staged(
            pipeline,
            engine,
            File("a file of the ledger", "source_lines", dict(columns), untyped=untyped),
            today=date.max,
            also=Also(row=drops(pipeline), later=True),
        )
        for columns, untyped in kinds
    }
    version = engine.rows("SELECT version()")[0][0]
    return hashlib.blake2b("\n".join([version, *sorted(said)]).encode(), digest_size=20).hexdigest()


def checked(pipeline: Pipeline, engine: Engine, folder: Path) -> Manifest | None:
    """Return the manifest of a ledger, None where there is none.

    InputError where it was made in another way, or a part of it is missing.
    """
    manifest = load(folder)
    if manifest is None:
        return None
    rebuild = f"{UPDATE} --rebuild reads every file anew."
    if other := differing(manifest.settings, settings_of(pipeline)):
        raise InputError(
            f"Expected a ledger made with the settings of this pipeline, got one made with another "
            f"{culprits(other)} in {folder}.",
            hint=rebuild,
        )
    if manifest.recipe != recipe_of(pipeline, engine, manifest.files):
        raise InputError(
            f"Expected a ledger made by this version of the program and of DuckDB, got one of another in {folder}.",
            hint=rebuild,
        )
    parts = [(folder / PARTS / p.name, p.bytes) for p in manifest.parts]
    if damaged := [path.name for path, size in parts if not path.is_file() or path.stat().st_size != size]:
        raise InputError(
            f"Expected the {len(parts):,} files of a ledger as they were written, got {len(damaged):,} missing "
            f"or of another size ({culprits(damaged)}) in {folder / PARTS}.",
            hint=rebuild,
        )
    return manifest


def opened(pipeline: Pipeline, engine: Engine, folder: Path, *, today: date) -> Manifest:
    """Return the manifest of a ledger that can be read; InputError where there is none, or it is of another making."""
    manifest = checked(pipeline, engine, folder)
    if manifest is None:
        raise InputError(f"Expected a ledger, got none in {folder}.", hint=f"Make it: {UPDATE}.")
    if manifest.last_update and today < manifest.last_update:
        raise InputError(
            f"Expected a day from {manifest.last_update} on, when the ledger was updated, got {today} in {folder}."
        )
    return manifest


def missing(gone: Sequence[str], folder: Path) -> InputError:
    """Return the error of files that the ledger holds and the source has no more."""
    return InputError(
        f"Expected the files that the ledger was made of, got {len(gone):,} that are gone ({culprits(gone)}) "
        f"in {folder}.",
        hint=f"Bring them back, or let their lines go: {UPDATE} --gone.",
    )


def check_current(found: Changes, folder: Path) -> None:
    """InputError where the source has files that the ledger does not hold as they are."""
    if found.gone:
        raise missing(found.gone, folder)
    if not found.current:
        names = [one.path for one in (*found.new, *found.changed)]
        raise InputError(
            f"Expected a ledger that holds the source as it is, got {len(found.new):,} new and {len(found.changed):,} "
            f"changed files that are not in it yet ({culprits(names)}) in {folder}.",
            hint=f"Run {UPDATE}; or read the source itself with --set ledger=null.",
        )
