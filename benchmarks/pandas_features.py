"""The same features in pandas, as one would write them without thinking of speed first: one group-by per window.

It is the yardstick of features_speed.py and, beside the plain Python of tests/oracle, a second opinion on the values.
Every as_of starts from the lines known by then, makes orders of them, groups by window and merges. With `shared`
(--shared) lines are made orders once for all dates: what somebody would do next to make it faster.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.features.channels import DIGITAL

CUSTOMER = ["market", "customer_id"]
EPOCH = pd.Timestamp("1970-01-01")


def read(path: Path) -> pd.DataFrame:
    """Read order lines with the contract's column names; lines without customer, date or amount are left out."""
    lines = pd.read_parquet(path).dropna(subset=["customer_id", "order_date", "amount"])
    lines["day"] = (pd.to_datetime(lines["order_date"]) - EPOCH).dt.days
    lines["known"] = (pd.to_datetime(lines["known_date"]) - EPOCH).dt.days.fillna(lines["day"]).astype(int)
    lines["market"] = lines["market"].fillna("")
    lines["customer"] = lines.groupby(CUSTOMER).ngroup()
    return lines


def orders_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per customer, order, day and day on which it became known; an order counts where known first."""
    amount, quantity = lines["amount"], lines["quantity"]
    bought, listed = amount > 0, (lines["list_price"] > 0) & (quantity > 0) & (amount > 0)
    costed = lines["cost"].notna() & quantity.notna()
    digital = lines["channel"].str.lower().isin(DIGITAL)
    parts = lines.assign(
        gross=amount.where(bought, 0.0),
        returned=(-amount).where(amount < 0, 0.0),
        return_lines=(amount < 0).astype(int),
        lines=1,
        list_value=(lines["list_price"] * quantity).where(listed, 0.0),
        list_paid=amount.where(listed, 0.0),
        cost_value=(lines["cost"] * quantity).where(costed, 0.0),
        cost_paid=amount.where(costed, 0.0),
        gross_channel=amount.where(bought & lines["channel"].notna(), 0.0),
        gross_digital=amount.where(bought & digital, 0.0),
    )
    sums = ["amount", "lines", "gross", "returned", "return_lines", "gross_channel", "gross_digital"]
    sums += ["list_value", "list_paid", "cost_value", "cost_paid"]
    by = ["customer", "order_id", "day", "known"]
    orders = parts.groupby(by, as_index=False)[sums].sum()
    orders = orders.sort_values(["customer", "order_id", "known", "day"])
    orders["is_order"] = (~orders.duplicated(["customer", "order_id"])).astype(int)
    return orders


def purchases_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines above zero, with logs of price and quantity."""
    bought = lines[lines["amount"] > 0].copy()
    for column in ("unit_price", "quantity"):
        bought[f"ln_{column}"] = np.log(bought[column].where(bought[column] > 0))
    columns = ["customer", "market", "product_id", "category", "day", "known", "amount", "ln_unit_price", "ln_quantity"]
    return bought[columns]


def snapshot(lines: pd.DataFrame, as_ofs: Sequence[date], target: Target, *, shared: bool = False) -> pd.DataFrame:
    """Return the snapshot of every as_of with enough history, in the product's rows and columns."""
    once = (orders_of(lines), purchases_of(lines)) if shared else None
    customers = lines.drop_duplicates("customer").set_index("customer")[CUSTOMER]
    parts = []
    for as_of in ((pd.Timestamp(d) - EPOCH).days for d in as_ofs):
        known = lines[lines["known"] < as_of]
        orders, purchases = once or (orders_of(known), purchases_of(known))
        parts.append(_at(orders, purchases, customers, as_of, target))
    frame = pd.concat([p for p in parts if p is not None], ignore_index=True)
    return frame.sort_values(["as_of", *CUSTOMER], ignore_index=True)


