"""Numbers of lines that are kept for the next time: those of files that never change, in a folder beside them.

A folder holds customers.parquet, products.parquet and categories.parquet (the keys, in the order of their numbers),
lines.parquet (the columns of `Coded.ints` and `Coded.longs`, a row group per range of customers) and kept.json, written last.
It is never changed, and looks finished only when it is: it is renamed when all is there, and before anything of it goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from smartaccounts.engine.duckdb import text
from smartaccounts.engine.memory import disk_full
from smartaccounts.errors import InputError
from smartaccounts.features.sweep.numbers import most, numbers
from smartaccounts.orders.contract import OrderLines, StoredFile
from smartaccounts.orders.source import literal

FORMAT = 1
"""To be raised where lines are laid out in another way; other SQL is noticed by the recipe."""
_SAID, _LINES, _PARTIAL = "kept.json", "lines.parquet", ".partial"

_TAIL = 8
"""Bytes at the end of a Parquet file: how long the footer is, and four letters."""

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Kept:
    """Numbers in a folder. files: of which lines; rows: how many; span: their first and last day.

    recipe: how lines were made numbers. written: of each file its bytes and a digest, of the lines one of the footer.
    """

    folder: Path
    files: frozenset[str]
    rows: int
    span: tuple[int, int]
    recipe: str
    written: Mapping[str, tuple[int, str]]

    def table(self, name: str) -> str:
        """Return SQL of the customers, products or categories."""
        return f"read_parquet({text(literal(self.folder / f'{name}.parquet'))})"

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many lines each customer has."""
        with _as_written(self.folder):
            found: npt.NDArray[np.int64]
            found = pq.read_table(self.folder / "customers.parquet", columns=["lines"])[0].to_numpy()
            return found

    def groups(self) -> list[int]:
        """Return how many lines each row group has."""
        with _as_written(self.folder), pq.ParquetFile(self.folder / _LINES) as file:
            return [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]

    def lines(self, group: int) -> list[Column]:
        """Return the columns of a row group; InputError where they are not as they were written."""
        with _as_written(self.folder), pq.ParquetFile(self.folder / _LINES, page_checksum_verification=True) as file:
            found = file.read_row_group(group, use_threads=False)
        return [column.to_numpy() for column in found.columns]

    def whole(self) -> bool:
        """Say whether its files are as they were written; lines are looked at when they are read."""
        try:
            return all(
                (self.folder / name).stat().st_size == size and said == _digest(self.folder / name)
                for name, (size, said) in self.written.items()
            )
        except OSError:
            return False


def recipe(lines: OrderLines) -> str:
    """Return a digest of how lines are made numbers, and of the version of what does it."""
    said = [str(FORMAT), lines.engine.rows("SELECT version()")[0][0], *numbers(lines.provided), most(lines.provided)]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=20).hexdigest()


def kept(lines: OrderLines) -> Kept | None:
    """Return what is kept of some of the files that hold the lines, and of no others; None where nothing is.

    What is not as it was written is passed over, as if it were not there.
    """
    if lines.stored is None:
        return None
    wanted, have = recipe(lines), {file.name for file in lines.stored.files}
    found = [k for k in every(lines.stored.beside) if k.recipe == wanted and have.issuperset(k.files)]
    return next((k for k in sorted(found, key=lambda k: (-k.rows, k.folder)) if k.whole()), None)


def every(beside: Path) -> list[Kept]:
    """Return all that lies there, whole or not, but for what is being written or deleted."""
    return [found for folder in folders(beside) if (found := _said(folder)) is not None]


def folders(beside: Path) -> list[Path]:
    """Return the folders that lie there, half written ones too."""
    return [folder for folder in beside.iterdir() if folder.is_dir()] if beside.is_dir() else []


def delete(folder: Path) -> None:
    """Delete a folder: who looks for it meanwhile finds all of it or nothing."""
    partial = folder if folder.name.endswith(_PARTIAL) else folder.replace(folder.with_name(folder.name + _PARTIAL))
    shutil.rmtree(partial, ignore_errors=True)


def damaged(folder: Path) -> InputError:
    """Return the error of numbers that turn out not to be those that were written."""
    return InputError(
        f"Expected the numbers of a ledger as they were written, got others in {folder}.",
        hint=f"Delete the folder {folder}; the next smartaccounts ledger update makes it anew.",
    )


def _said(folder: Path) -> Kept | None:
    if folder.name.endswith(_PARTIAL):
        return None
    try:
        said = json.loads((folder / _SAID).read_text(encoding="utf-8"))
        if said.pop("digest") != _digest_of(said):
            return None
        first, last = said["span"]
        written = {name: (size, digest) for name, (size, digest) in said["written"].items()}
        return Kept(folder, frozenset(said["files"]), said["rows"], (first, last), said["recipe"], written)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@contextmanager
def _as_written(folder: Path) -> Iterator[None]:
    """Turn an error of reading inside the block into that of numbers that are not as they were written."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise damaged(folder) from error


def _digest(file: Path) -> str:
    """Return the digest of a file; of the lines, which have checksums of their own, of the footer."""
    with file.open("rb") as opened:
        if file.name == _LINES:
            opened.seek(-_TAIL, os.SEEK_END)
            opened.seek(-_TAIL - int.from_bytes(opened.read(4), "little"), os.SEEK_END)
        return hashlib.file_digest(opened, "blake2b").hexdigest()


def _digest_of(said: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode()).hexdigest()


def write(
    lines: OrderLines,
    files: Iterable[StoredFile],
    beside: Path,
    tables: Mapping[str, pa.Table],
    groups: Iterator[pa.Table],
    *,
    span: tuple[int, int],
) -> Path:
    """Keep the numbers of all lines of some files, their keys and the row groups of their lines; return where they are.

    Nothing is left where that fails. PipelineError where the disk is full.
    """
    name = secrets.token_hex(12)
    partial = beside / (name + _PARTIAL)
    partial.mkdir(parents=True)
    try:
        for called, table in tables.items():
            pq.write_table(table, partial / f"{called}.parquet", compression="zstd")
        rows = _written(groups, partial / _LINES)
        said = {
            "recipe": recipe(lines),
            "files": sorted(file.name for file in files),
            "rows": rows,
            "span": list(span),
            "written": {file.name: [file.stat().st_size, _digest(file)] for file in sorted(partial.iterdir())},
        }
        said["digest"] = _digest_of(said)
        (partial / _SAID).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        return partial.replace(beside / name)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise disk_full("the numbers of a ledger", beside) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _written(groups: Iterator[pa.Table], path: Path) -> int:
    rows, writer = 0, None
    try:
        for group in groups:
            writer = writer or pq.ParquetWriter(path, group.schema, write_statistics=False, write_page_checksum=True)
            writer.write_table(group, row_group_size=len(group))
            rows += len(group)
    finally:
        if writer is not None:
            writer.close()
    return rows
