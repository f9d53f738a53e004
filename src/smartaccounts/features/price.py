"""At what price, quantity, discount and margin a customer buys."""

from smartaccounts.engine.sql import MONEY_SCALE, exact_sum
from smartaccounts.features.catalogue import Family, Feature, Message, ratio, recent
from smartaccounts.features.swept import Difference, Own, Quotient, Total

# One row per (as_of, c, p) of the last 365 days beside the mean of all buyers of p: logs, so that 2 x and 1/2 x weigh alike.
_POSITION = f"""(
  SELECT b.as_of, b.c, CAST(b.gross AS DOUBLE) / {MONEY_SCALE} AS gross, b.last_age,
    b.ln_price - s.ln_price AS price_gap, b.ln_quantity - s.ln_quantity AS quantity_gap
  FROM baskets b JOIN product_standing s ON s.as_of = b.as_of AND s.p = b.p
) position"""


def _mean(value: str, weight: str, condition: str = "1 = 1") -> str:
    known = f"{condition} AND {value} IS NOT NULL"
    return ratio(
        exact_sum(f"CASE WHEN {known} THEN {value} * {weight} END"),
        exact_sum(f"CASE WHEN {known} THEN {weight} END"),
    )


POSITION = Family(
    name="position",
    title="Price and quantity against the market",
    relation=_POSITION,
    features=(
        Feature(
            "price_position_365d",
            "log ratio",
            "Price against the product's market mean, weighted by purchases, 365 days",
            _mean("price_gap", "gross"),
            needs=("product_id", "unit_price"),
            message=Message("price", days=365),
            swept=Own(),
        ),
        Feature(
            "price_position_mean_365d",
            "log ratio",
            "Price against the product's market mean, mean over products, 365 days",
            _mean("price_gap", "1.0"),
            needs=("product_id", "unit_price"),
            message=Message("price", days=365),
            swept=Own(),
        ),
        Feature(
            "quantity_position_365d",
            "log ratio",
            "Quantity per line against the product's market mean, weighted by purchases, 365 days",
            _mean("quantity_gap", "gross"),
            needs=("product_id", "quantity"),
            message=Message("quantity", days=365),
            swept=Own(),
        ),
        Feature(
            "quantity_position_mean_365d",
            "log ratio",
            "Quantity per line against the product's market mean, mean over products, 365 days",
            _mean("quantity_gap", "1.0"),
            needs=("product_id", "quantity"),
            message=Message("quantity", days=365),
            swept=Own(),
        ),
        Feature(
            "quantity_position_91d",
            "log ratio",
            "Quantity per line against the product's market mean, mean over products of the last 91 days",
            _mean("quantity_gap", "1.0", "last_age <= 91"),
            needs=("product_id", "quantity"),
            message=Message("quantity", days=91),
            swept=Own(),
        ),
        Feature(
            "quantity_position_highest_365d",
            "log ratio",
            "Quantity per line against the product's market mean, highest product, 365 days",
            "MAX(quantity_gap)",
            needs=("product_id", "quantity"),
            message=Message("quantity_highest", days=365),
            swept=Own(),
        ),
    ),
)


MARGIN = Family(
    name="margin",
    title="Discount and margin",
    relation="seen_orders",
    features=(
        Feature(
            "discount_share_365d",
            "share",
            "1 - purchases over their list price, last 365 days, lines with a list price",
            f"1 - {ratio(recent('list_paid', 365), recent('list_value', 365))}",
            needs=("list_price", "quantity"),
            message=Message("discount", days=365),
            swept=Quotient(Total("list_paid", 0, 365), Total("list_value", 0, 365), rest=True),
        ),
        Feature(
            "discount_share_91d",
            "share",
            "1 - purchases over their list price, last 91 days, lines with a list price",
            f"1 - {ratio(recent('list_paid', 91), recent('list_value', 91))}",
            needs=("list_price", "quantity"),
            message=Message("discount", days=91),
            swept=Quotient(Total("list_paid", 0, 91), Total("list_value", 0, 91), rest=True),
        ),
        Feature(
            "margin_share_365d",
            "share",
            "1 - cost over net spend, last 365 days, lines with a cost",
            f"1 - {ratio(recent('cost_value', 365), recent('cost_paid', 365))}",
            needs=("cost", "quantity"),
            message=Message("margin", days=365),
            swept=Quotient(Total("cost_value", 0, 365), Total("cost_paid", 0, 365), rest=True),
        ),
        Feature(
            "margin_365d",
            "money",
            "Net spend minus cost, last 365 days, lines with a cost",
            f"ROUND(({recent('cost_paid', 365)} - {recent('cost_value', 365)}) / {MONEY_SCALE}, 6)",
            needs=("cost", "quantity"),
            zero=True,
            message=Message("margin_money", days=365),
            swept=Difference(Total("cost_paid", 0, 365), Total("cost_value", 0, 365)),
        ),
    ),
)
