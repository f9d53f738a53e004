"""What a customer spends: windows, the windows before, decayed sums, months, and the size of its orders."""

from smartaccounts.engine.sql import MONEY_SCALE, exact_sum
from smartaccounts.features.catalogue import Family, Feature, Message, money, ratio, series, within
from smartaccounts.features.swept import EVER, Faded, Own, Quotient, Total

WINDOWS = (30, 60, 91, 182, 365, 730)
PRIOR = (30, 91, 182, 365)
DECAYS = (30, 60, 120, 180, 365, 720)
BLOCKS = range(1, 25)
SHOWN = {30: 30, 60: 60, 120: 91, 180: 182, 365: 365, 720: 730}
"""The window whose spend stands for a decayed sum where it is said to a manager."""


def _window(days: int) -> Feature:
    return Feature(
        f"spend_{days}d",
        "money",
        f"Net spend of the last {days} days",
        money("amount", within(0, days)),
        rises=True,
        zero=True,
        message=Message("spend", days=days),
        swept=Total("amount", 0, days, "money"),
    )


def _prior(days: int) -> Feature:
    meaning = f"Net spend of the {days} days before the last {days}"
    expression, message = money("amount", within(days, 2 * days)), Message("spend_before", days=days)
    swept = Total("amount", days, 2 * days, "money")
    return Feature(f"spend_prior_{days}d", "money", meaning, expression, zero=True, message=message, swept=swept)


def said_as_spend(fading_days: int) -> Message:
    """Return how spend that fades is said: by the window it looks at most."""
    days = SHOWN[fading_days]
    return Message("spend", value=f"spend_{days}d", days=days)


def _decay(days: int) -> Feature:
    meaning = f"Sum of all net spend, each amount times exp(-age / {days} days)"
    # 1e18: a decayed amount of long ago is tiny and still compared with 1e-9 relative
    expression = f"COALESCE({exact_sum(f'CAST(amount AS DOUBLE) / {MONEY_SCALE} * EXP(-age / {days}.0)', '1e18')}, 0)"
    message = said_as_spend(days)
    return Feature(
        f"spend_decay_{days}d",
        "money, decayed",
        meaning,
        expression,
        rises=True,
        zero=True,
        message=message,
        swept=Faded("amount", days, "money"),
    )


def _block(number: int) -> Feature:
    first, last = 30 * (number - 1), 30 * number
    meaning = f"Net spend of the 30 days that end {first} days before as_of"
    message = Message("spend_month", days=first) if first else Message("spend", days=last)
    expression = money("amount", within(first, last))
    swept = Total("amount", first, last, "money")
    return Feature(f"spend_block_{number:02d}", "money", meaning, expression, zero=True, message=message, swept=swept)


def _mean(days: int = EVER) -> Quotient:
    return Quotient(Total("amount", 0, days, "money"), Total("is_order", 0, days))


_MEAN_365 = ratio(money("amount", within(0, 365)), f"SUM(CASE WHEN {within(0, 365)} THEN is_order ELSE 0 END)")

SPEND = Family(
    name="spend",
    title="Spend",
    relation="seen_orders",
    features=(
        *series(_window, WINDOWS),
        *series(_prior, PRIOR),
        Feature(
            "spend_total",
            "money",
            "Net spend since the first line",
            money("amount"),
            rises=True,
            zero=True,
            message=Message("spend_ever"),
            swept=Total("amount", kind="money"),
        ),
        *series(_decay, DECAYS),
        *series(_block, BLOCKS),
        Feature(
            "spend_first_90d",
            "money",
            "Net spend up to 90 days after the first purchase",
            money("amount", "day < first_day + 90"),
            zero=True,
            message=Message("start"),
            swept=Own(),
        ),
        Feature(
            "order_mean_365d",
            "money",
            "Net spend per order of the last 365 days",
            _MEAN_365,
            message=Message("order_mean", days=365),
            swept=_mean(365),
        ),
        Feature(
            "order_mean_91d",
            "money",
            "Net spend per order of the last 91 days",
            ratio(money("amount", within(0, 91)), f"SUM(CASE WHEN {within(0, 91)} THEN is_order ELSE 0 END)"),
            message=Message("order_mean", days=91),
            swept=_mean(91),
        ),
        Feature(
            "order_mean",
            "money",
            "Net spend per order since the first line",
            ratio(money("amount"), "SUM(is_order)"),
            message=Message("order_mean_ever"),
            swept=_mean(),
        ),
        Feature(
            "order_largest_365d",
            "money",
            "Largest net order, by day, of the last 365 days",
            f"MAX(CASE WHEN {within(0, 365)} THEN CAST(amount AS DOUBLE) / {MONEY_SCALE} END)",
            message=Message("order_largest", days=365),
            swept=Own(),
        ),
        Feature(
            "order_largest",
            "money",
            "Largest net order, by day, ever",
            f"MAX(CAST(amount AS DOUBLE) / {MONEY_SCALE})",
            message=Message("order_largest_ever"),
            swept=Own(),
        ),
        Feature(
            "order_largest_share_365d",
            "share",
            "Share of the largest order, by day, in what was bought in the last 365 days",
            ratio(
                f"MAX(CASE WHEN {within(0, 365)} THEN CAST(gross AS DOUBLE) END)",
                f"CAST(SUM(CASE WHEN {within(0, 365)} THEN gross ELSE 0 END) AS DOUBLE)",
            ),
            message=Message("order_share", days=365),
            swept=Own(),
        ),
        Feature(
            "order_first",
            "money",
            "What was bought on the first purchase day",
            money("gross", "day = first_day"),
            zero=True,
            message=Message("order_first"),
            swept=Own(),
        ),
        Feature(
            "order_last",
            "money",
            "What was bought on the last purchase day",
            money("gross", "day = last_day"),
            zero=True,
            message=Message("order_last"),
            swept=Own(),
        ),
    ),
)
