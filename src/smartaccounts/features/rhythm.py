"""When a customer buys: how often, how long ago, how regularly."""

from smartaccounts.engine.sql import exact_sum
from smartaccounts.features.catalogue import Family, Feature, Message, count, ratio, series, within
from smartaccounts.features.swept import Faded, Own, Quotient, Total

WINDOWS = (30, 91, 182, 365, 730)
PRIOR = (91, 182, 365)
DECAYS = (60, 180, 365)
SHOWN = {60: 91, 180: 182, 365: 365}
"""The window whose count stands for a decayed sum where it is said to a manager."""


def _orders(days: int) -> Feature:
    return Feature(
        f"orders_{days}d",
        "count",
        f"Orders in the last {days} days, each on its first known day",
        count("is_order", within(0, days)),
        rises=True,
        zero=True,
        message=Message("orders", days=days),
        swept=Total("is_order", 0, days),
    )


def _orders_prior(days: int) -> Feature:
    meaning = f"Orders in the {days} days before the last {days}"
    expression, message = count("is_order", within(days, 2 * days)), Message("orders_before", days=days)
    swept = Total("is_order", days, 2 * days)
    return Feature(f"orders_prior_{days}d", "count", meaning, expression, zero=True, message=message, swept=swept)


def _shown(what: str, fading_days: int) -> Message:
    days = SHOWN[fading_days]
    return Message(what, value=f"{what}_{days}d", days=days)


def _orders_decay(days: int) -> Feature:
    meaning = f"Sum over all orders of exp(-age / {days} days)"
    expression = f"COALESCE({exact_sum(f'is_order * EXP(-age / {days}.0)')}, 0)"
    message = _shown("orders", days)
    return Feature(
        f"orders_decay_{days}d",
        "count, decayed",
        meaning,
        expression,
        rises=True,
        zero=True,
        message=message,
        swept=Faded("is_order", days),
    )


def _lines(days: int) -> Feature:
    return Feature(
        f"lines_{days}d",
        "count",
        f"Order lines in the last {days} days",
        count("lines", within(0, days)),
        rises=True,
        zero=True,
        message=Message("lines", days=days),
        swept=Total("lines", 0, days),
    )


def _lines_decay(days: int) -> Feature:
    meaning = f"Sum over all order lines of exp(-age / {days} days)"
    expression = f"COALESCE({exact_sum(f'lines * EXP(-age / {days}.0)')}, 0)"
    message = _shown("lines", days)
    return Feature(
        f"lines_decay_{days}d",
        "count, decayed",
        meaning,
        expression,
        rises=True,
        zero=True,
        message=message,
        swept=Faded("lines", days),
    )


RHYTHM = Family(
    name="rhythm",
    title="Rhythm: how often",
    relation="seen_orders",
    features=(
        *series(_orders, WINDOWS),
        *series(_orders_prior, PRIOR),
        Feature(
            "orders_total",
            "count",
            "Orders since the first line",
            count("is_order"),
            rises=True,
            zero=True,
            message=Message("orders_ever"),
            swept=Total("is_order"),
        ),
        *series(_orders_decay, DECAYS),
        *series(_lines, (91, 182, 365)),
        *series(_lines_decay, DECAYS),
        Feature(
            "lines_per_order_365d",
            "ratio",
            "Order lines per order of the last 365 days",
            ratio(
                f"SUM(CASE WHEN {within(0, 365)} THEN lines ELSE 0 END)",
                f"SUM(CASE WHEN {within(0, 365)} THEN is_order ELSE 0 END)",
            ),
            message=Message("lines_per_order", days=365),
            swept=Quotient(Total("lines", 0, 365), Total("is_order", 0, 365)),
        ),
    ),
)

# one row per purchase day known then, with the days since the one before it; gap is null on the first
_GAPS = """(
  SELECT s.as_of, s.c, p.day, s.as_of - p.day AS age, p.day - LAG(p.day) OVER (PARTITION BY s.as_of, s.c ORDER BY p.day) AS gap
  FROM purchase_days p JOIN seen s ON s.c = p.c WHERE p.known_day < s.as_of AND p.day < s.as_of
) gaps"""


