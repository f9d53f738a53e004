"""How the C library keeps memory of this process that is not used any more."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""Of glibc's malloc.h."""

LARGE = 1 << 20


def give_back_at_once() -> None:
    """Have arrays of LARGE bytes and more that are gone go back to the system, in a process that is ours.

    The C library would keep them for later ones, in a heap for each thread, and what stays lies between them: a long
    training grows (mallopt(3)). It outweighs MALLOC_ARENA_MAX and the like; nothing is done where the library is not
    glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_ARENA_MAX, 2)