def _at(
    orders: pd.DataFrame, purchases: pd.DataFrame, customers: pd.DataFrame, as_of: int, target: Target
) -> pd.DataFrame | None:
    known = orders[orders["known"] < as_of]
    history = as_of - known["day"].min()
    if not history >= target.horizon_days:
        return None
    out = customers.loc[np.sort(known["customer"].unique())].copy()
    past = known[known["day"] < as_of].assign(age=lambda o: as_of - o["day"])
    bought = purchases[(purchases["known"] < as_of) & (purchases["day"] < as_of) & (purchases["day"] >= as_of - 365)]
    bought = bought.assign(age=as_of - bought["day"])
    made = {"as_of": pd.Series(EPOCH + pd.Timedelta(days=as_of), index=out.index)}
    made |= spend(past, out.index) | season(past, out.index, history) | rhythm(past, out.index)
    made |= gaps(past, out.index) | margin(past, out.index) | service(past, out.index)
    made |= products(bought, out) | categories(bought, out.index)
    made |= standing(past, out, target, history)
    out = pd.concat([out, pd.DataFrame(made)], axis=1)
    return pd.concat([out, pd.DataFrame(peers(out, history))], axis=1)


Columns = dict[str, pd.Series]


def window(past: pd.DataFrame, newest: int, oldest: float) -> pd.DataFrame:
    """Return the rows of `[as_of - oldest, as_of - newest)`."""
    return past[(past["age"] > newest) & (past["age"] <= oldest)]


def total(past: pd.DataFrame, column: str, index: pd.Index, newest: int = 0, oldest: float = np.inf) -> pd.Series:
    """Sum a column over a window; 0 for customers without a row."""
    return window(past, newest, oldest).groupby("customer")[column].sum().reindex(index, fill_value=0)


def money(past: pd.DataFrame, index: pd.Index, newest: int = 0, oldest: float = np.inf) -> pd.Series:
    """Return net spend of a window, rounded to 1e-6."""
    return total(past, "amount", index, newest, oldest).round(6)


def ratio(over: pd.Series, under: pd.Series) -> pd.Series:
    """Divide; null where there is nothing to divide by."""
    return over / under.where(under > 0)


def spend(past: pd.DataFrame, index: pd.Index) -> Columns:
    """Return windows, windows before, decayed sums, blocks and order sizes."""
    made = {f"spend_{d}d": money(past, index, 0, d) for d in (30, 60, 91, 182, 365, 730)}
    made |= {f"spend_prior_{d}d": money(past, index, d, 2 * d) for d in (30, 91, 182, 365)}
    made |= {f"spend_block_{b:02d}": money(past, index, 30 * (b - 1), 30 * b) for b in range(1, 25)}
    made["spend_total"] = money(past, index)
    for d in (30, 60, 120, 180, 365, 720):
        decayed = past["amount"] * np.exp(-past["age"] / d)
        made[f"spend_decay_{d}d"] = decayed.groupby(past["customer"]).sum().reindex(index, fill_value=0)
    bought = past[past["gross"] > 0].groupby("customer")["day"]
    first, last = past["customer"].map(bought.min()), past["customer"].map(bought.max())
    made["spend_first_90d"] = money(past[past["day"] < first + 90], index)
    for name, day in (("order_first", first), ("order_last", last)):
        made[name] = total(past[past["day"] == day], "gross", index).round(6)
    for name, days in (("order_mean", np.inf), ("order_mean_365d", 365), ("order_mean_91d", 91)):
        made[name] = ratio(money(past, index, 0, days), total(past, "is_order", index, 0, days))
    recent = window(past, 0, 365).groupby("customer")
    made["order_largest"] = past.groupby("customer")["amount"].max().reindex(index)
    made["order_largest_365d"] = recent["amount"].max().reindex(index)
    made["order_largest_share_365d"] = ratio(recent["gross"].max(), recent["gross"].sum()).reindex(index)
    return made


def season(past: pd.DataFrame, index: pd.Index, history: int) -> Columns:
    """Return the same season last year; null where the history does not reach back that far."""
    has_past = index.isin(past["customer"])

    def known(values: pd.Series, days: int) -> pd.Series:
        return values.where(has_past & (history >= days))

    made = {f"spend_year_ago_ahead_{d}d": known(money(past, index, 365 - d, 365), 365) for d in (91, 182)}
    made |= {f"spend_year_ago_behind_{d}d": known(money(past, index, 365, 365 + d), 365 + d) for d in (91, 182)}
    made["orders_year_ago_ahead_182d"] = known(total(past, "is_order", index, 183, 365), 365)
    return made


