"""The same season last year: what a customer bought a year before the horizon, and a year before now."""

from smartaccounts.features.catalogue import Family, Feature, Message, count, money, series, within
from smartaccounts.features.swept import Total

WINDOWS = (91, 182)


def _known(expression: str, days_back: int) -> str:
    """Null where the source's history does not reach back that far: unknown is not zero."""
    return f"CASE WHEN MAX(history_days) >= {days_back} THEN {expression} END"


def _ahead(days: int) -> Feature:
    meaning = f"Net spend of the {days} days that begin one year before as_of: last year's horizon"
    expression = _known(money("amount", within(365 - days, 365)), 365)
    message = Message("season_spend", days=days)
    swept = Total("amount", 365 - days, 365, "money", history=365)
    return Feature(f"spend_year_ago_ahead_{days}d", "money", meaning, expression, message=message, swept=swept)


def _behind(days: int) -> Feature:
    meaning = f"Net spend of the {days} days that end one year before as_of"
    expression = _known(money("amount", within(365, 365 + days)), 365 + days)
    message = Message("year_ago", days=days)
    swept = Total("amount", 365, 365 + days, "money", history=365 + days)
    return Feature(f"spend_year_ago_behind_{days}d", "money", meaning, expression, message=message, swept=swept)


def _orders_ahead(days: int) -> Feature:
    meaning = f"Orders in the {days} days that begin one year before as_of"
    expression = _known(count("is_order", within(365 - days, 365)), 365)
    message = Message("season_orders", days=days)
    swept = Total("is_order", 365 - days, 365, history=365)
    return Feature(f"orders_year_ago_ahead_{days}d", "count", meaning, expression, message=message, swept=swept)


SEASON = Family(
    name="season",
    title="Same season last year",
    relation="seen_orders",
    features=(*series(_ahead, WINDOWS), *series(_behind, WINDOWS), *series(_orders_ahead, (182,))),
)