def _months(blocks: int) -> str:
    """Count the blocks of 30 days with a purchase: cheaper than a distinct count."""
    bought = (f"MAX(CASE WHEN {within(30 * b, 30 * b + 30)} THEN 1 ELSE 0 END)" for b in range(blocks))
    return f"CAST({' + '.join(bought)} AS DOUBLE)"


_MEAN_GAP = "CAST(SUM(gap) AS DOUBLE) / COUNT(gap)"
# sums of squared integers are exact below 2^53, so this equals the two-pass formula to rounding
_VARIANCE = "(CAST(SUM(gap * gap) AS DOUBLE) - CAST(SUM(gap) AS DOUBLE) * SUM(gap) / COUNT(gap)) / (COUNT(gap) - 1)"
_STD_GAP = f"CASE WHEN COUNT(gap) > 1 THEN SQRT(CASE WHEN {_VARIANCE} > 0 THEN {_VARIANCE} ELSE 0 END) END"

GAPS = Family(
    name="gaps",
    title="Rhythm: how regularly",
    relation=_GAPS,
    features=(
        Feature(
            "tenure_days",
            "days",
            "Days since the first purchase",
            "CAST(MAX(age) AS DOUBLE)",
            message=Message("tenure"),
            swept=Own(),
        ),
        Feature(
            "recency_days",
            "days",
            "Days since the last purchase",
            "CAST(MIN(age) AS DOUBLE)",
            message=Message("recency"),
            swept=Own(),
        ),
        Feature(
            "purchase_days_365d",
            "count",
            "Days with a purchase in the last 365 days",
            f"CAST(SUM(CASE WHEN {within(0, 365)} THEN 1 ELSE 0 END) AS DOUBLE)",
            rises=True,
            zero=True,
            message=Message("purchase_days", days=365),
            swept=Total("bought", 0, 365),
        ),
        Feature(
            "purchase_months_365d",
            "count",
            "Of the last twelve blocks of 30 days, those with a purchase",
            _months(12),
            rises=True,
            zero=True,
            message=Message("months", days=365),
            swept=Own(),
        ),
        Feature(
            "purchase_months_182d",
            "count",
            "Of the last six blocks of 30 days, those with a purchase",
            _months(6),
            rises=True,
            zero=True,
            message=Message("months", days=182),
            swept=Own(),
        ),
        Feature(
            "gap_mean_days",
            "days",
            "Mean days between purchase days",
            f"CASE WHEN COUNT(gap) > 0 THEN {_MEAN_GAP} END",
            message=Message("gap"),
            swept=Quotient(Total("gap"), Total("gaps")),
        ),
        Feature(
            "gap_std_days",
            "days",
            "Standard deviation of the days between purchase days (three or more needed)",
            _STD_GAP,
            message=Message("pause", value="gap_largest_days"),
            swept=Own(),
        ),
        Feature(
            "gap_largest_days",
            "days",
            "Longest pause between two purchase days",
            "CAST(MAX(gap) AS DOUBLE)",
            message=Message("pause"),
            swept=Own(),
        ),
        Feature(
            "gap_variation",
            "ratio",
            "Standard deviation over mean of the days between purchase days: small is regular",
            f"{_STD_GAP} / ({_MEAN_GAP})",
            message=Message("pause", value="gap_largest_days"),
            swept=Own(),
        ),
        Feature(
            "gap_mean_recent_days",
            "days",
            "Mean days between purchase days, of the pauses that ended in the last 182 days",
            ratio(
                f"SUM(CASE WHEN {within(0, 182)} THEN gap END)",
                f"SUM(CASE WHEN {within(0, 182)} AND gap IS NOT NULL THEN 1 ELSE 0 END)",
            ),
            message=Message("gap_recent", days=182),
            swept=Quotient(Total("gap", 0, 182), Total("gaps", 0, 182)),
        ),
        Feature(
            "overdue",
            "ratio",
            "Days since the last purchase over the mean days between purchases",
            f"CASE WHEN COUNT(gap) > 0 THEN MIN(age) / ({_MEAN_GAP}) END",
            message=Message("overdue", value="recency_days", than="gap_mean_days"),
            swept=Own(),
        ),
    ),
)
