"""Where a customer stands among the rows of its snapshot (same as_of, same market), and how its market does."""

from smartaccounts.features.catalogue import MARKET, Family, Feature, Message, ratio
from smartaccounts.features.swept import Own

_MARKET = "OVER (PARTITION BY as_of, market)"
_CUSTOMER = "OVER (PARTITION BY as_of, customer_id)"

# One row per (as_of, c). Sums over a market go by integers for the reason given in catalogue.py.


def _over(value: str, over: str) -> str:
    return f"CAST(SUM(CAST(ROUND(({value}) * 1e6) AS DECIMAL(38, 0))) {over} AS DOUBLE) / 1e6"


def _rank(column: str) -> str:
    return f"PERCENT_RANK() OVER (PARTITION BY as_of, market ORDER BY {column})"


_STANDING = f"""(
  SELECT as_of, c, market, customer_id, history_days, tenure_days,
    spend_91d, spend_182d, spend_365d, spend_prior_182d, spend_year_ago_ahead_182d, spend_year_ago_behind_182d,
    {_rank("spend_365d")} AS rank_365d,
    {_rank("spend_91d")} AS rank_91d,
    {_rank("spend_decay_180d")} AS rank_decay,
    COUNT(*) {_MARKET} AS customers,
    {_over("spend_182d", _MARKET)} AS market_182d,
    {_over("spend_prior_182d", _MARKET)} AS market_prior_182d,
    {_over("spend_year_ago_ahead_182d", _MARKET)} AS market_ahead,
    {_over("spend_year_ago_behind_182d", _MARKET)} AS market_behind,
    {_over("spend_365d", _MARKET)} AS market_365d,
    {_over("spend_91d", _MARKET)} AS market_91d,
    SUM(CASE WHEN spend_182d > 0 THEN 1 ELSE 0 END) {_MARKET} AS active_182d,
    SUM(CASE WHEN spend_182d > 0 AND tenure_days <= 182 THEN 1 ELSE 0 END) {_MARKET} AS young_182d
  FROM levels
) standing"""

# ranks and relative sizes have no smallest unit: 1e-12 of them is one
_FINE = "1e12"


def _others(value: str) -> str:
    """Sum over the customer's other markets; what is null counts 0."""
    fine = f"CAST(ROUND(COALESCE({value}, 0) * {_FINE}) AS DECIMAL(38, 0))"
    return f"CAST(SUM({fine}) {_CUSTOMER} - {fine} AS DOUBLE) / {_FINE}"


_ELSEWHERE = f"""(
  SELECT *, COUNT(*) {_CUSTOMER} - 1 AS others,
    {_others("rank_365d")} AS ranks_elsewhere,
    {_others("CASE WHEN market_365d > 0 THEN spend_365d * customers / market_365d END")} AS size_elsewhere,
    {_others("CASE WHEN market_91d > 0 THEN spend_91d * customers / market_91d END")} AS size_elsewhere_91d
  FROM {_STANDING}
) elsewhere"""

PEERS = Family(
    name="peers",
    title="Peers and market",
    relation=_ELSEWHERE,
    grouped=False,
    features=(
        Feature(
            "rank_spend_365d",
            "rank",
            "Share of the market's other customers that spent less in the last 365 days",
            "rank_365d",
            rises=True,
            message=Message("rank", days=365),
            swept=Own(),
        ),
        Feature(
            "rank_spend_91d",
            "rank",
            "Share of the market's other customers that spent less in the last 91 days",
            "rank_91d",
            rises=True,
            message=Message("rank", days=91),
            swept=Own(),
        ),
        Feature(
            "rank_spend_decay_180d",
            "rank",
            "Share of the market's other customers with less decayed spend (180 days)",
            "rank_decay",
            rises=True,
            message=Message("rank", value="rank_spend_365d", days=365),
            swept=Own(),
        ),
        Feature(
            "spend_to_mean_365d",
            "ratio",
            "Net spend of the last 365 days over the mean of the market's customers",
            ratio("spend_365d * customers", "market_365d"),
            rises=True,
            message=Message("spend", value="spend_365d", days=365),
            swept=Own(),
        ),
        Feature(
            "history_days",
            "days",
            "Days from the source's first line to as_of",
            "CAST(history_days AS DOUBLE)",
            message=MARKET,
            swept=Own(),
        ),
        Feature(
            "market_customers",
            "count",
            "Customers of the market with net spend in the last 182 days",
            "CAST(active_182d AS DOUBLE)",
            message=MARKET,
            swept=Own(),
        ),
        Feature(
            "market_growth_182d",
            "ratio",
            "Market's net spend of the last 182 days over the 182 before",
            f"CASE WHEN history_days >= 364 THEN {ratio('market_182d', 'market_prior_182d')} END",
            message=MARKET,
            swept=Own(),
        ),
        Feature(
            "market_season_182d",
            "ratio",
            "A year ago: market's net spend of the 182 days ahead over the 182 behind",
            ratio("market_ahead", "market_behind"),
            message=MARKET,
            swept=Own(),
        ),
        Feature(
            "market_ahead_to_now_182d",
            "ratio",
            "Market's net spend of the 182 days ahead, a year ago, over the last 182 days",
            ratio("market_ahead", "market_182d"),
            message=MARKET,
            swept=Own(),
        ),
        Feature(
            "market_young_share_182d",
            "share",
            "Share of the market's active customers whose first purchase is at most 182 days ago",
            ratio("young_182d", "active_182d"),
            message=MARKET,
            swept=Own(),
        ),
        Feature(
            "markets_elsewhere",
            "count",
            "Other markets in which the customer has a line",
            "CAST(others AS DOUBLE)",
            message=Message("elsewhere"),
            swept=Own(),
        ),
        Feature(
            "rank_elsewhere_365d",
            "rank",
            "Its mean rank by spend of 365 days in the other markets; null where it has none",
            "CASE WHEN others > 0 THEN ranks_elsewhere / others END",
            message=Message("elsewhere_rank", days=365),
            swept=Own(),
        ),
        Feature(
            "size_elsewhere_365d",
            "ratio",
            "Its spend of 365 days in the other markets, each over that market's mean, summed",
            "CASE WHEN others > 0 THEN size_elsewhere END",
            message=Message("elsewhere_size", days=365),
            swept=Own(),
        ),
        Feature(
            "size_elsewhere_91d",
            "ratio",
            "Its spend of 91 days in the other markets, each over that market's mean, summed",
            "CASE WHEN others > 0 THEN size_elsewhere_91d END",
            message=Message("elsewhere_size", days=91),
            swept=Own(),
        ),
    ),
)
