"""Which rankers a pipeline has."""

from __future__ import annotations

from smartaccounts.config import Model, Pipeline
from smartaccounts.rankers.base import Ranker
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import PLAIN

CHAMPION = "champion"
"""The recipe in service, beside the challenger."""


def rankers(pipeline: Pipeline) -> tuple[Ranker, ...]:
    """Return all rankers of a backtest, the challenger first; a new ranker is one line here."""
    return (*judged_rankers(pipeline), *PLAIN.values())


def judged_rankers(pipeline: Pipeline, champion: Model | None = None) -> tuple[Ranker, ...]:
    """Return what the gate compares beside the plain rankings: the challenger, and the recipe in service if another."""
    challenger = Growth(pipeline.model)
    return (challenger,) if champion is None else (challenger, Growth(champion, name=CHAMPION))
