"""One writer of a folder at a time."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from smartaccounts.errors import PipelineError
from smartaccounts.outputs.staged import check_folder, unwritable

WAIT_SECONDS = 60.0
"""So long a run waits for another one that writes into the same folder."""

LOCK = ".lock"


@contextmanager
def locked(
    folder: Path,
    *,
    wait: float = WAIT_SECONDS,
    waiting: Callable[[], None] = lambda: None,
    instead: str = "another --out",
) -> Iterator[None]:
    """Hold a folder against other processes; it is made where it is missing.

    The lock is the operating system's on the file LOCK inside, so it ends with the process that holds it, however that
    ends. Where another holds it, `waiting` is called once, and after `wait` seconds PipelineError. At the end the file
    is gone, and so are folders that were made for it and stayed empty. PipelineError where `folder` is a file or
    cannot be written. instead: what an error tells to choose.
    """
    check_folder(folder, instead=instead)
    folder = folder.absolute()
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    lock = FileLock(folder / LOCK)
    try:
        _acquire(lock, folder, wait=wait, waiting=waiting, instead=instead)
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)  # while it is held: who waits for it sees that, and makes it anew
            lock.release()
    finally:
        with suppress(OSError):  # not empty: the result, or the lock of the next
            for one in made:
                one.rmdir()


def _acquire(lock: FileLock, folder: Path, *, wait: float, waiting: Callable[[], None], instead: str) -> None:
    end = time.monotonic() + wait
    patience = 0.0  # for the first look
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=patience)
        except FileNotFoundError:
            continue  # who held it took the empty folder away just now
        except FileExistsError as error:  # the same, while `mkdir` looked at it: what is named is that folder
            if _in_the_way(Path(error.filename)):
                raise unwritable(error.strerror or str(error), folder, instead=instead) from None
        except Timeout:
            if time.monotonic() >= end:
                raise PipelineError(
                    f"Expected to be the only run that writes into a folder, got another one at work in {folder} "
                    f"(waited {wait:,.0f} seconds).",
                    hint=f"Let it end and run the command again, choose {instead}, or wait longer with --wait.",
                ) from None
            if not patience:
                waiting()
            patience = max(0.01, end - time.monotonic())
        except OSError as error:
            raise unwritable(error.strerror or str(error), folder, instead=instead) from None
        else:
            return


def _in_the_way(path: Path) -> bool:
    """Say whether there is something else than a folder; in one look, since folders come and go."""
    try:
        return not stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
