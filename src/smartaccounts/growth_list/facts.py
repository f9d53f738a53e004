"""What stands on top of a growth list, as figures: what to expect of it, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Expected:
    """How many key accounts to expect, and whole numbers that hold the number in four cases of five."""

    mean: float
    low: int
    high: int


@dataclass(frozen=True)
class PastList:
    """How the list of a past date would have turned out: what was expected of its first `listed` rows, what came.

    by_spend: how many came of as many rows by the best ranking by past spend; random: of as many at random (expected).
    expected, low, high: null where the ranker had no probabilities.
    """

    as_of: str
    listed: int
    expected: float | None
    low: int | None
    high: int | None
    came: int
    by_spend: int | None
    random: float


@dataclass(frozen=True)
class Concentration:
    """Shares of spend of the largest customers, and the sum of all squared shares (HHI, 0 to 1)."""

    largest_1: float
    largest_5: float
    largest_10: float
    hhi: float


@dataclass(frozen=True)
class ProfitCurve:
    """Expected profit of working the first n accounts, in currency, with its 80% range; n as in `lengths`.

    best: the length with the highest expected profit (0: none pays). break_even: the last rank whose account is
    expected to bring what it costs (0: none).
    """

    lengths: tuple[int, ...]
    profit: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    best: int
    break_even: int


@dataclass(frozen=True)
class Gone:
    """An account of the previous list that is not listed now: its rank then and the reason in words."""

    market: str
    customer_id: str
    name: str | None
    previous_rank: int
    reason: str


@dataclass(frozen=True)
class Facts:
    """The figures of one list; None where something is not known.

    base_rate: of the eligible one horizon earlier. expected: of the listed; expected_by_spend, expected_random: of as
    many by last year's spend, at random. better: than every ranking by past spend, None where that was not judged.
    today, delivered: concentration now, and if the listed gain what is expected of them. last_day: of the last order
    line known before as_of. previous: the as_of of the list before.
    """

    pipeline: str
    as_of: str
    horizon_days: int
    last_day: str
    model_version: str
    ranker: str
    verdict: str
    better: bool | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    customers: int
    active: int
    eligible: int
    listed: int
    base_rate: float | None
    expected: Expected | None
    expected_by_spend: float | None
    expected_random: float | None
    past: tuple[PastList, ...] = ()
    today: Concentration | None = None
    delivered: Concentration | None = None
    curve: ProfitCurve | None = None
    previous: str | None = None
    gone: tuple[Gone, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """Return it as a mapping."""
        return asdict(self)
