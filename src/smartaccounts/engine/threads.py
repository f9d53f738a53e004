"""How many threads to use."""

from __future__ import annotations

import os

from threadpoolctl import threadpool_limits

from smartaccounts.errors import PipelineError


def threads() -> int:
    """Return how many threads to use: SMARTACCOUNTS_THREADS, else the number of cores; PipelineError for no number."""
    said = os.environ.get("SMARTACCOUNTS_THREADS") or str(os.cpu_count() or 1)
    if not said.isdecimal() or int(said) < 1:
        raise PipelineError(
            f"Expected a number of threads, got {said!r} in SMARTACCOUNTS_THREADS.",
            hint="Write for example SMARTACCOUNTS_THREADS=2, or unset it to use every core.",
        )
    return int(said)


def foreign_threads() -> threadpool_limits:
    """Return a context in which foreign libraries (OpenMP, BLAS) take SMARTACCOUNTS_THREADS threads.

    It outweighs OMP_NUM_THREADS. Where it is not set they do as they would; one that is given a number of threads of
    its own takes that.
    """
    return threadpool_limits(threads() if os.environ.get("SMARTACCOUNTS_THREADS") else None)
