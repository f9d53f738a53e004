"""A folder of files that appear together, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smartaccounts.errors import PipelineError


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield an empty folder inside `folder`; on success its files move up, on any error they are gone.

    PipelineError where `folder` is a file or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inside = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except OSError as error:
        raise PipelineError(
            f"Expected a folder that can be written, got {error.strerror} in {folder}.", hint="Choose another --out."
        ) from None
    try:
        yield inside
        for file in sorted(inside.iterdir()):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(inside, ignore_errors=True)
