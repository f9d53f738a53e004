"""Read order lines from a ledger: the same lines and the same counts as from the files that it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine, text
from smartaccounts.orders import layers
from smartaccounts.orders.contract import COLUMNS, Intake, Stored, StoredFile
from smartaccounts.orders.intake import intake_of, merged_sql, tally_sql
from smartaccounts.orders.layers import REASONS
from smartaccounts.orders.ledger.access import check_current, drops, folder_of, opened
from smartaccounts.orders.ledger.files import changes
from smartaccounts.orders.ledger.ingest import MARKS, ROW, SOURCE_ROW
from smartaccounts.orders.ledger.manifest import BESIDE, PARTS, Manifest, Part
from smartaccounts.orders.source import literal, noted
from smartaccounts.orders.staging import held_columns, without_duplicates
from smartaccounts.timeline import day_number

_JUDGED, _REPEATED, _TALLIES = "ledger_judged", "ledger_repeated", "ledger_tallies"
_TALLY = """[{"reason": "TINYINT", "rows": "BIGINT", "examples": ["VARCHAR"], "culprits": ["VARCHAR"],
             "doubted": ["BIGINT"]}]"""
"""Tallies as the manifest has them."""


@dataclass(frozen=True)
class Held:
    """Accepted lines: `sql` selects the contract columns `held`, under the names of the table.

    `first_day` and `last_day`: the least and the greatest day, as day numbers. stored: None where accepted lines
    too are judged again.
    """

    sql: str
    held: frozenset[str]
    intake: Intake
    first_day: int
    last_day: int
    stored: Stored | None


def read_ledger(pipeline: Pipeline, engine: Engine, *, today: date) -> Held:
    """Read the ledger of a pipeline.

    InputError where there is none yet, it was made in another way or on a later day than `today`, or lacks what the
    source has; and as in `read`.
    """
    folder = folder_of(pipeline)
    manifest = opened(pipeline, engine, folder, today=today)
    check_current(changes(pipeline, manifest), folder)
    return held_lines(pipeline, engine, manifest, folder, today=today)


def held_lines(
    pipeline: Pipeline, engine: Engine, manifest: Manifest, folder: Path, *, today: date, days_only: bool = False
) -> Held:
    """Return the lines of a ledger as they are on a day, and what was counted; errors as in `read`.

    days_only: of the lines their day alone, where only the counts are asked for.
    """
    held, doubts = held_columns(pipeline), layers.doubts_said(pipeline)
    columns = ["day"] if days_only else [c.held_as for c in COLUMNS if c.held_as in held]
    accepted = _relation([s.lines for s in manifest.segments], folder)
    later = _relation([s.later for s in manifest.segments], folder)
    read_again = drops(pipeline)  # accepted lines too are judged: the same line may stand in another file
    _load(engine, [row for s in manifest.segments for row in s.tally if not (read_again and row[0] is None)])
    selects, rest = [], ""
    if accepted and not read_again:
        selects.append(f"SELECT {', '.join(columns)} FROM {accepted}")
    if later or (accepted and read_again):
        late = f"CASE WHEN day > {day_number(today)} THEN {REASONS.index('date in the future')} ELSE reason END"
        if read_again:
            judged = _without_duplicates(columns, accepted, later, late, pipeline, engine)
        else:
            judged = _judged(columns, "", later, late)
        engine.run(f"CREATE OR REPLACE TABLE {_JUDGED} AS {judged}")
        engine.run(f"INSERT INTO {_TALLIES} {tally_sql(_JUDGED, len(doubts))}")
        engine.run(f"DELETE FROM {_JUDGED} WHERE reason IS NOT NULL")
        for name in MARKS:
            engine.run(f"ALTER TABLE {_JUDGED} DROP COLUMN {name}")
        rest = f"SELECT {', '.join(columns)} FROM {_JUDGED}"
        selects.append(rest)
    tally = engine.rows(f"{merged_sql(_TALLIES, len(doubts))} ORDER BY reason")
    notes = [n for e in manifest.files if (n := noted(Path(e.path).name, e.guessed, e.mixed))]
    taken = intake_of(pipeline, tally, doubts=doubts, notes=notes)
    sql = "\nUNION ALL ".join(selects)
    first, last = engine.rows(f"SELECT min(day), max(day) FROM ({sql})")[0]
    stored = None if read_again or days_only else Stored(_files(manifest, folder), held, rest, folder / BESIDE)
    return Held(sql, held, taken, first, last, stored)


def _files(manifest: Manifest, folder: Path) -> tuple[StoredFile, ...]:
    """Return the files of accepted lines."""
    return tuple(
        StoredFile(p.name, literal(folder / PARTS / p.name), p.rows, p.last_known, p.hashed, entry.replaced)
        for entry in manifest.files
        for segment in entry.segments
        if (p := segment.lines) is not None
    )


def _load(engine: Engine, tally: Sequence[Sequence[Any]]) -> None:
    named = [dict(zip(json.loads(_TALLY)[0], row, strict=True)) for row in tally]
    rows = f"SELECT unnest(from_json(?, {text(_TALLY)}), max_depth := 2)"
    engine.run(f"CREATE OR REPLACE TABLE {_TALLIES} AS {rows}", [json.dumps(named)])


def _judged(columns: Sequence[str], accepted: str, later: str, late: str, *, example: str = "example") -> str:
    """Return SQL of lines with their marks; `late`: the reason of those that were later than the day of reading.

    example: SQL for that of accepted lines.
    """
    none = "CAST(NULL AS VARCHAR)"
    marks = {accepted: ("NULL", example, none), later: (late, "example", "culprit")}
    return "\nUNION ALL ".join(
        f"SELECT {', '.join(columns)}, CAST({reason} AS TINYINT) AS reason, {shown} AS example, {culprit} AS culprit, "
        f"doubts FROM {relation}"
        for relation, (reason, shown, culprit) in marks.items()
        if relation
    )


def _without_duplicates(
    columns: Sequence[str], accepted: str, later: str, late: str, pipeline: Pipeline, engine: Engine
) -> str:
    """Return SQL of all lines with their marks, duplicates marked.

    The texts that show a line are read of lines that stand more than once, not of the many others.
    """
    rows = ", ".join(ROW)
    everywhere = " UNION ALL ".join(f"SELECT {rows} FROM {r}" for r in (accepted, later) if r)
    engine.run(
        f"CREATE OR REPLACE TABLE {_REPEATED} AS SELECT {rows} FROM ({everywhere}) GROUP BY ALL HAVING count(*) > 1"
    )
    lines = _judged([*columns, *ROW], accepted, later, late)
    lines_unshown = _judged([*columns, *ROW], accepted, later, late, example="CAST(NULL AS VARCHAR)")
    once = f"SELECT * EXCLUDE ({rows}) FROM ({lines_unshown}) ANTI JOIN {_REPEATED} USING ({rows})"
    again = f"SELECT * EXCLUDE ({rows}), {SOURCE_ROW} FROM ({lines}) SEMI JOIN {_REPEATED} USING ({rows})"
    return f"{once}\nUNION ALL SELECT * EXCLUDE (source_row) FROM ({without_duplicates(again, pipeline)})"


def _relation(parts: Sequence[Part | None], folder: Path) -> str:
    names = [text(literal(folder / PARTS / p.name)) for p in parts if p is not None]
    return f"read_parquet([{', '.join(names)}])" if names else ""