def rhythm(past: pd.DataFrame, index: pd.Index) -> Columns:
    """Return orders and lines by window, and decayed."""
    made = {f"orders_{d}d": total(past, "is_order", index, 0, d) for d in (30, 91, 182, 365, 730)}
    made |= {f"orders_prior_{d}d": total(past, "is_order", index, d, 2 * d) for d in (91, 182, 365)}
    made |= {f"lines_{d}d": total(past, "lines", index, 0, d) for d in (91, 182, 365)}
    made["orders_total"] = total(past, "is_order", index)
    for column, name in (("is_order", "orders"), ("lines", "lines")):
        for d in (60, 180, 365):
            decayed = past[column] * np.exp(-past["age"] / d)
            made[f"{name}_decay_{d}d"] = decayed.groupby(past["customer"]).sum().reindex(index, fill_value=0)
    made["lines_per_order_365d"] = ratio(made["lines_365d"], made["orders_365d"])
    return made


def gaps(past: pd.DataFrame, index: pd.Index) -> Columns:
    """Return what the days between purchase days say."""
    days = past.loc[past["gross"] > 0, ["customer", "age"]].drop_duplicates()
    days = days.sort_values(["customer", "age"], ascending=[True, False])
    days["gap"] = -days.groupby("customer")["age"].diff()
    days["block"] = (days["age"] - 1) // 30
    by = days.groupby("customer")
    gap = by["gap"].agg(["mean", "std", "max"]).reindex(index)
    recency = by["age"].min().reindex(index)

    def distinct(values: pd.Series) -> pd.Series:
        return values.reindex(index, fill_value=0)

    return {
        "tenure_days": by["age"].max().reindex(index),
        "recency_days": recency,
        "purchase_days_365d": distinct(days[days["age"] <= 365].groupby("customer").size()),
        "purchase_months_365d": distinct(days[days["age"] <= 360].groupby("customer")["block"].nunique()),
        "purchase_months_182d": distinct(days[days["age"] <= 180].groupby("customer")["block"].nunique()),
        "gap_mean_days": gap["mean"],
        "gap_std_days": gap["std"],
        "gap_largest_days": gap["max"],
        "gap_variation": gap["std"] / gap["mean"],
        "gap_mean_recent_days": days[days["age"] <= 182].groupby("customer")["gap"].mean().reindex(index),
        "overdue": recency / gap["mean"],
    }


def margin(past: pd.DataFrame, index: pd.Index) -> Columns:
    """Return discount and margin."""

    def share(over: str, under: str, days: int) -> pd.Series:
        return 1 - ratio(total(past, over, index, 0, days), total(past, under, index, 0, days))

    paid, cost = (total(past, c, index, 0, 365) for c in ("cost_paid", "cost_value"))
    return {
        "discount_share_365d": share("list_paid", "list_value", 365),
        "discount_share_91d": share("list_paid", "list_value", 91),
        "margin_share_365d": 1 - ratio(cost, paid.round(6)),
        "margin_365d": (paid - cost).round(6),
    }


def service(past: pd.DataFrame, index: pd.Index) -> Columns:
    """Return returns and channels."""

    def share(over: str, under: str, days: float) -> pd.Series:
        return ratio(total(past, over, index, 0, days), total(past, under, index, 0, days))

    return {
        "returns_share_365d": share("returned", "gross", 365),
        "returns_share": share("returned", "gross", np.inf),
        "return_lines_365d": total(past, "return_lines", index, 0, 365),
        "share_digital_365d": share("gross_digital", "gross_channel", 365),
        "share_digital_91d": share("gross_digital", "gross_channel", 91),
    }


