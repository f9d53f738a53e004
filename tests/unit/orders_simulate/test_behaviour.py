"""That simulated customers behave as the truth says, and that the dirt is there."""

import numpy as np
import pandas as pd
import pytest

DAY = pd.Timedelta(days=1)


def purchases(supplier) -> pd.DataFrame:
    lines = supplier.lines.dropna(subset="customer_id")
    regular = (lines["quantity"] > 0) & (lines["unit_price"] > 0) & (lines["category"] != "fees")
    return lines[regular].merge(supplier.truth, on="customer_id")


def per_customer(lines: pd.DataFrame, of: pd.DataFrame, column: str, how: str) -> pd.Series:
    return lines.groupby("customer_id")[column].agg(how).reindex(of["customer_id"]).fillna(0)


def observed_growers(supplier) -> pd.DataFrame:
    """Growers with a year before and half a year after their phase in the data, still there."""
    truth, made = supplier.truth, supplier.made
    growers = truth[truth["kind"] == "grower"]
    before = growers["growth_start"] - 365 * DAY >= growers["entry_date"]
    after = growers["growth_end"] + 182 * DAY <= growers["exit_date"].fillna(pd.Timestamp(made.end))
    return growers[before & after]


@pytest.mark.parametrize(
    ("dirt", "low", "high"),
    [
        ("no customer", 0.005, 0.02),
        ("zero price", 0.002, 0.008),
        ("exact duplicate", 0.003, 0.02),
        ("fee", 0.002, 0.01),
        ("return", 0.005, 0.02),
        ("cancellation", 0.004, 0.015),
        ("late", 0.02, 0.05),
    ],
)
def test_share_of_dirt(supplier, dirt, low, high):
    lines = supplier.lines
    found = {
        "no customer": lines["customer_id"].isna,
        "zero price": lambda: lines["unit_price"] == 0,
        "exact duplicate": lines.duplicated,
        "fee": lambda: lines["product_id"].isin(["FREIGHT", "BANK FEE", "TEST01"]),
        "return": lambda: lines["order_id"].str.startswith("R"),
        "cancellation": lambda: lines["order_id"].str.startswith("C"),
        "late": lambda: lines["known_date"] > lines["order_date"],
    }[dirt]()
    assert low < found.mean() < high


def test_every_fee_code_occurs(supplier):
    fees = supplier.lines.loc[supplier.lines["category"] == "fees", "product_id"]
    assert set(fees) == {"FREIGHT", "BANK FEE", "TEST01"}


def test_late_bookings_come_within_weeks_and_never_early(supplier):
    days = (supplier.lines["known_date"] - supplier.lines["order_date"]).dt.days
    assert days.min() == 0
    assert 5 < days[days > 0].mean() < 15
    assert days.max() <= 22


def test_returns_and_cancellations_take_back_a_purchase_soon_after(supplier):
    lines = supplier.lines
    back = lines[lines["order_id"].str.startswith(("R", "C"))]
    assert (back["quantity"] < 0).all()
    assert (back["amount"] <= 0).all()
    assert (lines.drop(back.index)["quantity"] > 0).all()
    bought = (
        lines.drop(back.index)
        .groupby(["order_id", "product_id"])[["order_date", "quantity"]]
        .agg({"order_date": "first", "quantity": "max"})
    )
    found = back.assign(order_id=back["order_id"].str[1:]).join(
        bought, ["order_id", "product_id"], suffixes=("", "_bought")
    )
    assert found["order_date_bought"].notna().all()
    days = (found["order_date"] - found["order_date_bought"]).dt.days
    cancelled = back["order_id"].str.startswith("C")
    assert days[cancelled].between(0, 8).all()
    assert days[~cancelled].between(3, 27).all()
    assert (-found["quantity"] <= found["quantity_bought"]).all()


