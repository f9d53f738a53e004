"""What every trial of a search runs over: past dates, their features in memory, and how good a ranking was there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np

from smartaccounts.config import Model, Pipeline
from smartaccounts.engine.memory import release
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.metrics import average_precision
from smartaccounts.evaluation.outcomes import Outcomes
from smartaccounts.evaluation.walk import planned
from smartaccounts.features.extra import extra_features
from smartaccounts.features.snapshot import KEY, STANDING, Places, snapshot
from smartaccounts.orders.contract import Lines
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.binned import Binned
from smartaccounts.rankers.design import Design, designed
from smartaccounts.rankers.growth import Growth, GrowthModel
from smartaccounts.rankers.plain import BY_PAST_SPEND, PLAIN
from smartaccounts.rankers.training import below_key, check_positives

THIN = [*KEY, *STANDING, "spend_365d", "spend_decay_60d", "spend_decay_180d", "spend_decay_365d"]
"""What is kept of a snapshot beside its design: who was asked, and what the plain rankings need."""


@dataclass(frozen=True, eq=False)
class Market:
    """The eligible rows of one market at one date: their places in the cut-off's list, and who became key."""

    rows: Places
    grown: Floats

    @property
    def weight(self) -> float:
        """Return the square root of the number of key accounts."""
        return float(np.sqrt(self.grown.sum()))


@dataclass(frozen=True, eq=False)
class CutOff:
    """One past date. learn, asked: rows of the course's designs; learned: those of `learn`, with their outcome.

    bar: the measure of every plain ranking by past spend. binned: what trials left of `learn` for the next ones.
    """

    as_of: date
    learn: Places
    learned: Panel
    asked: Places
    markets: tuple[Market, ...]
    plain: dict[str, float]
    binned: Binned = field(default_factory=Binned)

    def measure(self, score: Floats) -> float:
        """Return the mean of log(average precision) over the markets in which somebody became a key account.

        In logs twice as good in one market and half as good in another is no gain, whatever their base rates. Markets
        weigh by the square root of their key accounts: by the number, the largest would be all that counts; alike,
        those with a single one, whose place in the list is mostly luck.
        """
        return _measure(self.markets, score)


@dataclass(frozen=True, eq=False)
class Course:
    """The past dates in the order in which a trial visits them: the latest, then ever the one farthest from those seen.

    The first few are so already spread over time. `best_plain` is the ranking by past spend with the highest mean
    measure; `left_out` says why other dates are not here. designs: of all rows, at each level of K.
    """

    designs: Mapping[float, Design]
    cut_offs: tuple[CutOff, ...]
    left_out: dict[date, str]

    @property
    def best_plain(self) -> str:
        """Return the bar: the best ranking by past spend over all dates."""
        return max(BY_PAST_SPEND, key=lambda name: float(np.mean([c.plain[name] for c in self.cut_offs])))

    def run(self, model: Model) -> Iterator[float]:
        """Yield for each cut-off the log of how many times better than the best plain ranking the model's list was.

        The model is fitted at each on nothing but the training dates before it. The mean over the cut-offs is what a
        search raises: each date counts alike, none by the height of its precision (a geometric mean of ratios). Since
        it is a difference of logs, which plain ranking is the bar shifts every trial alike and chooses nothing.
        """
        bar = self.best_plain
        for cut in self.cut_offs:
            fitted = Growth(model).order(cut.learned, cut.binned, partial(self._look, cut))
            yield cut.measure(self._score(fitted, cut)) - cut.plain[bar]

    def _look(self, cut: CutOff, level: float, at: Places) -> Design:
        found = self.designs[level].rows(cut.learn[at])
        release(self.designs[level].matrix)
        return found

    def _score(self, fitted: GrowthModel, cut: CutOff) -> Floats:
        return fitted.raw(self.designs[1.0].rows(cut.asked).of(fitted.columns))