def products(bought: pd.DataFrame, customers: pd.DataFrame) -> Columns:
    """Return assortment and position: baskets per customer and product beside the product's market."""
    bought = bought[bought["product_id"].notna()]
    by_product = ["market", "product_id"]
    basket = bought.groupby(["customer", *by_product], as_index=False).agg(
        gross=("amount", "sum"), first=("age", "max"), last=("age", "min"),
        price=("ln_unit_price", "mean"), quantity=("ln_quantity", "mean"),
    )  # fmt: skip
    spent = basket.groupby(["customer", "market"], as_index=False)["gross"].sum()
    spent["large"] = percent_rank(spent["gross"], spent["market"]) >= 0.9
    large_share = spent.groupby("market")["large"].mean()
    basket = basket.merge(spent[["customer", "large"]], on="customer")
    standing = basket.groupby(by_product, as_index=False).agg(buyers=("large", "size"), large_buyers=("large", "sum"))
    means = bought.groupby(by_product, as_index=False)[["ln_unit_price", "ln_quantity"]].mean()
    standing = standing.merge(means, on=by_product)
    standing["top"] = percent_rank(-standing["buyers"], standing["market"]) <= 0.1
    usual = standing["market"].map(large_share)
    lift = (standing["large_buyers"] + 10 * usual) / (standing["buyers"] + 10) / usual.where(usual > 0)
    standing["lift"] = np.log(lift)
    basket = basket.merge(standing, on=by_product)
    return assortment(basket, customers.index) | position(basket, customers.index)


def percent_rank(values: pd.Series, by: pd.Series) -> pd.Series:
    """Return the share of the others that are below, within each group."""
    groups = values.groupby(by)
    others = groups.transform("size") - 1
    return ((groups.rank(method="min") - 1) / others.where(others > 0)).fillna(0)


def assortment(basket: pd.DataFrame, index: pd.Index) -> Columns:
    """Return how many products, which new ones, and who else buys them."""
    by = basket.groupby("customer")
    recent, new = basket[basket["last"] <= 91], basket[basket["first"] <= 91]
    made: Columns = {}
    for prefix, column, windows in (("products", "last", (30, 91, 182, 365)), ("products_new", "first", (30, 91, 182))):
        for d in windows:
            made[f"{prefix}_{d}d"] = basket[basket[column] <= d].groupby("customer").size().reindex(index, fill_value=0)
    repeated = (basket["first"] > basket["last"]).groupby(basket["customer"]).mean()
    made["products_repeated_share_365d"] = repeated.reindex(index)
    made["product_largest_share_365d"] = ratio(by["gross"].max(), by["gross"].sum()).reindex(index)
    made["share_top_products_365d"] = by["top"].mean().reindex(index)
    made["affinity_365d"] = by["lift"].mean().reindex(index)
    made["affinity_91d"] = recent.groupby("customer")["lift"].mean().reindex(index)
    made["affinity_new_91d"] = new.groupby("customer")["lift"].mean().reindex(index)
    made["affinity_sum_365d"] = by["lift"].sum(min_count=1).reindex(index)
    made["affinity_highest_365d"] = by["lift"].max().reindex(index)
    return made


def position(basket: pd.DataFrame, index: pd.Index) -> Columns:
    """Return price and quantity against the product's market mean, in logs."""
    basket = basket.assign(
        price_gap=basket["price"] - basket["ln_unit_price"], quantity_gap=basket["quantity"] - basket["ln_quantity"]
    )
    made: Columns = {}
    for name in ("price", "quantity"):
        known = basket[basket[f"{name}_gap"].notna()]
        weighted = (known[f"{name}_gap"] * known["gross"]).groupby(known["customer"]).sum()
        by = known.groupby("customer")
        made[f"{name}_position_365d"] = ratio(weighted, by["gross"].sum()).reindex(index)
        made[f"{name}_position_mean_365d"] = by[f"{name}_gap"].mean().reindex(index)
    gap = basket.groupby("customer")["quantity_gap"]
    recent = basket[basket["last"] <= 91].groupby("customer")["quantity_gap"].mean()
    made["quantity_position_91d"] = recent.reindex(index)
    made["quantity_position_highest_365d"] = gap.max().reindex(index)
    return made


def categories(bought: pd.DataFrame, index: pd.Index) -> Columns:
    """Return the breadth of categories."""
    by = ["customer", "category"]
    seen = (
        bought[bought["category"].notna()].groupby(by, as_index=False).agg(gross=("amount", "sum"), last=("age", "min"))
    )
    gross = seen.groupby("customer")["gross"]
    return {
        "categories_365d": seen.groupby("customer").size().reindex(index, fill_value=0),
        "categories_91d": seen[seen["last"] <= 91].groupby("customer").size().reindex(index, fill_value=0),
        "category_largest_share_365d": ratio(gross.max(), gross.sum()).reindex(index),
    }


