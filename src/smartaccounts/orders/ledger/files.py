"""Which files of a source a ledger does not hold as they are now: new, changed and gone ones."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from smartaccounts.config import Pipeline
from smartaccounts.errors import InputError
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

    thorough: by content, all of them. InputError where the source has no file at all.
    """
    held = {e.path: e for e in manifest.files}
    new: list[Looked] = []
    changed: list[Looked] = []
    touched: list[Looked] = []
    there = [looked(pipeline, file) for file in paths(pipeline)]
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
    return digests(file, None)[1]


def digests(file: Path, end: int | None) -> tuple[str, str]:
    """Return the digests of the first `end` bytes of a file (None: of none) and of the whole."""
    whole, left, first = hashlib.blake2b(digest_size=20), end, ""
    with file.open("rb") as content:
        while left:
            chunk = content.read(min(_AT_ONCE, left))
            if not chunk:
                break
            whole.update(chunk)
            left -= len(chunk)
        first = whole.hexdigest()
        while chunk := content.read(_AT_ONCE):
            whole.update(chunk)
    return first, whole.hexdigest()


def appended(entry: Entry, now: Looked) -> bool:
    """Say whether a csv is what it was, with whole lines behind it."""
    if not entry.header or now.size <= entry.size or digests(now.file, entry.size)[0] != entry.digest:
        return False
    with now.file.open("rb") as content:
        content.seek(entry.size - 1)
        last, following = content.read(1), content.read(1)
    return last == b"\n" or following in (b"\r", b"\n")
