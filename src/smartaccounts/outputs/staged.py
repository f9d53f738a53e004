"""Files that are whole or not there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from smartaccounts.engine.interrupt import heed
from smartaccounts.errors import PipelineError


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield an empty folder inside `folder`; on success its files move up, one by one; on any error they are gone.

    PipelineError where `folder` is a file or cannot be made, or its files cannot be written.
    """
    check_folder(folder)
    new = not folder.exists()
    inside: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inside = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        yield inside
        heed()
        for file in sorted(inside.iterdir()):
            file.replace(folder / file.name)
    except OSError as error:
        raise unwritable(error.strerror or str(error), folder) from None
    finally:
        if inside is not None:
            shutil.rmtree(inside, ignore_errors=True)
        if new and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def check_folder(folder: Path, *, instead: str = "another --out") -> None:
    """PipelineError where `folder` or what it is to lie in is a file: to be said before the work, not after it."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir():
        raise unwritable("a file", there, instead=instead)


def unwritable(got: str, where: Path, *, instead: str = "another --out") -> PipelineError:
    """Return the error of a folder that cannot be written; instead: what to choose."""
    return PipelineError(f"Expected a folder that can be written, got {got} in {where}.", hint=f"Choose {instead}.")


@contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on success it takes the place of `folder`, on any error it is gone.

    What was there before lies beside as `.NAME.before-...` while it is replaced, and stays there if that is cut off.
    """
    mark = uuid4().hex[:8]
    beside, before = (folder.with_name(f".{folder.name}.{what}-{mark}") for what in ("partial", "before"))
    try:
        beside.mkdir()
        yield beside
        heed()
        if not folder.exists():
            beside.replace(folder)
            return
        folder.replace(before)
        try:
            beside.replace(folder)
        except BaseException:
            before.replace(folder)
            raise
        shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        raise unwritable(error.strerror or str(error), folder) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
