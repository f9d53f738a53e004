"""Features with Polars, getML or Featuretools, for peers.py: in an environment without the product."""

from __future__ import annotations

import json
import os
import sys
from datetime import date, timedelta
from pathlib import Path

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


def with_getml(path: str, dates: list[date]) -> tuple[int, float]:
    """Let getML's FastProp make features over the windows; return the values, and the CPU seconds of its engine.

    It chooses features by their correlation with a target, here what a customer spent in all, and is not told K.
    """
    import getml  # noqa: PLC0415 - in its own environment alone
    import numpy as np  # noqa: PLC0415 - the one of that environment
    import pandas as pd  # noqa: PLC0415 - the one of that environment

    lines = pd.read_parquet(path).dropna(subset=["customer_id"])
    lines["who"] = lines["market"] + "/" + lines["customer_id"]
    lines["day"] = pd.to_datetime(lines["order_date"])
    lines = lines[["who", "day", "amount", "quantity", "product_id", "order_id"]]
    lines = lines.astype({"product_id": str, "order_id": str})
    of = lines.groupby("who").agg(first=("day", "min"), spent=("amount", "sum"))
    known = [of[of["first"] < pd.Timestamp(d)].reset_index().assign(time=pd.Timestamp(d)) for d in dates]
    rows = pd.concat(known, ignore_index=True)[["who", "time", "spent"]]
    getml.engine.launch(launch_browser=False, home_directory=str(Path(path).parent))
    getml.engine.set_project("peer")
    roles = getml.data.Roles
    asked = getml.data.DataFrame.from_pandas(
        rows, "rows", roles=roles(join_key=["who"], time_stamp=["time"], target=["spent"])
    )
    bought = getml.data.DataFrame.from_pandas(
        lines, "lines", roles=roles(
            join_key=["who"], time_stamp=["day"], numerical=["amount", "quantity"],
            categorical=["product_id", "order_id"],
        ),
    )  # fmt: skip
    model = getml.data.DataModel(asked.to_placeholder("rows"))
    tables = {f"lines_{days}": bought for days in WINDOWS}
    for days in WINDOWS:
        window = bought.to_placeholder(f"lines_{days}")
        model.add(window)
        memory, horizon = getml.data.time.days(days), getml.data.time.days(1)
        model.population.join(window, on="who", time_stamps=("time", "day"), memory=memory, horizon=horizon)
    kinds = ["SUM", "AVG", "MAX", "MIN", "COUNT", "COUNT DISTINCT", "LAST", "FIRST"]
    learner = getml.feature_learning.FastProp(
        loss_function="SquareLoss", num_threads=1, num_features=200, aggregation=kinds
    )
    pipeline = getml.pipeline.Pipeline(data_model=model, feature_learners=[learner], loss_function="SquareLoss")
    pipeline.fit(asked, tables, check=False)
    made = pipeline.transform(asked, tables)
    np.save(f"{path}.npy", made)
    used = engine_seconds()
    getml.engine.shutdown()
    return made.size, used


def engine_seconds() -> float:
    """Return the CPU seconds of getML's engine, which is no child of this process: user and system, from /proc."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            said = file.read_text().rsplit(") ", 1)[1]
            if "/getml-" in str(file.with_name("exe").readlink()):
                ticks += sum(int(n) for n in said.split()[11:13])
        except (OSError, ValueError):  # of others, or over by now
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Compute and say how many values there are."""
    how, path, *days = sys.argv[1:]
    dates = [date.fromisoformat(d) for d in days]
    values, elsewhere = 0, 0.0
    if how == "polars":
        values = with_polars(path, dates)
    elif how == "getml":
        values, elsewhere = with_getml(path, dates)
    else:
        values = with_featuretools(path, dates, int(how))
    print("\n" + json.dumps({"values": int(values), "cpu_elsewhere": elsewhere}))


if __name__ == "__main__":
    main()
