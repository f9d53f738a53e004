"""Which files of a source a ledger does not hold as they are now: new, changed and gone ones."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders.ledger.manifest import Entry, Manifest
from smartaccounts.orders.source import paths

_AT_ONCE = 1 << 20
_TICK_NS = 2_000_000_000
"""A file that was written so shortly before it was compared may have been written again within the clock's tick."""


@dataclass(frozen=True)
class Looked:
    """A file as it lies there: `path` counts from the folder of the pipeline file, `at_ns` is when it was looked at."""

    file: Path
    path: str
    size: int
    mtime_ns: int
    at_ns: int


@dataclass(frozen=True)
class Changes:
    """What differs between a ledger and the files of its source.

    `touched`: written again with the same content, or so lately that only the content could tell.
    """

    new: tuple[Looked, ...]
    changed: tuple[Looked, ...]
    touched: tuple[Looked, ...]
    gone: tuple[str, ...]

    @property
    def current(self) -> bool:
        """Say whether the ledger holds every file as it is."""
        return not (self.new or self.changed or self.gone)


def changes(pipeline: Pipeline, manifest: Manifest, *, thorough: bool = False) -> Changes:
    """Compare the files of a source with a ledger: by size and time, by content where these leave doubt.

    thorough: by content, all of them. InputError where the source has no file at all, PipelineError where the ledger
    lies among its files.
    """
    held = {e.path: e for e in manifest.files}
    new: list[Looked] = []
    changed: list[Looked] = []
    touched: list[Looked] = []
    there = [looked(pipeline, file) for file in _apart(paths(pipeline), pipeline)]
    for one in there:
        entry = held.get(one.path)
        if entry is None:
            new.append(one)
        elif one.size != entry.size:
            changed.append(one)
        elif thorough or one.mtime_ns != entry.mtime_ns or one.mtime_ns > entry.read_ns - _TICK_NS:
            (touched if digest(one.file) == entry.digest else changed).append(one)
    gone = sorted(set(held) - {one.path for one in there})
    return Changes(tuple(new), tuple(changed), tuple(touched), tuple(gone))


def _apart(found: list[Path], pipeline: Pipeline) -> list[Path]:
    folder = Path(os.path.normpath(pipeline.resolve(pipeline.ledger or "")))
    if pipeline.ledger and (inside := [f for f in found if f.is_relative_to(folder)]):
        raise PipelineError(
            f"Expected a ledger apart from the source's files, got {inside[0]} in source.path.",
            hint="Name a folder as `ledger` that source.path does not match.",
        )
    return found


def looked(pipeline: Pipeline, file: Path) -> Looked:
    """Look at a file."""
    at, stat = time.time_ns(), file.stat()
    base = pipeline.resolve(".")
    return Looked(file, Path(os.path.relpath(file, base)).as_posix(), stat.st_size, stat.st_mtime_ns, at)


def check_unchanged(before: Looked) -> None:
    """InputError where a file was written since it was looked at."""
    stat = before.file.stat()
    if (stat.st_size, stat.st_mtime_ns) != (before.size, before.mtime_ns):
        raise InputError(
            f"Expected a file that nobody writes, got one that changed while it was read in {before.file}.",
            hint="Run the update again when it is whole.",
        )


def digest(file: Path) -> str:
    """Return the digest of the content of a file."""
    return _digests(file, 0)[1]


def grown_to(entry: Entry, now: Looked) -> str | None:
    """Return the digest of a csv that is what it was, with whole lines behind it; None of any other file."""
    if not entry.header or now.size <= entry.size:
        return None
    first, whole = _digests(now.file, entry.size)
    with now.file.open("rb") as content:
        content.seek(entry.size - 1)
        last, following = content.read(1), content.read(1)
    at_a_line = b"\n" in (last, following)  # another end of line than the file's own would show to the whole alone
    return whole if first == entry.digest and at_a_line else None


def _digests(file: Path, end: int) -> tuple[str, str]:
    """Return the digests of the first `end` bytes of a file and of the whole."""
    sofar, left = hashlib.blake2b(digest_size=20), end
    with file.open("rb") as content:
        while left and (chunk := content.read(min(_AT_ONCE, left))):
            sofar.update(chunk)
            left -= len(chunk)
        first = sofar.hexdigest()
        while chunk := content.read(_AT_ONCE):
            sofar.update(chunk)
    return first, sofar.hexdigest()
