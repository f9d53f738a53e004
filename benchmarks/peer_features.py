"""Features with Polars or Featuretools, for peers.py: in an environment without the product."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta

WINDOWS = (30, 60, 91, 182, 365, 730)
BY = ["market", "customer_id"]


def with_polars(path: str, dates: list[date]) -> int:
    """Compute sums and counts of windows and of the windows before, per as_of in one group-by; return the values."""
    import polars as pl  # noqa: PLC0415 - in its own environment alone

    lines = pl.read_parquet(path).with_columns(pl.col("amount").clip(lower_bound=0).alias("gross"))
    values = 0
    for i, day in enumerate(dates):
        age = (pl.lit(day) - pl.col("order_date").cast(pl.Date)).dt.total_days()
        known = lines.filter(pl.col("known_date").cast(pl.Date) < day).with_columns(age.alias("age"))
        wanted = [pl.col("age").min().alias("recency"), pl.col("age").max().alias("tenure")]
        wanted += [pl.len().alias("lines"), pl.col("order_id").n_unique().alias("orders")]
        for days in WINDOWS:
            inside = (pl.col("age") > 0) & (pl.col("age") <= days)
            before = (pl.col("age") > days) & (pl.col("age") <= 2 * days)
            wanted += [
                pl.col("amount").filter(inside).sum().alias(f"spend_{days}"),
                pl.col("amount").filter(before).sum().alias(f"before_{days}"),
                pl.col("gross").filter(inside).sum().alias(f"gross_{days}"),
                pl.col("order_id").filter(inside).n_unique().alias(f"orders_{days}"),
                pl.col("product_id").filter(inside).n_unique().alias(f"products_{days}"),
            ]
        made = known.group_by(BY).agg(wanted)
        made.write_parquet(f"{path}.{i}.polars")
        values += len(made) * len(wanted)
    return values


def with_featuretools(path: str, dates: list[date], customers: int) -> int:
    """Let Featuretools make what it makes of the windows, for some customers; return the values."""
    import featuretools as ft  # noqa: PLC0415 - in its own environment alone
    import pandas as pd  # noqa: PLC0415 - the one of that environment

    lines = pd.read_parquet(path).dropna(subset=["customer_id"])
    lines["who"] = lines["market"] + "/" + lines["customer_id"]
    lines = lines[lines["who"].isin(sorted(lines["who"].unique())[:customers])].reset_index(drop=True)
    lines["order_date"] = pd.to_datetime(lines["order_date"])
    lines["line"] = range(len(lines))
    lines = lines[["line", "who", "order_date", "amount", "quantity", "product_id", "order_id"]]
    seen = ft.EntitySet("orders")
    seen.add_dataframe(dataframe_name="lines", dataframe=lines, index="line", time_index="order_date")
    seen.normalize_dataframe(base_dataframe_name="lines", new_dataframe_name="customers", index="who")
    first = lines.groupby("who")["order_date"].min()
    cut_offs = pd.DataFrame(
        [(who, pd.Timestamp(d) - timedelta(days=1)) for d in dates for who, day in first.items() if day.date() < d],
        columns=["who", "time"],
    )
    values = 0
    for days in WINDOWS:
        found, _ = ft.dfs(
            entityset=seen, target_dataframe_name="customers", cutoff_time=cut_offs, training_window=f"{days} days",
            agg_primitives=["sum", "mean", "max", "count", "num_unique", "time_since_last"], trans_primitives=[],
            max_depth=1,
        )  # fmt: skip
        values += found.size
    return values


def main() -> None:
    """Compute and say how many values there are."""
    how, path, *days = sys.argv[1:]
    dates = [date.fromisoformat(d) for d in days]
    values = with_polars(path, dates) if how == "polars" else with_featuretools(path, dates, int(how))
    print(json.dumps({"values": int(values)}))


if __name__ == "__main__":
    main()
