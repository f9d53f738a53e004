"""A ledger that grew in any steps gives the lines, counts and snapshots that its source gives when it is read whole."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.property.test_snapshot_invariants import assert_identical

from smartaccounts.config import Pipeline, Target, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError
from smartaccounts.features.snapshot import snapshot
from smartaccounts.features.sweep import keep
from smartaccounts.orders.digest import digest
from smartaccounts.orders.ledger.update import Asked, Updated, update
from smartaccounts.orders.read import read

Line = tuple[str, ...]
COLUMNS = ("market", "customer", "date", "booked", "amount", "item", "price")
MAPPED = dict(
    zip(
        ("market", "customer_id", "order_date", "known_date", "amount", "product_id", "unit_price"),
        COLUMNS,
        strict=True,
    )
)
START = date(2025, 3, 1)
TARGET = Target(min_active=4, horizon_days=91, sustained_months=1)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "drop": {"duplicates": "drop"},
    "drop and keep": {"duplicates": "drop", "keep": "item <> 'fee' AND amount > -900"},
    "latin": {"encoding": "latin-1", "keep": "market <> 'B'"},
}


def a_line(r: random.Random, today: date) -> Line:
    day = today - timedelta(days=r.choice([0, 1, 3, 30, 200, 500, *range(5, 400, 7)]))
    dirty = r.random() < 0.15
    future = today + timedelta(days=r.choice([1, 2, 4, 40]))
    return (
        r.choice(["A", "B", ""]),
        r.choice(["", " c1 ", "17.0", "ü"]) if dirty and r.random() < 0.5 else f"c{r.randrange(12)}",
        r.choice(["soon", "", "1850-01-01", str(future), str(future)]) if dirty else str(day),
        str(day + timedelta(days=r.choice([0, 0, 5, 60]))) if r.random() < 0.8 else r.choice(["", "late"]),
        r.choice(["", "much", "inf", "1e16", "-950"])
        if dirty and r.random() < 0.6
        else f"{r.randrange(1, 99999) / 100}",
        r.choice(["fee", "a", "b", "naïve", '"a,\nb"']),
        r.choice(["1.5", "2", "", "1e10", "cheap"]),
    )


class Shop:
    """A source that somebody goes on writing: files of lines, as csv or Parquet."""

    def __init__(self, folder: Path, r: random.Random) -> None:
        self.folder, self.r, self.today = folder, r, START
        self.files: dict[str, list[Line]] = {}
        (folder / "files").mkdir()

    def lines(self, most: int) -> list[Line]:
        made = [a_line(self.r, self.today) for _ in range(self.r.randrange(1, most))]
        old = [line for lines in self.files.values() for line in lines]
        return made + [self.r.choice(old or made) for _ in range(self.r.randrange(3))]  # stands there already

    def write(self, name: str, *, append: int = 0) -> None:
        """Write a file anew, or put its lines from the `append`th on behind it."""
        path, lines = self.folder / "files" / name, self.files[name]
        if name.endswith(".parquet"):
            data = {c: [line[i] or None for line in lines] for i, c in enumerate(COLUMNS)}
            data["note"] = [self.r.choice([None, None, None, "by hand"]) for _ in lines]  # a csv has no such column
            pq.write_table(pa.table(data, schema=pa.schema([(c, pa.string()) for c in data])), path)
            return
        end = self.r.choice(["\n", "\n", ""])
        text = "\n".join(",".join(line) for line in lines[append:]) + end
        encoding = self.r.choice(["utf-8", "latin-1"])
        if append:
            glue = b"" if path.read_bytes().endswith(b"\n") else b"\n"
            path.write_bytes(path.read_bytes() + glue + text.encode(encoding))
        else:
            path.write_bytes((",".join(COLUMNS) + "\n" + text).encode(encoding))

    def step(self) -> str:
        """Do one thing to the source; say what."""
        r = self.r
        self.today += timedelta(days=r.choice([0, 0, 1, 3]))
        names = sorted(self.files)
        what = r.choice(["new", "new", "append", "append", "correct", "late", "remove", "touch", "nothing"])
        if what == "new" or not names:
            name = f"{len(names)}_{r.randrange(1000)}.{r.choice(['csv', 'csv', 'csv', 'parquet'])}"
            self.files[name] = self.lines(30)
            self.write(name)
            return "new"
        name = r.choice(names)
        if what in ("append", "late"):
            before = len(self.files[name])
            self.files[name] = self.files[name] + self.lines(12)
            self.write(name, append=before)
        elif what == "correct":
            lines = list(self.files[name])
            lines[r.randrange(len(lines))] = a_line(r, self.today)
            self.files[name] = lines
            self.write(name)
        elif what == "remove" and len(names) > 2:
            del self.files[name]
            (self.folder / "files" / name).unlink()
        elif what == "touch":
            path = self.folder / "files" / name
            os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 5_000_000_000))
        return what


def pipelines(folder: Path, **settings: Any) -> tuple[Pipeline, Pipeline]:
    """Return a pipeline that reads from its ledger, and one that reads the files."""
    keep = settings.pop("keep", None)
    source = {"path": "files/*.*", **settings}
    said = {"name": "shop", "source": source, "columns": MAPPED, "keep": keep}
    return pipeline_from({**said, "ledger": "ledger"}, folder=folder), pipeline_from(said, folder=folder)


def all_that_is_read(pipeline: Pipeline, today: date) -> tuple[Any, ...]:
    with Engine() as engine:
        lines = read(pipeline, engine, today=today)
        rows = engine.rows(f"SELECT * FROM {lines.table} ORDER BY ALL")
        said = digest(lines, known_before=today), lines.intake, lines.first_day, lines.last_day, lines.provided
        return (*said, rows, engine.columns(lines.table))


def updated(pipeline: Pipeline, today: date, *, share: int) -> Updated:
    """Update the ledger, and what it keeps as numbers where one line in so many is not among them."""
    with Engine() as engine, pytest.MonkeyPatch.context() as patch:
        done = update(pipeline, engine, today=today, asked=Asked(let_go=True))
        patch.setattr(keep, "SHARE", share)
        with suppress(InputError):
            keep.keep(read(pipeline, engine, today=today))
        return done


def frame_of(pipeline: Pipeline, today: date) -> pd.DataFrame:
    """Return the snapshot of two dates; without rows where the lines cannot be read."""
    with Engine() as engine:
        try:
            lines = read(pipeline, engine, today=today)
        except InputError:
            return pd.DataFrame()
        return snapshot(lines, [today - timedelta(days=30), today], TARGET).frame


def outcome_of(pipeline: Pipeline, today: date) -> tuple[Any, ...]:
    """Return what is read, or the error that says why not."""
    try:
        return all_that_is_read(pipeline, today)
    except InputError as error:
        return (str(error),)


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_ledger_is_its_source(tmp_path: Path, settings: str, seed: int) -> None:
    shop = Shop(tmp_path, random.Random(f"{settings}{seed}"))
    ledger, source = pipelines(tmp_path, **SETTINGS[settings])
    done, grown = set(), 0
    for turn in range(14):
        for _ in range(shop.r.randrange(1, 4)):
            done.add(shop.step())
        grown += len(updated(ledger, shop.today, share=shop.r.choice([0, 0, 1, 16])).appended)
        later = shop.today + timedelta(days=shop.r.choice([0, 0, 2, 30]))
        assert outcome_of(ledger, later) == outcome_of(source, later), done
        if turn % 4 == 1:
            assert_identical(*(frame_of(p, shop.today) for p in (ledger, source)))
    assert len(done) > 4
    assert grown  # lines behind a csv were read without the others
    assert len(frame_of(ledger, shop.today)) > 5
