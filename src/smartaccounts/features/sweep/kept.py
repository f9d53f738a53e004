"""Numbers of lines that are kept for the next time: those of files that never change, in a folder beside them.

A folder holds customers.parquet, products.parquet and categories.parquet (the keys, in the order of their numbers),
lines.parquet (the columns of `Coded.ints` and `Coded.longs`, a row group per range of customers) and kept.json, written last.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
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
from smartaccounts.orders.contract import OrderLines, Stored
from smartaccounts.orders.source import literal

FORMAT = 1
"""To be raised where lines are laid out in another way; other SQL is noticed by the recipe."""
_SAID, _LINES = "kept.json", "lines.parquet"

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Kept:
    """Numbers in a folder. files: of which lines; rows: how many; span: their first and last day."""

    folder: Path
    files: frozenset[str]
    rows: int
    span: tuple[int, int]

    def table(self, name: str) -> str:
        """Return SQL of the customers, products or categories."""
        return f"read_parquet({text(literal(self.folder / f'{name}.parquet'))})"

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many lines each customer has."""
        found: npt.NDArray[np.int64] = pq.read_table(self.folder / "customers.parquet", columns=["lines"])[0].to_numpy()
        return found

    def groups(self) -> list[int]:
        """Return how many lines each row group has."""
        with pq.ParquetFile(self.folder / _LINES) as file:
            return [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]

    def lines(self, group: int) -> list[Column]:
        """Return the columns of a row group."""
        with pq.ParquetFile(self.folder / _LINES, page_checksum_verification=True) as file:
            found = file.read_row_group(group, use_threads=False)
        return [column.to_numpy() for column in found.columns]


def recipe(lines: OrderLines) -> str:
    """Return a digest of how lines are made numbers, and of the version of what does it."""
    said = [str(FORMAT), lines.engine.rows("SELECT version()")[0][0], *numbers(lines.provided), most(lines.provided)]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=20).hexdigest()


def kept(lines: OrderLines) -> Kept | None:
    """Return what is kept of some of the files that hold the lines, and of no others; None where nothing is.

    InputError where a file of it is not as it was written.
    """
    if lines.stored is None or not lines.stored.beside.is_dir():
        return None
    wanted, have = recipe(lines), {file.name for file in lines.stored.files}
    found = [
        _opened(folder, said)
        for folder, said in _said(lines.stored.beside)
        if said["recipe"] == wanted and have.issuperset(said["files"])
    ]
    return max(found, key=lambda k: (k.rows, k.folder), default=None)


def _said(beside: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in beside.iterdir():
        if (folder / _SAID).is_file():
            try:
                yield folder, json.loads((folder / _SAID).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise _damaged(_SAID, folder) from error


def _opened(folder: Path, said: dict[str, Any]) -> Kept:
    for name, size in said["bytes"].items():
        if not (folder / name).is_file() or (folder / name).stat().st_size != size:
            raise _damaged(name, folder)
    return Kept(folder, frozenset(said["files"]), said["rows"], (said["span"][0], said["span"][1]))


def _damaged(name: str, folder: Path) -> InputError:
    return InputError(
        f"Expected the numbers of a ledger as they were written, got another {name} in {folder}.",
        hint=f"Delete the folder {folder}; the next smartaccounts ledger update makes it anew.",
    )


def write(
    lines: OrderLines,
    stored: Stored,
    tables: Mapping[str, pa.Table],
    groups: Iterator[pa.Table],
    *,
    span: tuple[int, int],
) -> Path:
    """Keep the numbers of all lines of some files, their keys and the row groups of their lines; return where they are.

    Nothing is left where that fails. PipelineError where the disk is full.
    """
    beside = stored.beside
    name = secrets.token_hex(12)
    partial = beside / f"{name}.partial"
    partial.mkdir(parents=True)
    try:
        for called, table in tables.items():
            pq.write_table(table, partial / f"{called}.parquet", compression="zstd")
        rows = _written(groups, partial / _LINES)
        said = {
            "recipe": recipe(lines),
            "files": sorted(file.name for file in stored.files),
            "rows": rows,
            "span": list(span),
            "bytes": {file.name: file.stat().st_size for file in sorted(partial.iterdir())},
        }
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