def test_amounts_discounts_and_costs_fit(supplier):
    lines = supplier.lines[(supplier.lines["unit_price"] > 0) & (supplier.lines["category"] != "fees")]
    np.testing.assert_allclose(lines["amount"], lines["quantity"] * lines["unit_price"], atol=0.00501)
    np.testing.assert_allclose(lines["unit_price"], lines["list_price"] * (1 - lines["discount"]), atol=0.00501)
    assert lines["discount"].between(0, 0.2).all()
    bought = lines[lines["quantity"] > 0]
    worth = (bought["quantity"] * bought["list_price"]).groupby(bought["order_id"]).sum()
    discount = bought.groupby("order_id")["discount"].first()
    assert discount[worth > 12_000].mean() > discount[worth < 300].mean() + 0.08
    margin = (
        1
        - (lines["cost"] * lines["quantity"]).groupby(lines["category"]).sum()
        / lines.groupby("category")["amount"].sum()
    )
    assert margin.between(0.1, 0.5).all()
    assert margin.max() - margin.min() > 0.1


def test_list_prices_step_only_with_the_year(supplier):
    lines = supplier.lines[(supplier.lines["category"] != "fees") & (supplier.lines["quantity"] > 0)]
    prices = lines.groupby(["product_id", lines["order_date"].dt.year])["list_price"]
    assert (prices.max() == prices.min()).all()
    steps = prices.first().groupby("product_id").pct_change().dropna()
    assert 0.02 < steps.mean() < 0.04
    assert steps.min() >= 0


def test_nobody_buys_before_entry_or_after_exit(supplier):
    lines = purchases(supplier)
    assert (lines["order_date"] >= lines["entry_date"]).all()
    assert (lines["exit_date"].isna() | (lines["order_date"] <= lines["exit_date"])).all()


def test_truth_has_every_customer_and_kind_once(supplier):
    truth = supplier.truth
    assert len(truth) == supplier.made.customers == truth["customer_id"].nunique()
    kinds = truth["kind"].value_counts(normalize=True)
    assert set(kinds.index) == {
        "stable_small", "stable_large", "grower", "spike", "seasonal", "decliner", "one_off"
    }  # fmt: skip
    assert kinds.min() > 0.02
    growth = truth[["growth_start", "growth_end", "growth_factor"]]
    assert growth[truth["kind"] == "grower"].notna().all(axis=None)
    assert growth[truth["kind"] != "grower"].isna().all(axis=None)
    length = (truth["growth_end"] - truth["growth_start"]).dropna().dt.days
    assert length.between(181, 549).all()
    assert truth["growth_factor"].dropna().between(3, 25).all()


