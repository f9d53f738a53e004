"""How functions are compiled: once per machine (numba keeps the code beside the module), free of Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function on its first call; it takes numbers and arrays only.

    Call it in another thread than the first: a Ctrl-C in the middle of a compilation would be lost in LLVM's callbacks.
    """
    return cast("Function", njit(cache=True, nogil=True)(function))
