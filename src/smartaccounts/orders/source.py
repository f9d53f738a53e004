"""Files of order lines as relations the engine can read: which files, which columns, which encoding and delimiter."""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine, reading, text
from smartaccounts.engine.scratch import Scratch
from smartaccounts.errors import InputError, PipelineError

_CHUNK = 1 << 20
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_WILD = frozenset("*?[")
MIXED = "utf-8, else windows-1252"
_UNDEFINED = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
"""Bytes that windows-1252 does not define."""


@dataclass(frozen=True)
class File:
    """One file of a source: `relation` is SQL to read FROM, `columns` are name -> SQL type (csv: all text).

    guessed: the encoding that was found, '' where none had to be; mixed: how many of its lines are no utf-8.
    """

    path: Path | str
    relation: str
    columns: dict[str, str]
    untyped: bool
    guessed: str = ""
    mixed: int = 0

    @property
    def note(self) -> str:
        """Return what is to be said of the encoding; '' where it is as expected."""
        return noted(Path(self.path).name, self.guessed, self.mixed)


def noted(name: str, guessed: str, mixed: int) -> str:
    """Return what is to be said of the encoding that was found for a file of this name; '' for utf-8."""
    if guessed == MIXED:
        return f"{name}: {mixed:,} lines are not utf-8, read as windows-1252 (source.encoding says otherwise)."
    if guessed in ("", "utf-8"):
        return ""
    return f"{name} is not utf-8 and was read as {guessed} (source.encoding says otherwise)."


@contextmanager
def opened(
    pipeline: Pipeline, engine: Engine, *, files: Mapping[Path, Path] | None = None
) -> Iterator[tuple[File, ...]]:
    """Yield the files of the pipeline's source, in the order of their names; csv in other encodings is decoded first.

    files: in place of the whole source, some of its files and where the content of each is (itself, or a copy of a part
    with its header). The relations can be read only inside the block. InputError where a file is missing, empty, a
    folder, damaged, of another format, or where its delimiter or encoding cannot be told.
    """
    _refuse_spark(pipeline)
    with Scratch() as folder:
        found = []
        for number, (path, content) in enumerate((files or {p: p for p in paths(pipeline)}).items()):
            if _is_parquet(path):
                found.append(_parquet(path, engine))
            else:
                found.append(_csv(path, pipeline, content=content, decoded=folder / f"{number}.csv"))
        yield tuple(found)


def parquet(pipeline: Pipeline, engine: Engine) -> tuple[File, ...]:
    """Return the files of the source where all are Parquet, which can be read in place; else none.

    Errors as in `opened`.
    """
    _refuse_spark(pipeline)
    found = paths(pipeline)
    return tuple(_parquet(path, engine) for path in found) if all(map(_is_parquet, found)) else ()


def _refuse_spark(pipeline: Pipeline) -> None:
    if pipeline.engine == "spark":
        raise PipelineError(
            f"Expected engine: embedded, got engine: spark in {pipeline.name!r} for what does not run on Spark: a "
            "pipeline whose past is borrowed.",
            hint="Say engine: embedded there, with source.path; for one command by --set engine=embedded.",
        )


def place(pipeline: Pipeline) -> Path:
    """Return the absolute path, or glob, of the pipeline's source."""
    return Path(os.path.normpath(pipeline.resolve(pipeline.source.path or "")))


def where(pipeline: Pipeline) -> str:
    """Return where the lines are, as Spark and errors say it: a table, an address, or an absolute path."""
    said = pipeline.source.table or pipeline.source.path or ""
    return said if pipeline.source.table or _ADDRESS.match(said) else str(place(pipeline))


def paths(pipeline: Pipeline) -> list[Path]:
    """Return the files of the pipeline's source in the order of their names; InputError where there is none."""
    path = place(pipeline)
    if path.is_dir():
        said = (pipeline.source.path or "").rstrip("/")
        raise InputError(
            f"Expected a file of order lines, got a folder in {path}.",
            hint=f"For every file in it write a glob, for example path: {said}/*.parquet.",
        )
    if path.is_file():
        return [path]
    names = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = [Path(name) for name in names if Path(name).is_file()]
    if found:
        return found
    what = "files that match" if _WILD & set(str(path)) else "a file of order lines"
    raise InputError(
        f"Expected {what}, got none in {path}.", hint="Relative paths count from the folder of the pipeline file."
    )


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"Expected a file that can be read, got {error.strerror} in {path}.") from None
    if not magic:
        raise InputError(f"Expected order lines, got an empty file in {path}.")
    if magic.startswith(b"PK\x03\x04"):
        raise InputError(
            f"Expected CSV or Parquet, got a zip or Excel file in {path}.", hint="Save it as CSV (UTF-8) or as Parquet."
        )
    return magic == b"PAR1" or path.suffix in {".parquet", ".pq"}


