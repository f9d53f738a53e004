"""The list before: found in the folders beside, read, and held to what it must be."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from smartaccounts.errors import InputError, PipelineError, culprits

RUN, LIST = "run.json", "growth_list.parquet"
AGAIN = "Write it again."
KEY = ["market", "customer_id"]
NUMBERS = ["rank", "probability", "spend_h", "orders_365d", "recency_days"]
COLUMNS = [*KEY, *NUMBERS, "name", "as_of", "model_version", "listed"]
"""What of a list is compared with the next one."""


@dataclass(frozen=True)
class PreviousList:
    """A list of the same pipeline, of an earlier as_of. frame: one row per (market, customer_id) with COLUMNS, by rank.

    folder: the name of its folder. digest: that of its file (`list_digest`).
    """

    folder: str
    as_of: date
    digest: str
    frame: pd.DataFrame

    def as_json(self) -> dict[str, str]:
        """Return what a run says of it: a list depends on the one before."""
        return {"folder": self.folder, "as_of": str(self.as_of), "digest": self.digest}

    def listed(self, rows: pd.DataFrame) -> np.ndarray:
        """Say of each row, by market and customer_id, whether it was listed."""
        before = pd.MultiIndex.from_frame(self.frame.loc[self.frame["listed"], KEY])
        return np.asarray(pd.MultiIndex.from_frame(rows[KEY]).isin(before))


@dataclass(frozen=True)
class Found:
    """The previous list, None where there is none, and the names of folders that should hold one and cannot be read."""

    previous: PreviousList | None
    passed_over: tuple[str, ...] = ()


def find_previous(out: Path, pipeline: str, as_of: date, *, horizon_days: int) -> Found:
    """Look in the folders beside `out`, never in `out` itself, for the pipeline's list of the latest as_of before.

    Of several of one as_of the folder that is first in the alphabet counts. Hidden folders, folders without RUN and
    lists of other pipelines or horizons do not; what should be a list and cannot be read is passed over.
    """
    own = out.resolve()
    beside = own.parent
    if not beside.is_dir():
        return Found(None)
    candidates, said = [], []
    for folder in sorted(p for p in beside.iterdir() if not p.name.startswith(".")):
        if folder.resolve() == own or not _has_run(folder):
            continue
        try:
            of, day, days, _ = _run(folder)
        except PipelineError:
            said.append(folder.name)
            continue
        if of == pipeline and day < as_of and days == horizon_days:
            candidates.append((day, folder))
    for _, folder in sorted(candidates, key=lambda c: -c[0].toordinal()):  # stable: the first in the alphabet
        try:
            return Found(read_previous(folder, pipeline, as_of, horizon_days=horizon_days), tuple(said))
        except (PipelineError, InputError):
            said.append(folder.name)
    return Found(None, tuple(said))


def read_previous(folder: Path, pipeline: str, as_of: date, *, horizon_days: int) -> PreviousList:
    """Read the list in a folder.

    PipelineError where it is not there, of another pipeline or horizon, or of an as_of that is not before; InputError
    where it cannot be read, lacks a column, is not the file whose digest its RUN holds, or has rows of another as_of.
    """
    if not (folder / RUN).is_file():
        raise PipelineError(
            f"Expected a growth list, got no {RUN} in {folder}.",
            hint="Name a folder that smartaccounts predict has written in --previous.",
        )
    of, day, days, written = _run(folder)
    if of != pipeline:
        raise PipelineError(
            f"Expected a list of the pipeline {pipeline!r}, got one of {of!r} in {folder}.",
            hint="Name a list of this pipeline in --previous.",
        )
    if days != horizon_days:
        raise PipelineError(
            f"Expected a list with a horizon of {horizon_days} days, got one of {days} days in {folder}.",
            hint="Spend of other horizons does not compare: name a list with the same horizon in --previous.",
        )
    if day >= as_of:
        raise PipelineError(
            f"Expected a list of before {as_of}, got one of {day} in {folder}.",
            hint="Name an older list in --previous, or use a later --as-of.",
        )
    try:
        content = (folder / LIST).read_bytes()
        schema = pq.read_schema(io.BytesIO(content))
        lacking = [c for c in COLUMNS if c not in schema.names]
        if lacking:
            raise InputError(
                f"Expected the columns of a growth list, got none for {culprits(lacking)} in {folder / LIST}.",
                hint="It is of another version; write it again.",
            )
        table = pq.read_table(io.BytesIO(content), columns=COLUMNS)
        frame = _typed(table)
        digest = list_digest(content)
    except (OSError, pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"Expected a growth list, got {_said(error)} in {folder / LIST}.", hint=AGAIN) from None
    if digest != written:
        raise InputError(
            f"Expected the file that was written with {RUN} ({written}), got another ({digest}) in {folder / LIST}.",
            hint=AGAIN,
        )
    if frame["as_of"].ne(pd.Timestamp(day)).any() or frame.duplicated(KEY).any():
        raise InputError(
            f"Expected the growth list of {day} that {RUN} speaks of, got other rows in {folder / LIST}.",
            hint=AGAIN,
        )
    return PreviousList(folder.resolve().name, day, digest, frame)


def list_digest(content: bytes) -> str:
    """Return `<rows>-<16 hex digits>` of the bytes of a LIST; pa.ArrowException where they are no Parquet file."""
    rows = pq.read_metadata(io.BytesIO(content)).num_rows
    return f"{rows}-{hashlib.sha256(content).hexdigest()[:16]}"


def _has_run(folder: Path) -> bool:
    """Say whether a folder bears a run; of one that may not be entered nothing is known."""
    try:
        return (folder / RUN).is_file()
    except OSError:
        return False


def _run(folder: Path) -> tuple[str, date, int, str]:
    """Return the pipeline's name, the as_of, the horizon in days and the digest of the list that a run speaks of."""
    try:
        content: Any = json.loads((folder / RUN).read_text(encoding="utf-8"))
        of, day = str(content["pipeline"]), date.fromisoformat(content["as_of"])
        return of, day, int(content["horizon_days"]), str(content["list_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(
            f"Expected what a run says of its list, got {_said(error)} in {folder / RUN}.", hint=AGAIN
        ) from None


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    return f"what cannot be read ({' '.join(str(error).split())[:120]})"


def _typed(table: pa.Table) -> pd.DataFrame:
    """Return the rows by rank: numbers as float64, texts and nulls as objects, as_of as a timestamp."""
    frame: pd.DataFrame = table.to_pandas().astype(dict.fromkeys(NUMBERS, "float64") | {"listed": "bool"})
    frame["as_of"] = pd.to_datetime(frame["as_of"])
    return frame.sort_values("rank", kind="stable", ignore_index=True)
