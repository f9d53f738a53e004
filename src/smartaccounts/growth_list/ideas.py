"""What reasons are about: the messages of one idea share a place, and on which side of an account each may stand."""

from __future__ import annotations

from smartaccounts.features.catalogue import Message

IDEAS: dict[str, dict[str, int]] = {
    "spend": {"spend": 1, "spend_before": 1, "spend_ever": 1, "spend_month": 1, "rank": 1},
    "trend": {"spend_change": 1, "spend_part": 1, "spend_year_ago": 1, "orders_change": 1, "orders_part": 1},
    "season": {"season_spend": 1, "season_change": 1, "season_orders": 1, "year_ago": 1},
    "peak": {
        "half_year_best": 1, "half_year_best_age": -1, "reached_key": 1, "reached_small": 1, "month_best": 1,
        "month_second": 1, "month_third": 1,
    },
    "evenness": {"evenness": 1},
    "orders": {"orders": 1, "orders_before": 1, "orders_ever": 1, "lines": 1, "purchase_days": 1, "months": 1},
    "rhythm": {"gap": -1, "gap_recent": -1, "pause": -1},
    "recency": {"recency": -1, "overdue": -1},
    "tenure": {"tenure": 0},
    "start": {"start": 1, "start_change": 1, "order_first": 1},
    "order_size": {
        "order_mean": 1, "order_mean_ever": 1, "order_largest": 1, "order_largest_ever": 1, "order_last": 1,
        "lines_per_order": 1,
    },
    "order_trend": {"order_change": 1, "order_last_change": 1, "order_growth": 1},
    "one_order": {"order_share": -1},
    "products": {
        "products": 1, "products_new": 1, "products_repeated": 1, "products_part": 1, "product_share": 0,
        "products_popular": 0, "categories": 1, "category_share": 0,
    },
    "affinity": {"affinity": 1, "affinity_new": 1, "affinity_highest": 1},
    "price": {"price": 0, "discount": 0},
    "margin": {"margin": 1, "margin_money": 1},
    "quantity": {"quantity": 1, "quantity_highest": 1},
    "returns": {"returns": -1, "returns_ever": -1, "return_lines": -1},
    "digital": {"digital": 0},
    "elsewhere": {"elsewhere": 1, "elsewhere_rank": 1, "elsewhere_size": 1},
    "own": {"own": 0, "own_rises": 1},
}  # fmt: skip
"""Idea -> message -> what speaks for an account as a manager reads it: more (1), less (-1), or either (0).

Of "own" are the features of the pipeline file: each is an idea by itself."""

IDEA = {key: idea for idea, messages in IDEAS.items() for key in messages}
SIGN = {key: sign for messages in IDEAS.values() for key, sign in messages.items()}

PARTS = frozenset({"spend_part", "orders_part"})
"""Messages of a part of a longer window: more than its share of the time is much."""

AGAINST_NOTHING = frozenset({"evenness", "reached_key", "reached_small"})
"""Messages in which anything above nothing is much."""

YEAR = 365
REACH = {
    **dict.fromkeys(("spend_change", "orders_change", "spend_before", "orders_before"), (2, 0)),
    **dict.fromkeys(("spend_year_ago", "season_change", "year_ago"), (1, YEAR)),
    **dict.fromkeys(("season_spend", "season_orders", "half_year_best_age"), (0, YEAR)),
    **dict.fromkeys(("reached_key", "reached_small"), (0, 182)),
    "month_second": (0, 60),
    "month_third": (0, 90),
    "spend_month": (1, 30),
    "evenness": (1, 0),
}
"""How far back a message looks: so many times its window, and so many days."""


def reach_days(how: Message) -> int:
    """Return for how long an account must be known before a message is said of it: 0 where that does not matter.

    Before an account existed it bought nothing: that is neither growth nor a gap.

    >>> reach_days(Message("spend_change", days=182)), reach_days(Message("spend_part", days=91, longer=365))
    (364, 365)
    """
    times, more = REACH.get(how.key, (0, how.longer if how.key.endswith("_part") else 0))
    return times * how.days + more
