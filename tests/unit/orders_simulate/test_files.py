"""What simulate writes: the same bytes for the same arguments, whole files or none, clear errors."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.config import read_pipeline
from smartaccounts.errors import PipelineError
from smartaccounts.orders import simulate as module
from smartaccounts.orders.simulate import simulate
from smartaccounts.orders.simulation import files
from smartaccounts.orders.simulation.customers import customers_table

COLUMNS = [
    "market", "customer_id", "order_id", "order_date", "known_date", "product_id", "quantity",
    "unit_price", "list_price", "discount", "amount", "cost", "channel", "category",
]  # fmt: skip


def small(path: Path | str, **changes):
    return simulate(path, **{"customers": 60, "years": 0.6, "seed": 3} | changes)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz"])
def test_same_arguments_give_same_bytes_and_another_seed_others(tmp_path, ending):
    asked = [(Path, "a", 3), (str, "b", 3), (Path, "c", 4)]
    made = [small(kind(tmp_path / f"{name}{ending}"), seed=seed) for kind, name, seed in asked]
    lines = [m.lines.read_bytes() for m in made]
    truths = [m.truth.read_bytes() for m in made]
    assert lines[0] == lines[1] != lines[2]
    assert truths[0] == truths[1] != truths[2]
    assert made[0].truth == tmp_path / "a_truth.parquet"


def test_csv_holds_what_parquet_holds(tmp_path):
    parquet = pd.read_parquet(small(tmp_path / "a.parquet").lines)
    text = dict.fromkeys(parquet.columns[parquet.dtypes == "str"], "str")
    for name in ("b.csv", "c.csv.gz"):
        csv = pd.read_csv(
            small(tmp_path / name).lines, dtype=text, keep_default_na=False, na_values={"customer_id": [""]}
        )
        expected = parquet.assign(
            order_date=parquet["order_date"].astype(str), known_date=parquet["known_date"].astype(str)
        )
        pd.testing.assert_frame_equal(csv, expected, check_dtype=False)


def test_columns_types_and_counts(supplier):
    assert supplier.lines.columns.tolist() == COLUMNS
    assert supplier.made.line_count == len(supplier.lines)
    assert 270_000 < supplier.made.line_count < 330_000
    numbers = supplier.lines["order_id"].str.lstrip("RC").nunique()
    assert supplier.made.order_count == numbers
    types = {f.name: str(f.type) for f in pq.read_schema(supplier.made.lines)}
    assert types["order_date"] == types["known_date"] == "date32[day]"
    assert {types[c] for c in ("market", "customer_id", "order_id", "product_id", "channel", "category")} == {"string"}
    assert supplier.lines.drop(columns="customer_id").notna().all(axis=None)
    assert set(supplier.lines["market"]) == {""}


def test_one_row_group_a_month(supplier):
    assert pq.ParquetFile(supplier.made.lines).metadata.num_row_groups == 48


def test_dates_lie_in_the_span(tmp_path):
    made = small(tmp_path / "a.parquet", start=date(2019, 11, 17), years=0.5)
    lines = pd.read_parquet(made.lines)
    assert (made.start, made.end) == (date(2019, 11, 17), date(2020, 5, 18))
    assert lines["order_date"].min() >= made.start
    assert lines["known_date"].max() < made.end
    assert lines["order_date"].max() > date(2020, 5, 1)


def test_markets_have_their_own_customers(tmp_path):
    made = small(tmp_path / "a.parquet", customers=300, markets=3)
    lines, truth = pd.read_parquet(made.lines), pd.read_parquet(made.truth)
    assert set(lines["market"]) == set(truth["market"]) == {"M01", "M02", "M03"}
    known = lines.dropna(subset="customer_id")
    assert (known["customer_id"].map(truth.set_index("customer_id")["market"]) == known["market"]).all()


def test_blocks_of_customers_share_the_truth_and_number_orders_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 25)
    made = small(tmp_path / "a.parquet", customers=120)
    lines, truth = pd.read_parquet(made.lines), pd.read_parquet(made.truth)
    assert truth["customer_id"].is_unique
    assert set(lines["customer_id"].dropna()) <= set(truth["customer_id"])
    per_order = lines.dropna(subset="customer_id").groupby("order_id")["customer_id"].nunique()
    assert (per_order == 1).all()
    assert lines["customer_id"].nunique() > 60


@pytest.mark.parametrize(("customers", "years"), [(1, 0.001), (1, 4.0), (7, 0.05)])
def test_hardly_anybody(tmp_path, customers, years):
    for seed in range(5):
        made = small(tmp_path / "a.parquet", customers=customers, years=years, seed=seed)
        assert len(pd.read_parquet(made.lines)) == made.line_count
        assert len(pd.read_parquet(made.truth)) == customers


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"customers": 0}, "got 0 in --customers"),
        ({"customers": -5}, "got -5 in --customers"),
        ({"customers": 10**9}, "got 1000000000 in --customers"),
        ({"years": 0}, "got 0 in --years"),
        ({"years": -1.5}, "got -1.5 in --years"),
        ({"years": float("nan")}, "got nan in --years"),
        ({"years": float("inf")}, "got inf in --years"),
        ({"seed": -1}, "got -1 in --seed"),
        ({"markets": 0}, "got 0 in --markets"),
        ({"markets": 61}, "1 to 60 markets, got 61 in --markets"),
        ({"start": date(9990, 1, 1)}, "got 9990-01-01 in start"),
    ],
)
def test_numbers_out_of_range(tmp_path, changes, said):
    with pytest.raises(PipelineError, match=said):
        small(tmp_path / "a.parquet", **changes)
    assert list(tmp_path.iterdir()) == []


def test_paths_that_cannot_be_written(tmp_path):
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "b_truth.parquet").mkdir()
    (tmp_path / "c_customers.csv").mkdir()
    (tmp_path / "file").write_text("")
    for name, said in [
        ("folder.parquet", "got a folder in --out"),
        ("missing/a.parquet", "Expected a folder, got nothing in"),
        ("file/a.parquet", "Expected a folder, got a file in"),
        ("a.xlsx", "ending in .parquet, .csv, .csv.gz, got 'a.xlsx'"),
        (".csv", "ending in .parquet, .csv, .csv.gz, got '.csv'"),
        ("b.parquet", "got a folder in .*b_truth.parquet"),
        ("c.parquet", "got a folder in .*c_customers.csv"),
    ]:
        with pytest.raises(PipelineError, match=said):
            small(tmp_path / name)
    assert {p.name for p in tmp_path.iterdir()} == {"folder.parquet", "b_truth.parquet", "c_customers.csv", "file"}


def test_the_customers_table_has_every_customer_once_and_follows_the_seed(tmp_path):
    made = [small(tmp_path / f"{name}.parquet", seed=seed, markets=2) for name, seed in (("a", 3), ("b", 3), ("c", 4))]
    texts = [m.customers_table.read_bytes() for m in made]
    assert texts[0] == texts[1] != texts[2]
    found, truth = pd.read_csv(made[0].customers_table, dtype="str"), pd.read_parquet(made[0].truth)
    assert list(found) == ["customer_id", "market", "name", "region", "sales_rep"]
    assert found["customer_id"].tolist() == truth["customer_id"].tolist()
    assert found["market"].tolist() == truth["market"].tolist()
    assert found["name"].is_unique
    assert found.notna().all(axis=None)
    assert (
        len(found[["sales_rep", "region"]].drop_duplicates()) == found["sales_rep"].nunique()
    )  # a seller has one region


def test_no_two_of_25600_firms_bear_the_same_name():
    ids = pa.array([str(i) for i in range(25_600)])
    table = customers_table(np.random.default_rng(0), customer=ids, market=pa.array([""] * len(ids)))
    assert len(set(table["name"].to_pylist())) == 25_600


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
@pytest.mark.parametrize("place", ["table", "truth"])
def test_interrupted_leaves_the_old_files_and_nothing_else(tmp_path, monkeypatch, name, place):
    made = small(tmp_path / name)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert set(before) == {made.lines.name, made.truth.name, made.customers_table.name}
    calls = []
    table = files.Labels.table

    def stop(*args, **kwargs):
        calls.append(1)
        if place == "truth" or len(calls) == 3:
            raise KeyboardInterrupt
        return table(*args, **kwargs)

    monkeypatch.setattr(*((files.Labels, "table") if place == "table" else (files, "write_truth")), stop)
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / name, seed=9)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_truth", full)
    with pytest.raises(PipelineError, match="No space left on device"):
        small(tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_demo_pipeline_maps_every_column_of_the_simulation(supplier):
    pipeline = read_pipeline(Path(__file__).parents[3] / "pipelines" / "demo.yaml")
    assert pipeline.name == "demo"
    assert pipeline.columns.mapped() == {name: name for name in COLUMNS}
    path = pipeline.resolve(pipeline.source.path)
    assert path.resolve() == Path(__file__).parents[3] / "data" / "demo" / "orders.parquet"
    for code in np.setdiff1d(supplier.lines.loc[supplier.lines["category"] == "fees", "product_id"], []):
        assert f"'{code}'" in pipeline.keep
