"""A file that is whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smartaccounts.engine.interrupt import heed


@contextmanager
def written_beside(file: Path) -> Iterator[Path]:
    """Yield a path beside `file`; on success what was written there becomes `file`, on any error it is gone."""
    beside = file.with_name(f".{file.name}.partial")
    try:
        yield beside
        heed()
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
