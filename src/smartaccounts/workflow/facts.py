"""What stands on top of a list, put together: what to expect of it, what it rests on, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from smartaccounts.bundle import Bundle
from smartaccounts.config import Pipeline
from smartaccounts.evaluation.expectation import expectation
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.growth_list import capacity
from smartaccounts.growth_list.columns import CHANCES, COLUMNS
from smartaccounts.growth_list.costs import assumptions
from smartaccounts.growth_list.facts import Expected, Facts
from smartaccounts.growth_list.ranked import GrowthList
from smartaccounts.growth_list.words import words
from smartaccounts.outputs.shown import Shown, plays_in


@dataclass(frozen=True)
class Circumstances:
    """What a list was made under: the base rate last known, the last day known, what to beware of, the list before."""

    base_rate: float | None
    last_day: date
    warnings: tuple[str, ...]
    previous: date | None


def facts(
    made: GrowthList, now: Snapshot, bundle: Bundle, pipeline: Pipeline, *, circumstances: Circumstances
) -> Facts:
    """Return the figures of a list; `now` is the whole snapshot of its as_of."""
    frame, card = made.frame, bundle.card
    listed = frame["listed"].to_numpy(dtype=bool)
    chance = frame["probability"].to_numpy(dtype=float)
    known = bool(np.isfinite(chance).all())
    count = int(listed.sum())
    return Facts(
        pipeline=pipeline.name,
        as_of=str(frame["as_of"].iloc[0].date()),
        horizon_days=pipeline.target.horizon_days,
        last_day=str(circumstances.last_day),
        model_version=bundle.version,
        ranker=card.ranker,
        verdict=card.verdict,
        better=card.better,
        notes=tuple(map(words(pipeline.growth_list.language).note, card.notes)),
        warnings=circumstances.warnings,
        customers=len(now.frame),
        active=int(now.frame["active"].sum()),
        eligible=len(frame),
        listed=count,
        base_rate=circumstances.base_rate,
        expected=_expected(frame[listed]),
        expected_by_spend=float(chance[_by_spend(frame)[:count]].sum()) if known else None,
        expected_random=float(chance.mean() * count) if known else None,
        past=card.past,
        today=made.today,
        delivered=made.delivered,
        curve=made.curve,
        previous=None if circumstances.previous is None else str(circumstances.previous),
        gone=made.gone,
    )


def shown_list(made: GrowthList, told: Facts, pipeline: Pipeline) -> Shown:
    """Return what page and workbook show, in the language of the pipeline."""
    settings, said = pipeline.growth_list, words(pipeline.growth_list.language)
    length = capacity.said(made.curve, said, capacity=settings.capacity, per=settings.per)
    return Shown(
        frame=made.frame,
        facts=told,
        words=said,
        plays=plays_in(said),
        blocks=made.blocks,
        kept=made.kept,
        told=tuple(length),
        assumed=tuple(assumptions(settings.costs, said)),
        per=None if settings.per in COLUMNS else settings.per,
    )


def _expected(listed: pd.DataFrame) -> Expected | None:
    """Return how many key accounts to expect among the listed rows; None without probabilities."""
    if listed[CHANCES].isna().to_numpy().any() or not len(listed):
        return None
    found = expectation(*(listed[c].to_numpy(dtype=float) for c in CHANCES))
    return Expected(found.mean, found.low, found.high)


def _by_spend(frame: pd.DataFrame) -> np.ndarray:
    """Return the places of the rows by the spend of the last 12 months, the largest first."""
    return np.argsort(-frame["spend_12m"].to_numpy(dtype=float), kind="stable")
