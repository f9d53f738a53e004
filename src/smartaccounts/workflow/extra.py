"""Features of the pipeline file are looked at before the lines are read: a slip is told at once."""

from __future__ import annotations

from smartaccounts.config import Pipeline
from smartaccounts.features.extra import Extra, extra_features
from smartaccounts.features.snapshot import STANDING
from smartaccounts.growth_list.columns import COLUMNS
from smartaccounts.growth_list.rule_figures import FIGURES
from smartaccounts.panel import OUTCOME
from smartaccounts.rankers.derived import DERIVED

SAID = {name for d in DERIVED.values() for name in (d.message.value, d.message.than)} - {""}
"""Figures that sentences hold beside the features."""

TAKEN = frozenset({*STANDING, *OUTCOME, *DERIVED, *SAID, *FIGURES, *COLUMNS})
"""What no feature of the pipeline file can be called, beside the names of the catalogue and of an order line's columns:
something else stands under that name where its rows go."""


def checked_extra(pipeline: Pipeline) -> tuple[Extra, ...]:
    """Return the features of `features.extra`; PipelineError where one has a name that is taken or is no aggregate."""
    return extra_features(pipeline, taken=TAKEN)
