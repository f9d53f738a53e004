"""The bootstrap draws of one ranker as a text that outlives its backtest: two trainings compared without their data.

They hold no customer: a digest says whether two trainings were judged by the same ones, and then the same seed drew the
same customers in both, so that they can be compared draw by draw.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.intervals import Comparison, Resampled
from smartaccounts.evaluation.metrics import Floats, Measured

DRAWS = "draws.json"
"""The name of the file among the artifacts of a training."""

NO_DATE = "it was judged at no date"
NO_CHAMPION_DATE = "the champion was judged at no date"
NO_SHARED_DATE = "no date at which both were judged"
NOBODY = "nobody became a key account after the dates at which both were judged"
OTHER_TARGET = "another target"
NOT_PAIRED = "not paired: other dates or data"


@dataclass(frozen=True, eq=False)
class Draws:
    """Average precision of one ranker at every judged date: of the data themselves and of every draw of customers.

    dates: ISO texts, ascending. points: one per date, nan with a reason. values: array (dates, draws), nan where a draw
    left no key account. judged: digest of who was judged at which date and what became of them. order_lines: digest of
    the order lines that were known. target: the definition of a key account.
    """

    ranker: str
    dates: tuple[str, ...]
    points: tuple[Measured, ...]
    values: Floats
    judged: str
    order_lines: str
    target: Mapping[str, Any]
    seed: int
    level: float


@dataclass(frozen=True)
class Against:
    """A training against the champion over `dates`; None with a reason where there is nothing to compare.

    paired: draw by draw over the same customers; else draws of each its own, and the intervals are wider.
    """

    comparison: Comparison | None
    dates: tuple[str, ...] = ()
    paired: bool = False
    reason: str = ""


def draws_of(result: Backtest, ranker: str, *, order_lines: str) -> Draws:
    """Return the draws of a ranker over the judged dates of a backtest; without dates where it was judged at none."""
    target, measured = result.target.model_dump(), result.measured
    if measured is None or ranker not in result.judged_rankers:
        return Draws(ranker, (), (), np.empty((0, 0)), "", order_lines, target, 0, math.nan)
    return Draws(
        ranker=ranker,
        dates=tuple(str(t.fold.test) for t in result.judged),
        points=measured.points[ranker, BAR],
        values=measured.draws[ranker, BAR],
        judged=_judged(result),
        order_lines=order_lines,
        target=target,
        seed=measured.seed,
        level=measured.level,
    )


def _judged(result: Backtest) -> str:
    """Return a digest of the rows that were judged: dates, customers and outcomes."""
    digest = hashlib.sha256()
    for tested in result.judged:
        rows = tested.rows[["market", "customer_id", "target"]]
        digest.update(json.dumps([str(tested.fold.test), rows.to_numpy().tolist()]).encode())
    return digest.hexdigest()


def draws_file(result: Backtest | None, ranker: str, *, order_lines: str) -> dict[str, str]:
    """Return the draws as a file, name -> text; nothing where there was no backtest."""
    return {} if result is None else {DRAWS: as_text(draws_of(result, ranker, order_lines=order_lines))}


def as_text(draws: Draws) -> str:
    """Return strict JSON, one date a line."""
    head = {
        "measure": BAR, "ranker": draws.ranker, "judged": draws.judged, "order_lines": draws.order_lines,
        "target": dict(draws.target), "seed": draws.seed, "level": _known(draws.level),
    }  # fmt: skip
    dates = [
        {"as_of": d, "value": _known(p.value), "reason": p.reason, "draws": [_known(v) for v in row]}
        for d, p, row in zip(draws.dates, draws.points, draws.values.tolist(), strict=True)
    ]
    lines = ",\n".join(json.dumps(d, allow_nan=False) for d in dates)
    return f'{json.dumps(head, allow_nan=False)[:-1]}, "dates": [\n{lines}\n]}}\n'


def from_text(text: str) -> Draws:
    """Read what `as_text` wrote; ValueError for anything else."""
    try:
        said = json.loads(text)
        dates = said["dates"]
        values = np.array([d["draws"] for d in dates], dtype=float)
        return Draws(
            ranker=said["ranker"],
            dates=tuple(d["as_of"] for d in dates),
            points=tuple(Measured(_number(d["value"]), d["reason"]) for d in dates),
            values=values.reshape(len(dates), -1) if dates else np.empty((0, 0)),
            judged=said["judged"],
            order_lines=said["order_lines"],
            target=said["target"],
            seed=said["seed"],
            level=_number(said["level"]),
        )
    except (LookupError, TypeError) as error:
        raise ValueError(f"Expected the draws of a training, got {type(error).__name__} ({error}).") from error


def against(own: Draws, champion: Draws) -> Against:
    """Compare a training with the champion by average precision, over the dates at which both were judged.

    Draw by draw where dates, customers, outcomes and seed are the same. Else the draws of one say nothing about those
    of the other: they are put together in an order of chance. Equal targets only: else they predict different things.
    """
    if not own.dates or not champion.dates:
        return Against(None, reason=NO_DATE if not own.dates else NO_CHAMPION_DATE)
    if own.target != champion.target:
        return Against(None, reason=OTHER_TARGET)
    shared = tuple(d for d in own.dates if d in champion.dates)
    if not shared:
        return Against(None, reason=NO_SHARED_DATE)
    paired = (own.judged, own.seed, own.values.shape) == (champion.judged, champion.seed, champion.values.shape)
    points_a, draws_a = _at(own, shared)
    points_b, draws_b = _at(champion, shared)
    most = min(draws_a.shape[1], draws_b.shape[1])
    chance = slice(None) if paired else np.random.default_rng(0).permutation(most)
    both = Resampled(
        own.level,
        {("own", BAR): points_a, ("champion", BAR): points_b},
        {("own", BAR): draws_a[:, :most], ("champion", BAR): draws_b[:, :most][:, chance]},
    )
    compared = both.compare("own", "champion", BAR)
    if math.isnan(compared.difference.value):
        return Against(None, shared, reason=NOBODY)
    return Against(compared, shared, paired, "" if paired else NOT_PAIRED)


def _at(draws: Draws, dates: tuple[str, ...]) -> tuple[tuple[Measured, ...], Floats]:
    at = [draws.dates.index(d) for d in dates]
    return tuple(draws.points[i] for i in at), draws.values[at]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
