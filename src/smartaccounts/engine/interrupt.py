"""Ctrl-C is remembered: in a callback a library makes an error of its own of it, or drops it without a word."""

from __future__ import annotations

import signal
from types import FrameType

_heard: list[bool] = []
"""False for each handler that remembers, True for each Ctrl-C; empty where nothing is remembered."""


def remember() -> None:
    """From now on remember Ctrl-C too, before what is done about it; not where it is ignored (nohup)."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        return
    _heard.append(False)

    def press(number: int, frame: FrameType | None) -> None:
        _heard.append(True)
        before(number, frame)

    signal.signal(signal.SIGINT, press)


def remember_still() -> None:
    """Remember it again, if it was: a library has put a handler of its own in place."""
    if _heard:
        remember()


def pressed() -> bool:
    """Say whether Ctrl-C came."""
    return any(_heard)


def heed() -> None:
    """KeyboardInterrupt where Ctrl-C came: between two steps, and before a result takes its place."""
    if pressed():
        raise KeyboardInterrupt
