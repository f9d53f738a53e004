"""What a customer buys: how many products, which new ones, and whether they are what large accounts buy."""

from smartaccounts.engine.sql import exact_sum
from smartaccounts.features.catalogue import Family, Feature, Message, count, ratio, series
from smartaccounts.features.swept import Own

NEEDS = ("product_id",)
# How strongly a product's own figures count against the market's share of large accounts, in customers.
PRIOR_CUSTOMERS = 10

# One row per (as_of, c, p) bought in the last 365 days. A product's lift is how much more often its buyers are large
# accounts (top tenth by purchases of 365 days) than buyers of anything are; shrunk towards 0 for few buyers.
_BASKETS = f"""(
  SELECT b.as_of, b.c, b.p, b.gross, b.lines, b.first_age, b.last_age,
    CASE WHEN m.large_share > 0 THEN LN((s.large_buyers + {PRIOR_CUSTOMERS} * m.large_share) / (s.buyers + {PRIOR_CUSTOMERS}) / m.large_share) END AS lift,
    CASE WHEN s.popularity <= 0.1 THEN 1 ELSE 0 END AS is_top
  FROM baskets b
  JOIN product_standing s ON s.as_of = b.as_of AND s.p = b.p
  JOIN basket_market m ON m.as_of = b.as_of AND m.market = s.market
) bought"""


def _products(days: int) -> Feature:
    return Feature(
        f"products_{days}d",
        "count",
        f"Different products bought in the last {days} days",
        count("1", f"last_age <= {days}"),
        needs=NEEDS,
        rises=True,
        zero=True,
        message=Message("products", days=days),
        swept=Own(),
    )


def _new(days: int) -> Feature:
    return Feature(
        f"products_new_{days}d",
        "count",
        f"Products bought in the last {days} days and not in the rest of the last 365",
        count("1", f"first_age <= {days}"),
        needs=NEEDS,
        zero=True,
        message=Message("products_new", days=days),
        swept=Own(),
    )


def _mean(value: str, weight: str = "1", condition: str = "1 = 1") -> str:
    under = f"CAST(SUM(CASE WHEN {condition} THEN {weight} ELSE 0 END) AS DOUBLE)"
    return ratio(exact_sum(f"CASE WHEN {condition} THEN ({value}) * CAST({weight} AS DOUBLE) END"), under)


ASSORTMENT = Family(
    name="assortment",
    title="Assortment",
    relation=_BASKETS,
    features=(
        *series(_products, (30, 91, 182, 365)),
        *series(_new, (30, 91, 182)),
        Feature(
            "products_repeated_share_365d",
            "share",
            "Share of its products bought on two or more days of the last 365",
            ratio("SUM(CASE WHEN first_age > last_age THEN 1 ELSE 0 END)", "COUNT(*)"),
            needs=NEEDS,
            message=Message("products_repeated", days=365),
            swept=Own(),
        ),
        Feature(
            "product_largest_share_365d",
            "share",
            "Share of its best product in what it bought in the last 365 days",
            ratio("MAX(gross)", "CAST(SUM(gross) AS DOUBLE)"),
            needs=NEEDS,
            message=Message("product_share", days=365),
            swept=Own(),
        ),
        Feature(
            "share_top_products_365d",
            "share",
            "Share of its products of 365 days that are in the market's top tenth by buyers, ties included",
            ratio("SUM(is_top)", "COUNT(*)"),
            needs=NEEDS,
            message=Message("products_popular", days=365),
            swept=Own(),
        ),
        Feature(
            "affinity_365d",
            "log ratio",
            "How much more often large accounts (top tenth) buy what it bought in 365 days, mean over products",
            _mean("lift"),
            needs=NEEDS,
            message=Message("affinity", days=365),
            swept=Own(),
        ),
        Feature(
            "affinity_91d",
            "log ratio",
            "How much more often large accounts buy what it bought in 91 days, mean over products",
            _mean("lift", condition="last_age <= 91"),
            needs=NEEDS,
            message=Message("affinity", days=91),
            swept=Own(),
        ),
        Feature(
            "affinity_new_91d",
            "log ratio",
            "How much more often large accounts buy what it newly bought in 91 days, mean over products",
            _mean("lift", condition="first_age <= 91"),
            needs=NEEDS,
            message=Message("affinity_new", days=91),
            swept=Own(),
        ),
        Feature(
            "affinity_sum_365d",
            "log ratio",
            "How much more often large accounts buy what it bought in 365 days, sum over products",
            exact_sum("lift"),
            needs=NEEDS,
            message=Message("affinity", value="affinity_365d", days=365),
            swept=Own(),
        ),
        Feature(
            "affinity_highest_365d",
            "log ratio",
            "How much more often large accounts buy what it bought in 365 days, highest product",
            "MAX(lift)",
            needs=NEEDS,
            message=Message("affinity_highest", days=365),
            swept=Own(),
        ),
    ),
)

CATEGORIES = Family(
    name="categories",
    title="Categories",
    relation="seen_categories",
    features=(
        Feature(
            "categories_365d",
            "count",
            "Different categories bought in the last 365 days",
            count("1"),
            needs=("category",),
            zero=True,
            message=Message("categories", days=365),
            swept=Own(),
        ),
        Feature(
            "categories_91d",
            "count",
            "Different categories bought in the last 91 days",
            count("1", "last_age <= 91"),
            needs=("category",),
            zero=True,
            message=Message("categories", days=91),
            swept=Own(),
        ),
        Feature(
            "category_largest_share_365d",
            "share",
            "Share of its best category in what it bought in the last 365 days",
            ratio("MAX(gross)", "CAST(SUM(gross) AS DOUBLE)"),
            needs=("category",),
            message=Message("category_share", days=365),
            swept=Own(),
        ),
    ),
)