def course(
    lines: Lines,
    as_ofs: Sequence[date],
    pipeline: Pipeline,
    *,
    known_before: date,
    step: Callable[[str], None] = lambda _: None,
) -> Course:
    """Compute the features of all dates once, and what was known of their outcomes before `known_before`.

    A date is left out, with the reason, where its training dates teach nothing or nobody became key after it;
    HistoryError where that leaves none.
    """
    plan = planned(lines.first_known, as_ofs, pipeline)
    dates = sorted({d for f in plan for d in (*f.train, f.test)})
    everybody = snapshot(lines, dates, pipeline.target, extra=extra_features(pipeline))
    asked = everybody.of(below_key(everybody))  # as training_rows; eligible are in it
    empty = lines.engine.room.empty
    made = {level: designed(asked, level, empty=empty) for level in (1.0, *pipeline.model.key_levels)}
    seen = asked.of_table(asked.columns(*THIN))
    step(f"features at {len(dates)} dates")
    outcomes = Outcomes(lines, seen, [known_before, *(f.test for f in plan)])
    cut_offs: list[CutOff] = []
    left_out: dict[date, str] = {}
    for as_of in spread([f.test for f in plan]):
        fold = next(f for f in plan if f.test == as_of)
        learned = outcomes.panel(fold.train, known_before=as_of)
        tested = outcomes.panel([as_of], known_before=known_before)
        try:
            cut_offs.append(_cut_off(as_of, seen.places_at(fold.train), learned, seen.places_at([as_of]), tested))
        except HistoryError as error:
            left_out[as_of] = error.message
    if not cut_offs:
        reasons = "\n".join(f"{d}: {why}" for d, why in sorted(left_out.items()))
        raise HistoryError(
            f"Expected past dates to choose settings on, got none of use among {len(plan)}.\n{reasons}",
            hint="Use a longer history, a later --as-of, or a lower target.key_quantile.",
        )
    return Course(made, tuple(cut_offs), left_out)


def spread(dates: Sequence[date]) -> list[date]:
    """Return the latest date, then ever the one farthest from those before it (of two such the later).

    >>> [d.month for d in spread([date(2020, m, 1) for m in (1, 4, 7, 10)])]
    [10, 1, 7, 4]
    """
    left = sorted(set(dates))
    out = [left.pop()] if left else []
    while left:
        farthest = max(left, key=lambda d: (min(abs((d - o).days) for o in out), d))
        left.remove(farthest)
        out.append(farthest)
    return out


def _cut_off(as_of: date, learn: Places, learned: Panel, asked: Places, tested: Panel) -> CutOff:
    """Put a cut-off together; HistoryError where there is nothing to learn from or to judge by."""
    check_positives(learned)
    of_eligible = learned.rows(learned.snapshot.column("eligible")).outcome["target"]
    if not 0 < of_eligible.sum() < len(of_eligible):  # settings that learn from the eligible alone must be possible
        raise HistoryError(
            f"Expected key accounts and others among the eligible training rows, got {int(of_eligible.sum())} key "
            f"accounts in {len(of_eligible):,} rows."
        )
    eligible = tested.snapshot.column("eligible")
    rows = tested.rows(eligible)
    frame, grown = rows.snapshot.frame, rows.outcome["target"].to_numpy(dtype=float)
    places = (np.asarray(rows) for rows in frame.groupby("market").indices.values())
    markets = tuple(Market(at, grown[at]) for at in places if grown[at].any())
    if not markets:
        raise HistoryError(f"Expected a customer that became a key account, got none of {len(frame):,} eligible.")
    plain = {name: _measure(markets, PLAIN[name].score(frame).score) for name in BY_PAST_SPEND}
    return CutOff(as_of, learn, learned, asked[eligible.to_numpy(dtype=bool)], markets, plain)


def _measure(markets: Sequence[Market], score: Floats) -> float:
    logs = [np.log(average_precision(m.grown, score[m.rows]).value) for m in markets]
    return float(np.average(logs, weights=[m.weight for m in markets]))
