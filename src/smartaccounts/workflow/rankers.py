"""Which rankers a pipeline has."""

from __future__ import annotations

from smartaccounts.config import Pipeline
from smartaccounts.rankers.base import Ranker
from smartaccounts.rankers.btyd import Btyd
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.logistic import Logistic
from smartaccounts.rankers.plain import PLAIN


def rankers(pipeline: Pipeline) -> tuple[Ranker, ...]:
    """Return the learned rankers and the plain rankings; a new ranker is one line here."""
    return (
        Growth(pipeline.model),
        Logistic(pipeline.model),
        Btyd(pipeline.model),
        *PLAIN.values(),
    )
