"""Update a ledger under its lock, and say what is in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from smartaccounts.config import Pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.features.sweep.keep import forget, keep
from smartaccounts.orders.contract import Intake
from smartaccounts.orders.ledger.access import drops, folder_of, opened
from smartaccounts.orders.ledger.files import Changes, changes
from smartaccounts.orders.ledger.lines import Held, held_lines
from smartaccounts.orders.ledger.manifest import BESIDE, Manifest
from smartaccounts.orders.ledger.update import NO_MORE, Asked, Updated
from smartaccounts.orders.ledger.update import update as updated
from smartaccounts.orders.read import clock, read
from smartaccounts.outputs.locked import WAIT_SECONDS, locked
from smartaccounts.timeline import from_day_number


@dataclass(frozen=True)
class Content:
    """What is in a ledger; first and last day of its accepted lines, bytes of its files, what else is to be said."""

    folder: Path
    files: int
    intake: Intake
    first_day: date
    last_day: date
    bytes: int
    note: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was noticed of the lines, and of the ledger."""
        return (*self.intake.notes, *([self.note] if self.note else []))

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "ledger": str(self.folder),
            "files": self.files,
            "rows_in": self.intake.rows_in,
            "lines": self.intake.rows_out,
            "rejected": {r.reason: r.rows for r in self.intake.rejected},
            "first_day": str(self.first_day),
            "last_day": str(self.last_day),
            "bytes": self.bytes,
            "notes": list(self.notes),
        }


def update_ledger(
    pipeline: Pipeline,
    *,
    asked: Asked = NO_MORE,
    wait: float = WAIT_SECONDS,
    waiting: Callable[[], None] = lambda: None,
    step: Callable[[str], None] = lambda _: None,
    today: date | None = None,
) -> tuple[Updated, Content]:
    """Bring the ledger of a pipeline up to its source, one update at a time; errors as in `ledger.update.update`.

    Where another update is at work, `waiting` is called, and after `wait` seconds it is a PipelineError.
    """
    folder, day = folder_of(pipeline), today or clock()
    with locked(folder, wait=wait, waiting=waiting, instead="another folder as `ledger`"), Engine() as engine:
        done = updated(pipeline, engine, today=day, asked=asked, step=step)
        step("numbers of the lines")
        note = _numbers(pipeline, engine, folder, done.manifest, day)
        return done, _content(folder, done.manifest, done.held, note)


def _numbers(pipeline: Pipeline, engine: Engine, folder: Path, manifest: Manifest, day: date) -> str:
    """Bring the numbers of a ledger's lines up to them, which are there without; return what is to be said of that."""
    try:
        forget(folder / BESIDE, {part.name for part in manifest.parts} | set(manifest.superseded))
        if not drops(pipeline):
            with suppress(InputError):  # said by every command that reads the lines
                keep(read(pipeline, engine, today=day))
    except (PipelineError, OSError) as error:
        said = error.message if isinstance(error, PipelineError) else f"{error}."
        return f"The lines are not kept as numbers: {said} Commands read them as they are, which takes longer."
    return ""


def show_ledger(pipeline: Pipeline, *, today: date | None = None) -> tuple[Content, Changes]:
    """Return what is in the ledger of a pipeline, and what its source has otherwise.

    InputError where there is no ledger, or it was made in another way.
    """
    folder = folder_of(pipeline)
    with Engine() as engine:
        manifest = opened(pipeline, engine, folder, today=today or clock())
        held = held_lines(pipeline, engine, manifest, folder, today=today or clock(), days_only=True)
        return _content(folder, manifest, held), changes(pipeline, manifest)


def _content(folder: Path, manifest: Manifest, held: Held, note: str = "") -> Content:
    size = sum(p.bytes for p in manifest.parts) + sum(map(_bytes, folder.glob(f"{BESIDE}/*/*")))
    days = from_day_number(held.first_day), from_day_number(held.last_day)
    return Content(folder, len(manifest.files), held.intake, *days, size, note)


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # an update took it away just now
        return 0
