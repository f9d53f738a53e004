"""Read back what every training was judged by, draw by draw."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from smartaccounts.evaluation.draws import DRAWS, Draws, from_text
from smartaccounts.tracking.store import Store, reached


def read_draws(store: Store, run_ids: Iterable[str]) -> dict[str, Draws]:
    """Return run id -> draws; a training that logged none, or none that can be read, is left out."""
    found: dict[str, Draws] = {}
    with reached(store) as (_, client), TemporaryDirectory() as temporary:
        for run_id in run_ids:
            if DRAWS not in {f.path for f in client.list_artifacts(run_id)}:
                continue
            text = Path(client.download_artifacts(run_id, DRAWS, temporary)).read_text(encoding="utf-8")
            try:
                found[run_id] = from_text(text)
            except ValueError:
                continue
    return found