def standing(past: pd.DataFrame, customers: pd.DataFrame, target: Target, history: int) -> Columns:
    """Return active, eligible, K and S; without fixed amounts, which the benchmark does not need."""
    h, index, market = target.horizon_days, customers.index, customers["market"]
    now, before, year = money(past, index, 0, h), money(past, index, h, 2 * h), money(past, index, 0, 365)
    active = now[now > 0].groupby(market)
    enough = active.size() >= target.min_active
    key, small = (market.map(active.quantile(q).where(enough)) for q in (target.key_quantile, target.small_quantile))
    eligible = (now < small) & (before < key) & (year > 0)
    return {
        "active": now > 0, "eligible": eligible, "key_spend": key, "small_spend": small,
        "spend_h": now, "spend_before_h": before, "season_h": season_ratio(past, customers, h, history),
    }  # fmt: skip


def season_ratio(past: pd.DataFrame, customers: pd.DataFrame, h: int, history: int) -> pd.Series:
    """Return the market's last year's horizon over the one before it, or over the last one where that is too old."""
    index, market = customers.index, customers["market"]
    ahead, behind, now = (
        money(past, index, newest, oldest).groupby(market).sum()
        for newest, oldest in ((365 - h, 365), (365, 365 + h), (0, h))
    )
    short = ratio(ahead.where(ahead > 0), now) if history >= 365 else now * np.nan
    long = ratio(ahead.where(ahead > 0), behind) if history >= 365 + h else now * np.nan
    return market.map(long.fillna(short))


def peers(out: pd.DataFrame, history: int) -> Columns:
    """Return ranks and market figures of the rows of one as_of."""
    market = out["market"]

    def of_market(values: pd.Series) -> pd.Series:
        return values.groupby(market).transform("sum", min_count=1)

    active = out["spend_182d"] > 0
    young, actives = of_market(active & (out["tenure_days"] <= 182)), of_market(active)
    ahead, behind = of_market(out["spend_year_ago_ahead_182d"]), of_market(out["spend_year_ago_behind_182d"])
    now = of_market(out["spend_182d"])
    growth = ratio(now, of_market(out["spend_prior_182d"]))
    rank = percent_rank(out["spend_365d"], market)
    size = {
        d: ratio(out[f"spend_{d}d"] * market.groupby(market).transform("size"), of_market(out[f"spend_{d}d"]))
        for d in (365, 91)
    }
    by = out["customer_id"]
    others = by.groupby(by).transform("size") - 1

    def elsewhere(values: pd.Series) -> pd.Series:
        values = values.fillna(0)
        return (values.groupby(by).transform("sum") - values).where(others > 0)

    return {
        "rank_spend_365d": rank,
        "rank_spend_91d": percent_rank(out["spend_91d"], market),
        "rank_spend_decay_180d": percent_rank(out["spend_decay_180d"], market),
        "spend_to_mean_365d": size[365],
        "history_days": pd.Series(history, index=out.index),
        "market_customers": actives,
        "market_growth_182d": growth if history >= 364 else growth * np.nan,
        "market_season_182d": ratio(ahead, behind),
        "market_ahead_to_now_182d": ratio(ahead, now),
        "market_young_share_182d": ratio(young, actives),
        "markets_elsewhere": others,
        "rank_elsewhere_365d": elsewhere(rank) / others.where(others > 0),
        "size_elsewhere_365d": elsewhere(size[365]),
        "size_elsewhere_91d": elsewhere(size[91]),
    }


def main() -> None:
    """Read order lines, write the snapshot of some as_of dates."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("lines", type=Path)
    options.add_argument("--as-of", action="append", type=date.fromisoformat, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--shared", action="store_true")
    given = options.parse_args()
    snapshot(read(given.lines), given.as_of, Target(), shared=given.shared).to_parquet(given.out)


if __name__ == "__main__":
    main()
