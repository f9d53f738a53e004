"""Keep the numbers of stored lines, so that the next snapshot reads those and lays out the new lines alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from smartaccounts.engine.sql import NARROW_LIMIT
from smartaccounts.features.sweep.coded import coded, columns_of
from smartaccounts.features.sweep.kept import delete, every, folders, kept, write
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.orders.contract import OrderLines, StoredFile

SHARE = 16
"""Lines that are not kept are laid out each time; where they are one in so many, all are kept anew."""


def keep(lines: OrderLines) -> None:
    """Bring what is kept of stored lines up to them where it is worth it. Nobody else may do so meanwhile.

    What it takes the place of stays until the next time, for those who are reading it. Nothing is kept of lines whose
    money the sweep cannot sum. InputError as in `coded`, PipelineError where the disk is full: then all is as it was.
    """
    if lines.stored is None or not lines.stored.files:
        return
    files = _lasting(lines.stored.files)
    before = kept(lines)
    needed = {before.folder} if before else set()
    fresh = _rows([file for file in files if before is None or file.name not in before.files])
    if before is None or fresh * SHARE > _rows(lines.stored.files):
        needed |= _made(lines, files)
    have = {file.name for file in lines.stored.files}
    for found in every(lines.stored.beside):
        if found.folder not in needed and have.issuperset(found.files):  # of others: as `forget` decides
            delete(found.folder)


def forget(beside: Path, names: Collection[str]) -> None:
    """Delete numbers of other files than those, and what was left half done. Nobody may keep any meanwhile."""
    known = {k.folder for k in every(beside) if k.files.issubset(names)}
    for folder in folders(beside):
        if folder not in known:
            delete(folder)


def _lasting(files: Sequence[StoredFile]) -> Sequence[StoredFile]:
    """Return the files without those that replaced others and may be replaced again, where those are few lines."""
    lasting = [file for file in files if not file.replaced]
    return lasting if (_rows(files) - _rows(lasting)) * SHARE <= _rows(files) else files


def _rows(files: Sequence[StoredFile]) -> int:
    return sum(file.rows for file in files)


def _made(lines: OrderLines, files: Sequence[StoredFile]) -> set[Path]:
    """Keep the lines of some files; return the folder, none where there is nothing to keep."""
    if lines.stored is None:
        raise ValueError("these lines are not stored")
    if not _rows(files):
        return set()
    stored = replace(lines.stored, files=tuple(files), rest="")
    alone = replace(lines, table="lines_in_files", stored=stored)
    lines.engine.run(f"CREATE OR REPLACE VIEW {alone.table} AS {alone.but(())}")
    keys = keyed(alone, known_before=None)
    if keys.most >= NARROW_LIMIT:
        return set()
    held = coded(alone, keys)
    tables = {
        "customers": keys.customers.select(["market", "customer_id", "lines", "first_known", "most"]),
        "products": keys.products.select(["market", "product_id"]),
        "categories": keys.categories.select(["market", "category"]),
    }
    return {write(alone, files, stored.beside, tables, columns_of(held), span=held.span)}