def test_spend_is_heavy_tailed(supplier):
    lines = purchases(supplier)
    spend = lines[lines["order_date"].dt.year == 2023].groupby("customer_id")["amount"].sum().sort_values()
    tenth = len(spend) // 10
    assert 0.5 < spend.iloc[-tenth:].sum() / spend.sum() < 0.8
    assert spend.iloc[-tenth // 10 :].sum() / spend.sum() > 0.12
    assert spend.max() > 50 * spend.median()


def test_growers_spend_more_after_by_about_their_factor(supplier):
    lines, growers = purchases(supplier), observed_growers(supplier)
    assert len(growers) > 20
    day = lines["order_date"]
    early = (day >= lines["growth_start"] - 365 * DAY) & (day < lines["growth_start"])
    late = (day >= lines["growth_end"]) & (day < lines["growth_end"] + 182 * DAY)
    before = per_customer(lines[early], growers, "amount", "sum") / 365
    after = per_customer(lines[late], growers, "amount", "sum") / 182
    grew = after.sum() / before.sum()
    assert 0.6 < grew / growers["growth_factor"].median() < 2
    assert (after > 2 * before).mean() > 0.85


def test_growers_assortment_widens_before_their_spend(supplier):
    lines, growers = purchases(supplier), observed_growers(supplier)
    ago = (lines["growth_start"] - lines["order_date"]).dt.days
    first_seen = lines.groupby(["customer_id", "product_id"])["order_date"].transform("min")
    fresh = lines["order_date"] == first_seen
    # New products per line must fall with time; just before growth they rise, while spend hardly does.
    windows = {"calm": ago.between(151, 300), "eve": ago.between(1, 75)}
    news = {k: lines[w & lines["customer_id"].isin(growers["customer_id"])] for k, w in windows.items()}
    share = {k: fresh[v.index].mean() for k, v in news.items()}
    spend = {k: v["amount"].sum() / days for (k, v), days in zip(news.items(), (150, 75), strict=True)}
    assert share["eve"] > share["calm"]
    assert spend["eve"] < 1.6 * spend["calm"]


def test_growers_come_to_buy_what_large_accounts_buy(supplier):
    lines, growers = purchases(supplier), observed_growers(supplier)
    large = lines["kind"] == "stable_large"
    counts = pd.DataFrame(
        {"large": lines[large]["product_id"].value_counts(), "all": lines["product_id"].value_counts()}
    ).fillna(0)
    affinity = counts["large"] / counts["all"]
    own = lines[lines["customer_id"].isin(growers["customer_id"])]
    value = own["product_id"].map(affinity)
    assert value[own["order_date"] >= own["growth_end"]].mean() > value[own["order_date"] < own["growth_start"]].mean()


@pytest.mark.slow
def test_decliners_and_one_offs_and_spikes_and_seasons(supplier):
    lines = purchases(supplier)
    months = lines.groupby(["customer_id", "kind", lines["order_date"].dt.to_period("M")])["amount"].sum()
    top_share = months.groupby(["customer_id", "kind"]).agg(lambda m: m.max() / m.sum())
    enough = months.groupby(["customer_id", "kind"]).size() >= 10
    peak = top_share[enough].groupby("kind").median()
    assert peak["spike"] > 1.5 * peak["stable_small"]
    orders = lines.groupby(["customer_id", "kind"])["order_id"].nunique().groupby("kind").median()
    assert orders["one_off"] <= 2
    by_month = lines.assign(month=lines["order_date"].dt.month).pivot_table(
        index=["customer_id", "kind"], columns="month", values="amount", aggfunc="sum", fill_value=0
    )
    long_there = lines.groupby(["customer_id", "kind"])["order_date"].agg(lambda d: (d.max() - d.min()).days) > 1000
    season = by_month[long_there]
    quarter = sum(np.roll(season.to_numpy(), s, axis=1) for s in (-1, 0, 1)).max(axis=1) / season.sum(axis=1)
    quarter = quarter.groupby("kind").median()
    assert quarter["seasonal"] > quarter["stable_small"] + 0.1
    decline = lines[lines["kind"] == "decliner"].groupby(lines["order_date"].dt.year)["amount"].sum()
    steady = lines[lines["kind"] == "stable_large"].groupby(lines["order_date"].dt.year)["amount"].sum()
    assert (decline / steady).is_monotonic_decreasing


def test_channels_turn_digital_and_weekends_are_quiet(supplier):
    lines = supplier.lines
    digital = lines["channel"].isin(["web", "edi"]).groupby(lines["order_date"].dt.year).mean()
    assert digital.is_monotonic_increasing
    assert digital.iloc[-1] > digital.iloc[0] + 0.15
    assert set(lines["channel"]) == {"field", "phone", "web", "edi"}
    weekday = lines["order_date"].dt.day_of_week.value_counts(normalize=True)
    assert weekday.reindex([5, 6]).fillna(0).sum() < 0.01
    assert weekday[[0, 1, 2, 3, 4]].between(0.1, 0.3).all()


def test_rhythms_differ(supplier):
    orders = purchases(supplier).drop_duplicates(["customer_id", "order_date"])
    stable = orders[orders["kind"] == "stable_small"].sort_values(["customer_id", "order_date"])
    gaps = stable.groupby("customer_id")["order_date"].diff().dt.days
    by = gaps.groupby(stable["customer_id"])
    variation = (by.std() / by.mean())[by.count() >= 12]
    assert variation.quantile(0.1) < 0.6 * variation.quantile(0.9)


def test_products_are_bought_by_popularity_and_own_taste(supplier):
    lines = purchases(supplier)
    share = lines["product_id"].value_counts(normalize=True)
    assert share.iloc[: len(share) // 10].sum() > 0.25
    favourite = lines.groupby(["customer_id", "category"]).size().groupby("customer_id").max()
    count = lines.groupby("customer_id").size()
    assert (favourite / count)[count >= 30].median() > 0.45
