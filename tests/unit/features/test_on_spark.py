"""The snapshot on Spark, on a cluster of two workers: it is that of the embedded engine, however the lines lie."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import lines_of, real_history
from tests.oracle.histories import CENTS, FINE, HUGE, TIES, as_ofs, random_history

from smartaccounts.config import Features, Pipeline, Target, pipeline_from, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import HistoryError, InputError, PipelineError
from smartaccounts.features import on_spark as module
from smartaccounts.orders.on_spark import packed
from smartaccounts.orders.simulate import simulate
from smartaccounts.timeline import from_day_number
from smartaccounts.workflow.features import Written, write_features

pytestmark = pytest.mark.slow

PIPELINES = Path(__file__).parents[3] / "pipelines"
EXECUTOR = "CoarseGrainedExecutorBackend"
KEY = ["as_of", "market", "customer_id"]
NEEDED = ("market", "customer_id", "order_id", "order_date", "known_date", "amount")
PARTS = 12
MORE = ("product_id", "quantity", "unit_price", "list_price", "cost", "channel", "category")


def shuffled(table: pa.Table, path: Path, *, seed: int) -> None:
    """Write the rows in another order, in files of a folder."""
    path.mkdir()
    order = np.random.default_rng(seed).permutation(table.num_rows)
    for number, rows in enumerate(np.array_split(order, 3)):
        pq.write_table(table.take(rows), path / f"{number}.parquet")


def written(source: Pipeline, dates: Sequence[date], out: Path, **more: Any) -> tuple[Written, pa.Table]:
    said = write_features(source, dates, out, **more)
    table = pq.read_table(out)
    texts = pa.schema([f.with_type(pa.string()) if f.name in KEY[1:] else f for f in table.schema])
    return said, table.cast(texts).sort_by([(k, "ascending") for k in KEY]).combine_chunks()


def on_spark(source: Pipeline, *, path: str, partitions: int) -> Pipeline:
    update = {
        "engine": "spark",
        "source": source.source.model_copy(update={"path": path}),
        "spark": source.spark.model_copy(update={"partitions": partitions}),
    }
    return source.model_copy(update=update)


def history(folder: Path, seed: int, money: Any, columns: Sequence[str] = (*NEEDED, *MORE)) -> Pipeline:
    rows = [
        {"order_date": r.pop("day"), "known_date": r.pop("known_day", None), **r} for r in random_history(seed, money)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "lines.parquet")
    names = dict.fromkeys(columns)
    return pipeline_from(
        {
            "name": "test",
            "source": {"path": str(folder / "lines.parquet")},
            "columns": {n: n for n in names},
            "target": {"min_active": 3, "horizon_days": 91},
        },
        folder=folder,
    )


@pytest.mark.parametrize(
    ("seed", "money", "columns", "partitions"),
    [
        (1, TIES, (*NEEDED, *MORE), 1),
        (2, CENTS, (*NEEDED, *MORE), 7),
        (3, FINE, NEEDED, 3),
    ],
)
def test_every_value_is_that_of_the_embedded_engine(
    seed: int, money: Any, columns: Sequence[str], partitions: int, cluster: Any, tmp_path: Path
) -> None:
    source, dates = history(tmp_path, seed, money, columns), as_ofs(seed)
    shuffled(pq.read_table(tmp_path / "lines.parquet"), tmp_path / "apart", seed=seed)
    apart = on_spark(source, path=str(tmp_path / "apart"), partitions=partitions)
    said, expected = written(source, dates, tmp_path / "embedded.parquet", double=True)
    also, found = written(apart, dates, tmp_path / "spark.parquet", double=True)
    assert also == said
    assert found.schema.equals(expected.schema)
    assert [n for n in expected.column_names if not found[n].equals(expected[n])] == []


def test_features_of_the_pipeline_file_are_those_of_the_embedded_engine(cluster: Any, tmp_path: Path) -> None:
    said = {
        "weekends": {"sql": "SUM(CASE WHEN weekday >= 5 THEN amount ELSE 0 END) / NULLIF(SUM(amount), 0)"},
        "spread": {"sql": "STDDEV(amount)", "within_days": 200},
        "web": {"sql": "COUNT(DISTINCT CASE WHEN channel = 'web' THEN order_id END)"},
    }
    extra = {name: {"unit": "ratio", "meaning": name} | s for name, s in said.items()}
    features = Features.model_validate({"extra": extra})
    source = history(tmp_path, 4, CENTS, NEEDED).model_copy(update={"features": features})
    shuffled(pq.read_table(tmp_path / "lines.parquet"), tmp_path / "apart", seed=4)
    told, expected = written(source, as_ofs(4), tmp_path / "embedded.parquet")
    also, found = written(
        on_spark(source, path=str(tmp_path / "apart"), partitions=3), as_ofs(4), tmp_path / "spark.parquet"
    )
    assert also == told
    assert told.absent[-1] == "web"
    assert found.column_names[-3:] == [*said]
    assert found["weekends"].null_count < found.num_rows
    assert found.equals(expected)


def test_parts_come_together_in_whichever_order_their_pieces_come(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_history(1, TIES)
    with Engine() as engine:
        lines = lines_of(engine, rows)
        day = from_day_number(lines.last_day + 1)
        content = packed(engine.arrow(f"SELECT * FROM {lines.table}"))
        part = pa.table({"part": [0], "kind": ["lines"], "content": [content]}).to_batches()[0]
        asked = module._Asked((day,), (lines.first_day,), Target(min_active=3), frozenset(), (), double=True)
        monkeypatch.setattr(module, "_PIECE", 1000)
        held = engine.columns(lines.table)
        made = pa.concat_tables(module._swept(0, iter([part]), provided=lines.provided, held=[*held], asked=asked))
    pieces = made.filter(pa.compute.is_valid(made["piece"]))
    assert pieces.num_rows > 2
    whole = module._part(pieces)
    assert whole is not None
    mixed = pieces.take(np.random.default_rng(0).permutation(pieces.num_rows)).to_batches(max_chunksize=1)
    again = module._part(iter(mixed))
    assert again is not None
    np.testing.assert_array_equal(again.held.longs, whole.held.longs)
    np.testing.assert_array_equal(again.baskets, whole.baskets)
    assert again.names.equals(whole.names)
    assert module._part(iter([])) is None


def test_products_that_nobody_bought(cluster: Any, tmp_path: Path) -> None:
    source, dates = history(tmp_path, 2, CENTS), as_ofs(2)
    rows = pq.read_table(tmp_path / "lines.parquet")
    nothing = pa.nulls(rows.num_rows, pa.string())
    pq.write_table(
        rows.set_column(rows.column_names.index("product_id"), "product_id", nothing), tmp_path / "lines.parquet"
    )
    said, expected = written(source, dates, tmp_path / "embedded.parquet")
    apart = on_spark(source, path=str(tmp_path / "lines.parquet"), partitions=2)
    also, found = written(apart, dates, tmp_path / "spark.parquet")
    assert also == said
    assert found.equals(expected)


def test_a_simulated_supplier_in_single_precision(cluster: Any, tmp_path: Path) -> None:
    made = simulate(tmp_path / "orders.parquet", customers=300, years=2.5, markets=2)
    demo = read_pipeline(PIPELINES / "demo.yaml", overrides=[f"source.path={made.lines}", "target.min_active=20"])
    dates = [date(2022, 7, 1), date(2023, 5, 1)]
    said, expected = written(demo, dates, tmp_path / "embedded.parquet")
    out = tmp_path / "spark.parquet"
    also, found = written(on_spark(demo, path=str(made.lines), partitions=4), dates, out)
    assert (also, found.schema) == (said, expected.schema)
    assert found.equals(expected)
    again = written(on_spark(demo, path=str(made.lines), partitions=2), dates, out)[1]
    assert again.equals(expected)


@pytest.mark.real
def test_a_real_history(cluster: Any, tmp_path: Path) -> None:
    real_history("online_retail")
    source = read_pipeline(PIPELINES / "online_retail.yaml")
    dates = [date(2010, 9, 1), date(2011, 6, 1)]
    _, expected = written(source, dates, tmp_path / "embedded.parquet", double=True)
    spark = on_spark(source, path=str(source.resolve(source.source.path or "")), partitions=3)
    assert written(spark, dates, tmp_path / "spark.parquet", double=True)[1].equals(expected)


@pytest.mark.parametrize(
    ("money", "dates", "error", "said"),
    [
        (CENTS, [date(2018, 1, 1)], HistoryError, "Expected an as_of with at least 91 days of history"),
        (HUGE, [date(2021, 6, 1)], InputError, "Expected money of one customer that sums up to less than 9e9"),
    ],
)
def test_what_cannot_be_computed_is_said(
    money: Any, dates: list[date], error: type[Exception], said: str, cluster: Any, tmp_path: Path
) -> None:
    source = on_spark(history(tmp_path, 2, money), path=str(tmp_path / "lines.parquet"), partitions=2)
    with pytest.raises(error, match=said):
        write_features(source, dates, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_nothing_that_spark_did_not_write_is_replaced(cluster: Any, tmp_path: Path) -> None:
    source = on_spark(history(tmp_path, 2, CENTS), path=str(tmp_path / "lines.parquet"), partitions=2)
    (tmp_path / "mine").mkdir()
    for out in (tmp_path / "mine", tmp_path / "lines.parquet", tmp_path / "nowhere" / "out"):
        with pytest.raises(PipelineError, match="Expected a new folder in a folder that exists"):
            write_features(source, [date(2020, 6, 1)], out)


def killed_executor() -> int | None:
    """Kill one of the processes that hold the lines."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended, or is ending
            if EXECUTOR in " ".join(process.cmdline()):
                process.kill()
                return process.pid
    return None


def test_executors_that_die_change_nothing(cluster: Any, tmp_path: Path) -> None:
    """One once the lines are read, and one while the files of the answer are being written."""
    source, dates = history(tmp_path, 1, CENTS), as_ofs(1)
    said, expected = written(source, dates, tmp_path / "embedded.parquet", double=True)
    killed: list[int | None] = []
    seen: list[int] = []
    over = Event()

    def kill_when_writing() -> None:
        while not over.is_set() and not (files := [*tmp_path.glob(".*/writing/*")]):
            over.wait(0.01)
        if not over.is_set():
            seen.append(len(files))
            killed.append(killed_executor())

    apart = on_spark(source, path=str(tmp_path / "lines.parquet"), partitions=PARTS)
    with ThreadPoolExecutor(1) as beside:
        watched = beside.submit(kill_when_writing)
        try:
            also, found = written(
                apart, dates, tmp_path / "spark.parquet", double=True,
                step=lambda told: killed.append(killed_executor()) if told == "order lines read" else None,
            )  # fmt: skip
        finally:
            over.set()
            watched.result()
    assert len({*killed} - {None}) == 2
    assert seen[0] < PARTS, "it was killed when all was written"
    assert also == said
    assert found.equals(expected)
