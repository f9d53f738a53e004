"""Keep the numbers of stored lines, so that the next snapshot reads those and lays out the new lines alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date

from smartaccounts.engine.sql import NARROW_LIMIT
from smartaccounts.errors import InputError
from smartaccounts.features.sweep.coded import coded, columns_of
from smartaccounts.features.sweep.kept import kept, write
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.orders.contract import OrderLines

SHARE = 16
"""Lines that are not kept are laid out each time; where they are one in so many, all are kept anew."""


def keep(lines: OrderLines) -> None:
    """Bring what is kept of stored lines up to them where it is worth it. Nobody else may do so meanwhile.

    What it takes the place of stays until the next time, for those who are reading it; what is damaged is made anew.
    Nothing is kept of lines whose money the sweep cannot sum. PipelineError where the disk is full.
    """
    if lines.stored is None or not lines.stored.files:
        return
    beside = lines.stored.beside
    try:
        before = kept(lines)
    except InputError:
        shutil.rmtree(beside)
        before = None
    needed = {before.folder} if before else set()
    rows = sum(file.rows for file in lines.stored.files)
    if before is None or (rows - before.rows) * SHARE > rows:
        alone = replace(lines, table="lines_in_files", stored=replace(lines.stored, rest=""))
        lines.engine.run(f"CREATE OR REPLACE VIEW {alone.table} AS {alone.but(())}")
        keys = keyed(alone, known_before=date.max)
        if keys.most < NARROW_LIMIT:
            held = coded(alone, keys)
            tables = {
                "customers": keys.customers.select(["market", "customer_id", "lines", "first_known", "most"]),
                "products": keys.products.select(["market", "product_id"]),
                "categories": keys.categories.select(["market", "category"]),
            }
            needed.add(write(alone, lines.stored, tables, columns_of(held), span=held.span))
    for folder in beside.iterdir() if beside.is_dir() else ():
        if folder not in needed:
            shutil.rmtree(folder, ignore_errors=True)
