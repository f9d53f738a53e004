"""The growth list: the eligible customers of one as_of, ranked, and what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartaccounts.config import GrowthList as Settings
from smartaccounts.config import Pipeline
from smartaccounts.engine.memory import IN_MEMORY, Room
from smartaccounts.errors import PipelineError
from smartaccounts.features.piecewise import released, taken
from smartaccounts.features.spend import BLOCKS
from smartaccounts.growth_list.branches import branches
from smartaccounts.growth_list.capacity import profit_curve, proposed_length
from smartaccounts.growth_list.columns import COLUMNS, SHOWN_ATTRIBUTES, TAKEN, chosen
from smartaccounts.growth_list.concentration import delivered, today
from smartaccounts.growth_list.costs import money
from smartaccounts.growth_list.facts import Concentration, Gone, ProfitCurve
from smartaccounts.growth_list.flags import flags
from smartaccounts.growth_list.hysteresis import Places, places
from smartaccounts.growth_list.keep_small import SUMMED, KeptSmall, keep_small, summary
from smartaccounts.growth_list.plays import plays, rules_of, why
from smartaccounts.growth_list.previous import PreviousList
from smartaccounts.growth_list.ranking import Ranking
from smartaccounts.growth_list.reasons import reasons, typical
from smartaccounts.growth_list.stability import compare
from smartaccounts.growth_list.words import words
from smartaccounts.orders.expression import nearest


@dataclass(frozen=True)
class GrowthList:
    """frame: one row per eligible customer with COLUMNS, by rank; last the attribute of growth_list.per if none is.

    Money in currency; spend_12m is [as_of-365, as_of), spend_prior_12m the 365 days before; potential is spend in the
    horizon, gap what it is above spend_h, peer_* what similar accounts reached in a horizon. Reasons and flags are
    lists of sentences, play_why and moved_because sentences, for the listed rows, null for the others. Costs and values
    are null without cost assumptions, status and previous_rank without a list before. play, play_rule and model_version
    are categories.

    blocks: for the listed rows, in their order, the spend of 24 blocks of 30 days, the oldest first; null before the
    history. gone: who was on the list before and is not now. kept: the second list in sum. delivered: concentration if
    the listed reach what is expected of them.
    """

    frame: pd.DataFrame
    blocks: pd.DataFrame
    gone: tuple[Gone, ...]
    kept: KeptSmall
    curve: ProfitCurve | None
    today: Concentration | None
    delivered: Concentration | None


def growth_list(
    ranking: Ranking,
    pipeline: Pipeline,
    *,
    attributes: pd.DataFrame | None = None,
    previous: PreviousList | None = None,
    room: Room = IN_MEMORY,
) -> GrowthList:
    """Say who of a ranking is listed, and what there is to say of each.

    attributes: texts of the customers table, null where it has none, a row for each of `ranking.now`. Who was listed in
    `previous` and is only just behind takes the last places. What there is of everybody lies in the room.
    """
    settings, said = pipeline.growth_list, words(pipeline.growth_list.language)
    now, bundle, everybody = ranking.now, ranking.bundle, ranking.now.frame
    ranked = ranking.rows
    groups = _groups(ranking, attributes, settings.per, room)
    curve = profit_curve(ranked, settings.costs, shown=settings.capacity)
    placed = _places(ranked, settings, curve, previous=previous, groups=groups)
    on_list = np.zeros(len(ranked), dtype=bool)
    on_list[placed.order] = placed.listed
    own = [e.name for e in now.extra]
    played = plays(ranked, rules_of(pipeline), costs=settings.costs, own=own, room=room)
    accounts = pd.concat([ranked, played, money(ranked, played["play"], settings.costs)], axis=1)
    added = {
        "spend_12m": accounts["spend_365d"],
        "spend_prior_12m": accounts["spend_prior_365d"],
        "gap": accounts["potential"] - accounts["spend_h"],
        "listed": on_list,
        "keep_small": keep_small(accounts, on_list),
    }
    narrow = {c: accounts[c] for c in COLUMNS if c in accounts}  # a list needs few of the features
    frame = taken(pd.DataFrame(narrow | added, index=accounts.index, copy=False), placed.order, room)
    version = chosen([bundle.version], np.zeros(len(frame), dtype=np.intp))
    frame = frame.assign(rank=np.arange(1, len(frame) + 1), model_version=version)
    changes = compare(
        frame, previous, everybody=everybody, held=placed.held, horizon_days=pipeline.target.horizon_days, words=said
    )
    listed = accounts.iloc[placed.order[placed.listed]]
    released(accounts)  # a file comes into memory around each row that is read
    told = _told(accounts, listed, ranking, pipeline, attributes=attributes, room=room)
    shown = _attributes(attributes, ranking.places[placed.order], room)
    sentences = {name: _spread(texts, placed.listed) for name, texts in told.items()}
    compared = {**frame, **shown, **sentences, **changes.rows}
    columns = {name: compared[name] for name in COLUMNS} | _beside(groups, settings.per, placed.order)
    return GrowthList(
        frame=pd.DataFrame(columns, copy=False),
        blocks=_blocks(listed.reset_index(drop=True)),
        gone=changes.gone,
        kept=summary(frame.loc[frame["keep_small"], SUMMED]),
        curve=curve,
        today=today(everybody),
        delivered=delivered(everybody, listed),
    )


def _attributes(attributes: pd.DataFrame | None, at: np.ndarray, room: Room) -> dict[str, pd.Series]:
    """Return name and SHOWN_ATTRIBUTES at some places as texts; null where the table has none."""
    none = pd.Series(None, index=range(len(at)), dtype="str")
    shown = ["name", *SHOWN_ATTRIBUTES]
    said = {} if attributes is None else dict(taken(attributes.filter(shown), at, room))
    return {name: said.get(name, none) for name in shown}


def _groups(ranking: Ranking, attributes: pd.DataFrame | None, per: str | None, room: Room) -> pd.Series | None:
    """Return the value of growth_list.per of each row; PipelineError where it cannot be used.

    The customers table has no such column, or its name is TAKEN.
    """
    if per is None or attributes is None:
        return None
    if per == "market":
        return ranking.rows["market"]
    if per not in attributes.columns:
        raise PipelineError(
            f"Expected an attribute of the customers table, got {per!r} in growth_list.per.",
            hint=f"{nearest(per, attributes.columns)} Map it under customers.columns.",
        )
    if per in TAKEN:
        raise PipelineError(
            f"Expected an attribute whose name is no column of a list, got {per!r} in growth_list.per.",
            hint="Map it under another name under customers.columns.",
        )
    return taken(attributes[[per]], ranking.places, room)[per]


def _beside(groups: pd.Series | None, per: str | None, order: np.ndarray) -> dict[str, pd.Series]:
    """Return the attribute of growth_list.per as a column of texts where it is none of COLUMNS; null where unknown."""
    if groups is None or per is None or per in COLUMNS:
        return {}
    return {per: groups.iloc[order].reset_index(drop=True).astype("str")}


def _places(
    ranked: pd.DataFrame,
    settings: Settings,
    curve: ProfitCurve | None,
    *,
    previous: PreviousList | None,
    groups: pd.Series | None,
) -> Places:
    """Say who is listed, and in which order; a list that ends where more would not pay has no rows beyond that rank."""
    before = np.zeros(len(ranked), dtype=bool) if previous is None else previous.listed(ranked)
    longest = proposed_length(curve, settings.length)
    slack, rows = settings.hysteresis, len(ranked)
    if groups is None:
        capacity = settings.capacity if longest is None else min(settings.capacity, longest)
        return places(before, capacity=capacity, slack=slack)
    within = rows if longest is None else min(longest, rows)
    made = places(before[:within], capacity=settings.capacity, slack=slack, groups=groups.iloc[:within])
    none = np.zeros(rows - within, dtype=bool)
    order = np.concatenate([made.order, np.arange(within, rows)])
    return Places(order, np.concatenate([made.listed, none]), np.concatenate([made.held, none]))


def _told(
    accounts: pd.DataFrame,
    listed: pd.DataFrame,
    ranking: Ranking,
    pipeline: Pipeline,
    *,
    attributes: pd.DataFrame | None,
    room: Room,
) -> dict[str, Sequence[object]]:
    """Return what is said of the listed, of those accounts; their index is where they are among all."""
    settings, said = pipeline.growth_list, words(pipeline.growth_list.language)
    top, at = listed.reset_index(drop=True), listed.index.to_numpy()
    bundle = ranking.bundle
    terms, extra = bundle.fitted.contributions(top), bundle.card.extra
    of_peers = typical(terms.names, accounts, extra=extra, empty=room.table)
    given = reasons(terms, top, of_peers, most=settings.reasons, words=said, extra=extra)
    same = {} if attributes is None else branches(ranking.now.frame, attributes, ranking.places[at])
    return {
        "reasons_for": [[r.text for r in t.speaking_for] for t in given],
        "reasons_against": [[r.text for r in t.against] for t in given],
        "flags": flags(top, records=bundle.records, branches=same, words=said),
        "play_why": why(accounts, at, rules_of(pipeline), words=said, costs=settings.costs),
    }


def _spread(texts: Sequence[object], listed: np.ndarray) -> pd.Series:
    """Return the texts at the listed rows, None elsewhere."""
    out = np.full(len(listed), None, dtype=object)
    for at, one in zip(np.flatnonzero(listed), texts, strict=True):
        out[at] = one
    return pd.Series(out, dtype="object")


def _blocks(listed: pd.DataFrame) -> pd.DataFrame:
    names = [f"spend_block_{b:02d}" for b in reversed(BLOCKS)]
    ages = np.array([30 * b for b in reversed(BLOCKS)])
    unknown = listed["history_days"].to_numpy(dtype=float)[:, None] < ages
    return listed[names].mask(unknown).reset_index(drop=True)
