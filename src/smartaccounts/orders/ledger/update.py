"""Bring a ledger up to the files of its source: new lines are read, those of changed files replaced, nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError, culprits
from smartaccounts.orders.ledger import ingest
from smartaccounts.orders.ledger.access import checked, folder_of, missing, recipe_of, settings_of
from smartaccounts.orders.ledger.files import Looked, changes
from smartaccounts.orders.ledger.lines import Held, held_lines
from smartaccounts.orders.ledger.manifest import BESIDE, MANIFEST, PARTS, Entry, Manifest, load, save

_OWN = re.compile(rf"{MANIFEST}|[.].*|{PARTS}|{BESIDE}|{PARTS}/[0-9a-f]{{24}}[.]parquet([.]partial)?")
"""What a ledger's folder holds; the lock and a manifest half written begin with a full stop."""


@dataclass(frozen=True)
class Asked:
    """What an update may do beside reading new and changed files.

    rebuild: read all; let_go: lines of files that are gone go too; thorough: compare every file by its content.
    """

    rebuild: bool = False
    let_go: bool = False
    thorough: bool = False


NO_MORE = Asked()


@dataclass(frozen=True)
class Updated:
    """What an update did, in paths: files read whole, files of which the appended lines were read, files that went.

    held: of the whole ledger.
    """

    manifest: Manifest
    held: Held
    read: tuple[str, ...]
    appended: tuple[str, ...]
    gone: tuple[str, ...]


def update(
    pipeline: Pipeline,
    engine: Engine,
    *,
    today: date,
    asked: Asked = NO_MORE,
    step: Callable[[str], None] = lambda _: None,
) -> Updated:
    """Read what is new in the source into the ledger. Nobody else may update it meanwhile.

    InputError where a file cannot be read or is gone (unless asked.let_go), or the ledger was made in another way, and
    as in `read`; then, and after an interruption, the ledger is what it was.
    """
    folder = folder_of(pipeline)
    _check_own(folder)
    before = _as_it_is(folder) if asked.rebuild else checked(pipeline, engine, folder)
    known = before if before and not asked.rebuild else Manifest(settings_of(pipeline), "", ())
    found = changes(pipeline, known, thorough=asked.thorough)
    there = {one.path for one in found.new}
    gone = tuple(sorted({e.path for e in before.files} - there)) if asked.rebuild and before else found.gone
    if gone and not asked.let_go:
        raise missing(gone, folder)
    old = {e.path: e for e in known.files}
    entries: dict[str, Entry] = {p: e for p, e in old.items() if p not in gone}
    for one in found.touched:
        entries[one.path] = replace(old[one.path], mtime_ns=one.mtime_ns, read_ns=one.at_ns)
    whole: list[str] = []
    appended: list[str] = []
    with _new_parts(folder):
        for number, one in enumerate((*found.new, *found.changed), start=1):
            entry, grew = _read(pipeline, engine, one, old, folder, today=today)
            entries[one.path] = entry
            (appended if grew else whole).append(one.path)
            step(f"{number:,} of {len(found.new) + len(found.changed):,} files read")
        files = tuple(entries[p] for p in sorted(entries, key=lambda p: os.path.normpath(pipeline.resolve(p))))
        kept = {p.name for e in files for p in e.parts}
        superseded = tuple(p.name for p in (before.parts if before else ()) if p.name not in kept)
        manifest = Manifest(settings_of(pipeline), recipe_of(pipeline, engine, files), files, superseded)
        held = held_lines(pipeline, engine, manifest, folder, today=today, days_only=True)
        save(manifest, folder)
    (folder / ".gitignore").write_text("*\n")  # customers' lines are not for a repository, wherever the folder is
    _sweep(folder, manifest)
    return Updated(manifest, held, tuple(whole), tuple(appended), gone)


def _as_it_is(folder: Path) -> Manifest | None:
    """Return the manifest of a ledger of whatever making; None where there is none that can be read."""
    try:
        return load(folder)
    except InputError:
        return None


def _check_own(folder: Path) -> None:
    """PipelineError where the folder holds other things than a ledger."""
    found = [f for f in (folder, folder / PARTS) if f.is_dir() for f in f.iterdir()]
    others = sorted(str(f.relative_to(folder)) for f in found if not _OWN.fullmatch(str(f.relative_to(folder))))
    if others:
        raise PipelineError(
            f"Expected an empty folder or a ledger, got other files ({culprits(others)}) in {folder}.",
            hint="Name a folder of its own as `ledger`.",
        )


@contextmanager
def _new_parts(folder: Path) -> Iterator[None]:
    """Make the folder of the parts; on any error, what the block wrote there is gone."""
    parts = folder / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    before = set(parts.iterdir())
    try:
        yield
    except BaseException:
        now = _as_it_is(folder)  # a Ctrl-C may come when the new manifest is just in place
        needed = {parts / p.name for p in now.parts} if now else set()
        for file in set(parts.iterdir()) - before - needed:
            file.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: it is a ledger
            parts.rmdir()
        raise


def _read(
    pipeline: Pipeline, engine: Engine, one: Looked, old: Mapping[str, Entry], folder: Path, *, today: date
) -> tuple[Entry, bool]:
    if one.path in old and (entry := ingest.grown(pipeline, engine, one, old[one.path], folder, today=today)):
        return entry, True
    return replace(ingest.whole(pipeline, engine, one, folder, today=today), replaced=one.path in old), False


def _sweep(folder: Path, manifest: Manifest) -> None:
    """Delete what the manifest does not name; what this update superseded stays for those who are reading it."""
    needed = {p.name for p in manifest.parts} | set(manifest.superseded)
    for file in (folder / PARTS).iterdir():
        if file.name not in needed:
            file.unlink(missing_ok=True)