def _parquet(path: Path, engine: Engine) -> File:
    relation = f"read_parquet({text(literal(path))}, binary_as_string=true)"
    with reading(
        lambda said: InputError(
            f"Expected a whole Parquet file, got one that cannot be read ({_first_line(said)}) in {path}.",
            hint="Write or copy the file again.",
        )
    ):
        columns = engine.columns(relation)
    return File(path, relation, columns, untyped=False)


def _csv(path: Path, pipeline: Pipeline, *, content: Path, decoded: Path) -> File:
    given = pipeline.source.encoding
    encoding, mixed = (_known(given), 0) if given else _guessed(content, path)
    read_from = content
    try:
        if encoding == MIXED or codecs.lookup(encoding).name not in {"utf-8", "utf-8-sig"}:
            _decode(content, encoding, decoded)
            read_from = decoded
        with _open(read_from) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as lines:
            header = [line for line, _ in zip(lines, range(50), strict=False)]
    except (UnicodeError, EOFError, OSError) as error:
        reason = _first_line(str(error))
        raise InputError(f"Expected text in {encoding}, got bytes that are none ({reason}) in {path}.") from None
    delimiter, names = _header(header, pipeline, path)
    kinds = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    relation = (
        f"read_csv({text(literal(read_from))}, auto_detect=false, header=true, delim={text(delimiter)}, "
        f"quote='\"', escape='\"', columns={{{kinds}}}"
        f"{', compression=' + text('gzip') if _is_gzip(read_from) else ''})"
    )
    guessed = "" if given else encoding
    return File(path, relation, dict.fromkeys(names, "VARCHAR"), untyped=True, guessed=guessed, mixed=mixed)


def _header(lines: Sequence[str], pipeline: Pipeline, path: Path) -> tuple[str, list[str]]:
    """Return the delimiter with which the header names most columns of the pipeline, and the header's names.

    Only the header decides: lines added later cannot change how earlier ones are read.
    """
    wanted = set(pipeline.columns.mapped().values())
    given = pipeline.source.delimiter
    try:
        splits = [(d, next(csv.reader(lines, delimiter=d), [])) for d in ([given] if given else [",", ";", "\t", "|"])]
    except csv.Error as error:
        raise InputError(f"Expected a header with the names of the columns, got none ({error}) in {path}.") from None
    delimiter, names = max(splits, key=lambda s: (len(wanted & set(s[1])), len(s[1])))
    if len(names) < 2:
        got = ", ".join(repr(n) for n in names) or "none"
        raise InputError(
            f"Expected several columns, got one ({got}) with the delimiter {delimiter!r} in {path}.",
            hint="Set source.delimiter to the character between the columns, or leave it out to have it found.",
        )
    return delimiter, _distinct(names)


def _distinct(names: Iterable[str]) -> list[str]:
    """Return the names with a number behind those that came before (in any case) or are empty."""
    seen: set[str] = set()
    distinct = []
    for place, name in enumerate(names, start=1):
        unique = name or f"column {place}"
        while unique.lower() in seen:
            unique += f" {place}"
        seen.add(unique.lower())
        distinct.append(unique)
    return distinct


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise PipelineError(
            f"Expected an encoding, got {encoding!r} in source.encoding.", hint="Known are utf-8, latin-1 and utf-16."
        ) from None


def _guessed(content: Path, path: Path) -> tuple[str, int]:
    try:
        return _guess(content)
    except (OSError, EOFError) as error:
        raise InputError(f"Expected a whole file, got one that cannot be read ({error}) in {path}.") from None


def _guess(path: Path) -> tuple[str, int]:
    """Return the encoding, and how many lines are not utf-8 where some are not.

    Only the first bytes decide for utf-16; whether a line is utf-8, that line alone: lines added later cannot change
    how earlier ones are read.
    """
    mixed = 0
    with _open(path) as file:
        first = file.readline(_CHUNK)
        if first[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return "utf-16", 0
        if first[1:2] == b"\0":
            return "utf-16-le", 0
        file.seek(0)
        for line in file:
            mixed += not is_utf8(line)
    return (MIXED, mixed) if mixed else ("utf-8", 0)


def is_utf8(line: bytes) -> bool:
    """Say whether a line is utf-8."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _line(line: bytes) -> str:
    """Decode a line of a file that is mostly utf-8; bytes that mean nothing in windows-1252 mean what latin-1 says."""
    if is_utf8(line):
        return line.decode("utf-8")
    return "".join(bytes([b]).decode("windows-1252" if b not in _UNDEFINED else "latin-1") for b in line)


def _decode(path: Path, encoding: str, decoded: Path) -> None:
    with _open(path) as raw, decoded.open("w", encoding="utf-8", newline="") as target:
        if encoding == MIXED:
            target.writelines(map(_line, raw))
            return
        with io.TextIOWrapper(raw, encoding, newline="") as source:
            while chunk := source.read(_CHUNK):
                target.write(chunk)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if _is_gzip(path) else path.open("rb")


def literal(path: Path) -> str:
    """Return a path in which the engine takes no character as a wildcard."""
    return "".join(f"[{c}]" if c in _WILD else c for c in str(path))


def _first_line(said: str) -> str:
    return " ".join(said.strip().splitlines()[:1])
