"""Ctrl-C is remembered: in a callback a library makes an error of its own of it, or drops it without a word."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from types import FrameType


@dataclass
class _Heard:
    remembering: bool = False
    pressed: bool = False


_heard = _Heard()


def remember() -> None:
    """From now on remember Ctrl-C too, before what is done about it; not where it is ignored (nohup)."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        return

    def press(number: int, frame: FrameType | None) -> None:
        _heard.pressed = True
        before(number, frame)

    signal.signal(signal.SIGINT, press)
    _heard.remembering = True


def remember_still() -> None:
    """Remember it again, if it was: a library may have put its own handler in place, as the first thread can."""
    if _heard.remembering and threading.current_thread() is threading.main_thread():
        remember()


def pressed() -> bool:
    """Say whether Ctrl-C came."""
    return _heard.pressed


def heed() -> None:
    """KeyboardInterrupt where Ctrl-C came: between two steps, and before a result takes its place."""
    if _heard.pressed:
        raise KeyboardInterrupt
