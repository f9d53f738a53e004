"""What a ledger holds, as one small JSON file: of which files, read under which settings, and what was counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from smartaccounts.engine.written import written_beside
from smartaccounts.errors import InputError

FORMAT = 2
"""To be raised where files are opened, or lines counted, in another way; other SQL is noticed by the recipe."""
MANIFEST, PARTS, BESIDE = "manifest.json", "parts", "numbers"
"""In BESIDE lies what others make of the parts."""


@dataclass(frozen=True)
class Part:
    """A Parquet file of lines in the folder `PARTS`; last_known and hashed as in `contract.StoredFile`."""

    name: str
    rows: int
    bytes: int
    last_known: int
    hashed: int


@dataclass(frozen=True)
class Segment:
    """What one reading of a file, or of what a file grew by, gave.

    `today`: the day on which it was read. `lines`: the lines accepted; `later`: those whose day had not come by then,
    to be judged when the ledger is read. `tally`: what was counted of all others, see `intake.Tally`.
    """

    today: str
    lines: Part | None
    later: Part | None
    tally: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Entry:
    """A file of the source; `path` counts from the folder of the pipeline file.

    `read_ns`: when its content was last compared, nanoseconds since 1970. `digest`: of its content. `header`: bytes of
    the header of a csv to which lines can be appended, else 0. `guessed`, `mixed`: as in `source.File`. `replaced`: it
    was read before, with other lines.
    """

    path: str
    size: int
    mtime_ns: int
    read_ns: int
    digest: str
    header: int
    columns: dict[str, str]
    untyped: bool
    guessed: str
    mixed: int
    segments: tuple[Segment, ...]
    replaced: bool = False

    @property
    def parts(self) -> Iterator[Part]:
        """Yield its Parquet files."""
        for segment in self.segments:
            yield from (p for p in (segment.lines, segment.later) if p is not None)


@dataclass(frozen=True)
class Manifest:
    """The content of a ledger.

    `settings`: of the pipeline, those that change how a file is read; `recipe`: a digest of the SQL that read it, so
    that a program that reads otherwise does not go on with it. `files` in the order of reading from scratch.
    `superseded`: parts that the last update left to those who were reading them.
    """

    settings: dict[str, Any]
    recipe: str
    files: tuple[Entry, ...]
    superseded: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the Parquet files of all files of the source."""
        return tuple(p for entry in self.files for p in entry.parts)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Return the segments of all files."""
        return tuple(s for entry in self.files for s in entry.segments)

    @property
    def last_update(self) -> date | None:
        """Return the latest day on which lines were read."""
        return max((date.fromisoformat(s.today) for s in self.segments), default=None)


def load(folder: Path) -> Manifest | None:
    """Return the manifest of a ledger, None where there is none; InputError where it cannot be read."""
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(f"one that cannot be read ({error})", file) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        got = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise _unreadable(f"format {got!r}", file)
    try:
        return Manifest(
            settings=content["settings"],
            recipe=content["recipe"],
            files=tuple(_entry(e) for e in content["files"]),
            superseded=tuple(content["superseded"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(f"one without its parts ({error!r})", file) from None


def save(manifest: Manifest, folder: Path) -> None:
    """Write the manifest beside and rename it: from then on the ledger is what it says."""
    with written_beside(folder / MANIFEST) as beside:
        beside.write_text(json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1) + "\n", encoding="utf-8")


def _entry(content: Mapping[str, Any]) -> Entry:
    return Entry(**{**content, "segments": tuple(_segment(s) for s in content["segments"])})


def _segment(content: Mapping[str, Any]) -> Segment:
    lines, later = (None if content[k] is None else Part(**content[k]) for k in ("lines", "later"))
    return Segment(content["today"], lines, later, tuple(tuple(row) for row in content["tally"]))


def _unreadable(got: str, file: Path) -> InputError:
    return InputError(
        f"Expected a ledger of format {FORMAT}, got {got} in {file}.",
        hint="Make it anew: smartaccounts ledger update PIPELINE --rebuild.",
    )


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Sequence[str]:
    """Return the keys under which two settings differ, as in a pipeline file."""
    found = []
    for key in sorted({*one, *other}):
        a, b = one.get(key), other.get(key)
        if a == b:
            continue
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += [f"{key}.{k}" for k in differing(a, b)]
        else:
            found.append(key)
    return found
