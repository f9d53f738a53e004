"""How many threads to use."""

from __future__ import annotations

import os

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
