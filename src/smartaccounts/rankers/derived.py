"""The columns of the design that are made of features and K: what each says, and how it is said to a manager."""

from __future__ import annotations

from dataclasses import dataclass

from smartaccounts.features.catalogue import MARKET, Message
from smartaccounts.features.spend import DECAYS, said_as_spend


@dataclass(frozen=True)
class Derived:
    """A column that is made of features and K: what it says, `message` and `rises` as in the catalogue.

    The message shows the figures that the column was made of, in the account's own money, orders and days.
    """

    meaning: str
    message: Message
    rises: bool = False


GROWTH = (30, 91, 182, 365)
FADING = ((30, 120), (60, 180), (60, 365), (180, 720))
_WINDOWS = dict(zip(FADING, ((30, 91), (60, 182), (60, 365), (182, 730)), strict=True))


def _change(days: int) -> Message:
    return Message("spend_change", value=f"spend_{days}d", than=f"spend_prior_{days}d", days=days)


def _part(days: int, longer: int, what: str = "spend") -> Message:
    return Message(f"{what}_part", value=f"{what}_{days}d", than=f"{what}_{longer}d", days=days, longer=longer)


def _growth() -> dict[str, Derived]:
    growth = {
        f"growth_{d}d": Derived(f"Spend of the last {d} days against the {d} days before", _change(d)) for d in GROWTH
    }
    decay = {
        f"growth_decay_{fast}_{slow}d": Derived(
            f"Recent spend (fading with {fast} days) against older ({slow} days)", _part(*_WINDOWS[fast, slow])
        )
        for fast, slow in FADING
    }
    rates = {
        f"rate_decay_{d}d": Derived(f"Pace of spend since its first purchase, fading with {d} days", said_as_spend(d))
        for d in DECAYS
    }
    return growth | decay | rates


_RECENT_PARTS = {
    f"growth_{days}d_in_{longer}d": Derived(
        f"Pace of the last {days} days against that of the last {longer}", _part(days, longer)
    )
    for days, longer in ((91, 365), (182, 365), (365, 730))
}

_SEASON = {
    "growth_year_ago_182d": Derived(
        "Spend of the last 182 days against the same days a year ago",
        Message("spend_year_ago", value="spend_182d", than="spend_year_ago_behind_182d", days=182),
    ),
    "season_own_182d": Derived(
        "What followed this time last year, against what came before it",
        Message("season_change", value="spend_year_ago_ahead_182d", than="spend_year_ago_behind_182d", days=182),
    ),
}

_COUNTS = {
    "growth_orders_91d_in_365d": Derived("Orders of the last 91 days against the last 365", _part(91, 365, "orders")),
    "growth_products_91d_in_365d": Derived(
        "Different products of the last 91 days against the last 365",
        Message("products_part", value="products_recent_share", days=91, longer=365),
    ),
    "growth_orders_182d": Derived(
        "Orders of the last 182 days against the 182 before",
        Message("orders_change", value="orders_182d", than="orders_prior_182d", days=182),
    ),
}

_SHAPE = {
    "half_year_best": Derived(
        "Its best half year of the last two years, against a key account",
        Message("half_year_best", value="half_year_best_spend"),
        rises=True,
    ),
    "half_year_best_age": Derived(
        "How long ago its best half year was", Message("half_year_best_age", value="half_year_best_ago_days")
    ),
    "half_years_at_key": Derived(
        "How often a half year of its history was at key account level",
        Message("reached_key", value="half_years_at_key_share"),
    ),
    "half_years_at_small": Derived(
        "How often a half year of its history was above small",
        Message("reached_small", value="half_years_at_small_share"),
    ),
    "block_best": Derived(
        "Its best month of the last two years", Message("month_best", value="month_best_spend"), rises=True
    ),
    "block_second": Derived(
        "Its second best month of the last two years", Message("month_second", value="month_second_spend"), rises=True
    ),
    "block_third": Derived(
        "Its third best month of the last two years", Message("month_third", value="month_third_spend"), rises=True
    ),
    "small_to_key": Derived("How far small and key accounts are apart in this market", MARKET),
    "slope_6_blocks": Derived("Trend of its spend over six months", _change(91)),
    "slope_12_blocks": Derived("Trend of its spend over twelve months", _change(182)),
    "spread_6_blocks": Derived(
        "How much its spend varies from month to month, six months",
        Message("evenness", value="month_weakest_6", than="month_strongest_6", days=182),
    ),
    "spread_12_blocks": Derived(
        "How much its spend varies from month to month, twelve months",
        Message("evenness", value="month_weakest_12", than="month_strongest_12", days=365),
    ),
}

_SIZES = {
    "order_recent_to_own": Derived(
        "Its recent orders against its usual order size",
        Message("order_change", value="order_mean_91d", than="order_mean_365d", days=91, longer=365),
    ),
    "order_last_to_own": Derived(
        "Its last order against its usual order size",
        Message("order_last_change", value="order_last", than="order_mean"),
    ),
    "order_first_to_own": Derived(
        "Its first order against its usual order size",
        Message("order_growth", value="order_mean", than="order_first"),
    ),
    "start_to_now": Derived(
        "Its first 90 days against its last",
        Message("start_change", value="spend_91d", than="spend_first_90d", days=91),
    ),
}

DERIVED: dict[str, Derived] = _growth() | _RECENT_PARTS | _SEASON | _COUNTS | _SHAPE | _SIZES
"""The columns that the design derives, by name."""
