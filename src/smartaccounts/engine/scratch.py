"""Temporary folders that go with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

PREFIX = "smartaccounts-scratch-"
_OURS = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
"""What tempfile makes of the prefix: a folder that somebody called so is not taken for one."""
YOUNG = 60.0
"""Seconds in which a folder may not be locked yet by who makes it."""


class Scratch:
    """A temporary folder, locked as long as its process lives.

    A process that is killed takes nothing away. What it left goes when the next one makes a folder: nobody locks it.
    """

    def __init__(self) -> None:
        """Make the folder; take away what others left."""
        _clear(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        opened = os.open(self.path, os.O_RDONLY)
        self._release = weakref.finalize(self, os.close, opened)
        with suppress(OSError):  # a disk without locks: nobody takes the folder for left there either
            _lock(opened)

    def __enter__(self) -> Path:
        """Return the folder."""
        return self.path

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Take it away."""
        self.close()

    def close(self) -> None:
        """Take the folder away."""
        self._folder.cleanup()
        self._release()


def _lock(opened: int) -> None:
    """Lock a folder as long as it is open; OSError where somebody has."""
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


@cache
def _clear(parent: Path) -> None:
    """Take away the folders of processes that are no more; once in a process."""
    for folder in parent.glob(f"{PREFIX}*"):
        if not _OURS.fullmatch(folder.name):
            continue
        with suppress(OSError):  # of somebody else, in use, or gone meanwhile
            said = folder.lstat()
            if said.st_uid != os.getuid() or time.time() - said.st_ctime < YOUNG:
                continue
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _lock(opened)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(opened)
